"""`portfire train` and `merge` as people call them: checkpoints that go on, kills, what is said of wrong input, weights back in PyTorch."""
import json
import os
import pathlib
import signal
import subprocess
import time

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

import training_models
from test_training import BINARY, portfire


class Dropping(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = torch.nn.Linear(64, 128), torch.nn.Linear(128, 10)

    def forward(self, x):
        return self.b(torch.nn.functional.dropout(torch.relu(self.a(x)), 0.2, self.training))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    d = tmp_path_factory.mktemp("train")
    torch.manual_seed(0)
    model = Dropping().train()
    batch = {"x": {0: torch.export.Dim("batch", min=2, max=32)}}
    torch.export.save(torch.export.export(model, (torch.randn(16, 64),), dynamic_shapes=batch), d / "m.pt2")
    torch.save(model.state_dict(), d / "state.pt")
    portfire("compile", d / "m.pt2", "-o", d / "m.train.pte", "--train", "--loss", "cross_entropy", "--optimizer", "adamw")
    x = torch.randn(250, 64)
    np.save(d / "x.npy", x.numpy())
    np.save(d / "y.npy", (x @ torch.randn(64, 10)).argmax(1).numpy())
    return d


def train(d, *words, code=0, lr="cosine:0.003,warmup=3"):
    return portfire("train", d / "m.train.pte", "--data", d / "x.npy", "--target", d / "y.npy", "--batch", "32", "--lr", lr, *words, code=code)


def test_learns_and_says_so(folder, tmp_path):
    said = train(folder, "--validate", f"{folder}/x.npy,{folder}/y.npy", "--epochs", "8", "--save", tmp_path / "c.ptd", "--log", tmp_path / "log.jsonl", "--curve", tmp_path / "c.svg")
    assert "epoch 8/8" in said and "accuracy" in said
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    steps = [line for line in lines if "loss" in line]
    assert len(steps) == 8 * 8 and steps[-1]["loss"] < steps[0]["loss"] * 0.7  # 250 rows: seven whole batches and one of 26
    assert steps[0]["lr"] == pytest.approx(0.001) and steps[-1]["lr"] < 1e-4
    assert (tmp_path / "c.svg").read_text().startswith("<svg")


def test_resumes_bit_for_bit(folder, tmp_path):
    train(folder, "--epochs", "4", "--save", tmp_path / "whole.ptd", "--threads", "1")
    train(folder, "--epochs", "2", "--save", tmp_path / "half.ptd", "--threads", "1", lr="0.001")
    train(folder, "--epochs", "4", "--resume", tmp_path / "half.ptd", "--save", tmp_path / "both.ptd", "--threads", "1", lr="0.001")
    train(folder, "--epochs", "4", "--save", tmp_path / "constant.ptd", "--threads", "1", lr="0.001")
    assert (tmp_path / "both.ptd").read_bytes() == (tmp_path / "constant.ptd").read_bytes()
    assert (tmp_path / "both.ptd").read_bytes() != (tmp_path / "whole.ptd").read_bytes()


def test_survives_kills(folder, tmp_path):
    for k in range(12):
        process = subprocess.Popen([BINARY, "train", folder / "m.train.pte", "--data", folder / "x.npy", "--target", folder / "y.npy", "--batch", "32", "--epochs", "100000",
                                    "--save", tmp_path / "k.ptd", "--save-every", "1", *(["--resume", tmp_path / "k.ptd"] if (tmp_path / "k.ptd").exists() else [])],
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(0.15 + 0.013 * k)
        process.send_signal(signal.SIGKILL)
        process.wait()
        if (tmp_path / "k.ptd").exists():
            portfire("inspect", tmp_path / "k.ptd")
    assert (tmp_path / "k.ptd").exists()
    train(folder, "--epochs", "0", "--resume", tmp_path / "k.ptd")


def test_interrupt_keeps_what_was_learned(folder, tmp_path):
    process = subprocess.Popen([BINARY, "train", folder / "m.train.pte", "--data", folder / "x.npy", "--target", folder / "y.npy", "--batch", "32", "--epochs", "1000000",
                                "--save", tmp_path / "i.ptd"], stdout=subprocess.PIPE, text=True)
    process.stdout.readline()  # an epoch
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == 0 and (tmp_path / "i.ptd").exists()


def test_merges(folder, tmp_path):
    train(folder, "--epochs", "2", "--save", tmp_path / "c.ptd")
    portfire("convert", tmp_path / "c.ptd", "-o", tmp_path / "c.safetensors")
    model = Dropping().eval()
    model.load_state_dict(load_file(tmp_path / "c.safetensors"))
    x = torch.randn(5, 64)
    np.save(tmp_path / "x.npy", x.numpy())
    np.save(tmp_path / "y.npy", model(x).detach().numpy())
    portfire("merge", folder / "m.train.pte", tmp_path / "c.ptd", "-o", tmp_path / "tuned.pte")
    portfire("run", tmp_path / "tuned.pte", "--input", tmp_path / "x.npy", "--expect", tmp_path / "y.npy")
    torch.manual_seed(0)
    torch.export.save(torch.export.export(Dropping().eval(), (torch.randn(5, 64),)), tmp_path / "e.pt2")
    portfire("merge", tmp_path / "e.pt2", tmp_path / "c.ptd", "-o", tmp_path / "tuned2.pte")
    portfire("run", tmp_path / "tuned2.pte", "--input", tmp_path / "x.npy", "--expect", tmp_path / "y.npy")


def test_merges_lora(tmp_path):
    torch.manual_seed(0)
    model = training_models.Mlp()
    torch.export.save(torch.export.export(model, (torch.randn(32, 64),)), tmp_path / "m.pt2")
    portfire("compile", tmp_path / "m.pt2", "-o", tmp_path / "m.train.pte", "--train", "--loss", "cross_entropy", "--optimizer", "adam", "--lora", "*.weight", "--rank", "3")
    np.save(tmp_path / "x.npy", torch.randn(320, 64).numpy())
    np.save(tmp_path / "y.npy", torch.randint(0, 10, (320,)).numpy())
    portfire("train", tmp_path / "m.train.pte", "--data", tmp_path / "x.npy", "--target", tmp_path / "y.npy", "--epochs", "3", "--lr", "0.01", "--save", tmp_path / "l.ptd")
    np.save(tmp_path / "x0.npy", torch.randn(32, 64).numpy())
    portfire("merge", tmp_path / "m.train.pte", tmp_path / "l.ptd", "-o", tmp_path / "beside.pte")
    portfire("run", tmp_path / "beside.pte", "--input", tmp_path / "x0.npy", "--output", tmp_path / "y0.npy")
    portfire("merge", tmp_path / "m.pt2", tmp_path / "l.ptd", "-o", tmp_path / "inside.pte")
    portfire("run", tmp_path / "inside.pte", "--input", tmp_path / "x0.npy", "--expect", tmp_path / "y0.npy")
    portfire("compile", tmp_path / "m.pt2", "-o", tmp_path / "plain.pte")
    assert "differs" in portfire("run", tmp_path / "plain.pte", "--input", tmp_path / "x0.npy", "--expect", tmp_path / "y0.npy", code=1)


def test_says_what_is_wrong(folder, tmp_path):
    compile_ = lambda *words: portfire("compile", folder / "m.pt2", "-o", tmp_path / "n.pte", "--train", *words, code=2)
    assert "--loss" in compile_()
    assert "expected sgd" in compile_("--loss", "mse", "--optimizer", "newton")
    assert "--trainable c.*" in compile_("--loss", "mse", "--trainable", "c.*")
    assert "at the least" in compile_("--loss", "mse", "--memory-limit", "0.001")
    np.save(tmp_path / "bad.npy", np.full(250, 10))
    words = ["train", folder / "m.train.pte", "--data", folder / "x.npy", "--batch", "32"]
    assert "class 10 (expected 0 to 9)" in portfire(*words, "--target", tmp_path / "bad.npy", code=2)
    np.save(tmp_path / "bad.npy", np.zeros(250, np.float32))
    assert "target" in portfire(*words, "--target", tmp_path / "bad.npy", code=2)
    x = np.load(folder / "x.npy")
    x[40, 3] = np.inf
    np.save(tmp_path / "inf.npy", x)
    said = portfire("train", folder / "m.train.pte", "--data", tmp_path / "inf.npy", "--target", folder / "y.npy", "--batch", "32", "--in-order", "--save", tmp_path / "s.ptd", code=1)
    assert "step 2" in said and "NaN" in said
    assert "step 1" in portfire("inspect", tmp_path / "s.ptd")  # what was learned before is kept


def test_names_the_operator_that_made_a_nan(tmp_path):
    class Roots(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.a = torch.nn.Linear(4, 4)

        def forward(self, x):
            return torch.sqrt(self.a(x))

    torch.export.save(torch.export.export(Roots(), (torch.randn(8, 4),)), tmp_path / "m.pt2")
    portfire("compile", tmp_path / "m.pt2", "-o", tmp_path / "m.train.pte", "--train", "--loss", "mse")
    np.save(tmp_path / "x.npy", np.random.default_rng(0).standard_normal((8, 4)).astype(np.float32) * 100)
    np.save(tmp_path / "y.npy", np.zeros((8, 4), np.float32))
    said = portfire("train", tmp_path / "m.train.pte", "--data", tmp_path / "x.npy", "--target", tmp_path / "y.npy", code=1)
    assert "step 1" in said and "first NaN" in said and "test_train_command.py" in said, said


def test_names_what_has_no_gradient(tmp_path):
    class Loop(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.a = torch.nn.Linear(4, 4)

        def forward(self, x):
            x = self.a(x)
            return torch._higher_order_ops.while_loop(lambda i, v: i < 3, lambda i, v: (i + 1, v * 0.5), (torch.tensor(0), x))[1]

    torch.export.save(torch.export.export(Loop(), (torch.randn(8, 4),), strict=False), tmp_path / "m.pt2")
    said = portfire("compile", tmp_path / "m.pt2", "-o", tmp_path / "m.train.pte", "--train", "--loss", "mse", code=3)
    assert "while_loop is not differentiable" in said and "(at " in said, said
