"""Programs for ExecuTorch, run by ExecuTorch's own runtime: training by its TrainingModule and SGD beside torch's, and inference beside
eager PyTorch. Skipped where the wheel `executorch` is not installed (pip install executorch==1.4.1)."""
import os
import pathlib
import subprocess
import warnings

import pytest
import torch
import torch.nn as nn
import torch.nn.functional as F
from training_models import Cnn, Encoder, Mlp, Tagger

pytest.importorskip("executorch")
warnings.filterwarnings("ignore")
ROOT = pathlib.Path(__file__).parents[2]
BINARY = os.environ.get("PORTFIRE_BINARY", str(ROOT / "build/release/portfire"))
TOLERANCE = 1e-4


def compiled(folder, model, inputs, *flags, code=0, **export):
    torch.export.save(torch.export.export(model, inputs, strict=False, **export), folder / "m.pt2")
    words = [BINARY, "compile", folder / "m.pt2", "-o", folder / "m.pte", "--target", "executorch", *flags]
    done = subprocess.run([str(w) for w in words], capture_output=True, text=True, timeout=600)
    assert done.returncode == code, done.stderr + done.stdout
    return done.stderr if code else (folder / "m.pte").read_bytes()


KEPT = []  # ExecuTorch's module reads the bytes that it was loaded from as long as it is there


def loaded(program):
    from executorch.extension.pybindings.portable_lib import _load_for_executorch_from_buffer

    KEPT.append(program)
    return _load_for_executorch_from_buffer(program)


class Normalised(nn.Module):
    """Batch norms move their running statistics: state beside the parameters."""

    def __init__(self):
        super().__init__()
        self.a, self.n, self.b = nn.Conv2d(1, 8, 3, stride=2), nn.BatchNorm2d(8), nn.Linear(72, 10)

    def forward(self, x):
        return self.b(F.gelu(self.n(self.a(x))).flatten(1))


TRAINED = {
    "mlp": (Mlp, lambda: torch.randn(32, 64)),
    "cnn": (Cnn, lambda: torch.randn(32, 1, 8, 8)),
    "normalised": (Normalised, lambda: torch.randn(8, 1, 8, 8)),
    "encoder": (Encoder, lambda: torch.randint(0, 1000, (8, 64))),
    "recurrent": (lambda: Tagger(8, 16, 10), lambda: torch.randn(4, 6, 8)),
}


@pytest.mark.parametrize("name", TRAINED)
def test_training(name, tmp_path):
    from executorch.extension.training import _load_for_executorch_for_training_from_buffer, get_sgd_optimizer

    torch.manual_seed(0)
    make, inputs = TRAINED[name]
    model, x = make(), inputs()
    y = torch.randint(0, 10, (len(x),))
    program = compiled(tmp_path, model, (x,), "--train", "--loss", "cross_entropy", "--optimizer", "none")
    theirs = _load_for_executorch_for_training_from_buffer(program)
    ours = torch.optim.SGD(model.parameters(), 0.1)
    optimizer, losses, expected = None, [], []
    for _ in range(5):
        ours.zero_grad()
        prediction = model(x)
        loss = F.cross_entropy(prediction, y)
        loss.backward()
        ours.step()
        expected.append(loss.item())
        answers = theirs.forward_backward("forward", [x, y])
        losses.append(answers[0].item())
        torch.testing.assert_close(answers[1], prediction.detach(), atol=1e-3, rtol=1e-3)
        parameters, gradients = theirs.named_parameters(), theirs.named_gradients()
        assert list(gradients) and set(gradients) == {n for n, _ in model.named_parameters()} == set(parameters)
        optimizer = optimizer or get_sgd_optimizer(parameters, 0.1)
        optimizer.step(gradients)
    assert losses == pytest.approx(expected, abs=TOLERANCE)
    for key, value in model.named_parameters():
        torch.testing.assert_close(theirs.named_parameters()[key], value.detach(), atol=TOLERANCE, rtol=1e-3)


class Body(nn.Module):
    """A function as a module."""

    def __init__(self, body):
        super().__init__()
        self.body = body

    def forward(self, *inputs):
        return self.body(*inputs)


def normal(*shape):
    return lambda: torch.randn(shape)


INFERENCE = {
    "mlp": (Mlp, [normal(3, 64)]),
    "cnn": (Cnn, [normal(2, 1, 8, 8)]),
    "normalised": (Normalised, [normal(2, 1, 8, 8)]),
    "encoder": (Encoder, [lambda: torch.randint(0, 1000, (2, 16))]),
    "lstm": (lambda: Tagger(8, 16, 10), [normal(2, 5, 8)]),
    "gru": (lambda: nn.GRU(4, 6), [normal(5, 2, 4)]),
    "transposed_convolution": (lambda: nn.ConvTranspose2d(4, 6, 3, stride=2, padding=1), [normal(1, 4, 5, 5)]),
    "group_norm": (lambda: nn.GroupNorm(2, 4), [normal(2, 4, 5)]),
    "average_pool": (lambda: nn.Sequential(nn.AvgPool2d(2), nn.AdaptiveAvgPool2d(1)), [normal(1, 3, 8, 8)]),
    "activations": (lambda: Body(lambda x: F.hardswish(x) + F.silu(x) + F.gelu(x, approximate="tanh") + F.leaky_relu(x) + F.elu(x) + F.softplus(x) + F.relu6(x)), [normal(4, 5)]),
    "numbers": (lambda: Body(lambda x: (1 - x) / 2 + 2 / (x.abs() + 1) + x.clamp(-1, 0.5) ** 2), [normal(4, 5)]),
    "indices": (lambda: Body(lambda x, i: (x[i], x.gather(0, i[:, None].expand(3, 5)), x.index_select(1, i), x.argmax(1), x.topk(2).values)), [normal(4, 5), lambda: torch.tensor([0, 2, 1])]),
    "shapes": (lambda: Body(lambda x: (x.transpose(0, 1).reshape(-1), x[:, 1:3].flip(0), torch.cat([x, x[:1]]), x.split(2)[1], x.tril(), x.triu(1), F.interpolate(x[None, None], scale_factor=2.0, mode="bilinear"), F.pad(x, (1, 2)))), [normal(4, 5)]),
    "reductions": (lambda: Body(lambda x: (x.mean(1), x.var(0), x.std(1), x.amax(0), x.norm(), x.sum(), x.softmax(1), x.logsumexp(0), x.cumsum(1), (x > 0).any(1), (x > 0).all(), F.rms_norm(x, (5,)), (x > 0).sum())), [normal(4, 5)]),
    "integers": (lambda: Body(lambda x: (x // 3, x % 3, x * 2, x & 3, ~x, (x > 1).float(), x.float() / 2)), [lambda: torch.tensor([-4, 1, 5])]),
}


@pytest.mark.parametrize("name", INFERENCE)
def test_inference(name, tmp_path):
    torch.manual_seed(0)
    make, inputs = INFERENCE[name]
    model, inputs = make().eval(), tuple(i() for i in inputs)
    program = loaded(compiled(tmp_path, model, inputs))
    expected = torch.utils._pytree.tree_leaves(model(*inputs))
    for _ in range(2):
        answers = program.forward(inputs)
        assert len(answers) == len(expected)
        for answer, right in zip(answers, expected):
            torch.testing.assert_close(answer, right.detach(), atol=TOLERANCE, rtol=TOLERANCE)


def test_sizes_may_vary(tmp_path):
    model = Mlp().eval()
    program = compiled(tmp_path, model, (torch.randn(4, 64),), dynamic_shapes=({0: torch.export.Dim("batch", min=2, max=16)},))
    program = loaded(program)
    for rows in (2, 7, 16):
        x = torch.randn(rows, 64)
        torch.testing.assert_close(program.forward([x])[0], model(x).detach(), atol=TOLERANCE, rtol=TOLERANCE)


def test_state_is_kept(tmp_path):
    class Counter(nn.Module):
        def __init__(self):
            super().__init__()
            self.register_buffer("count", torch.tensor([3.0]))

        def forward(self, x):
            self.count += 1
            return x * self.count

    program = loaded(compiled(tmp_path, Counter(), (torch.ones(2),)))
    assert [program.forward([torch.ones(2)])[0][0].item() for _ in range(3)] == [4, 5, 6]


def test_refusals(tmp_path):
    message = compiled(tmp_path, Body(lambda x: torch.special.digamma(x)), (torch.rand(3),), code=3)
    assert "aten::digamma has no form in ExecuTorch's portable operators" in message and "test_executorch.py:" in message
    message = compiled(tmp_path, Mlp(), (torch.rand(3, 64),), "--train", "--loss", "cross_entropy", "--optimizer", "sgd", code=3)
    assert "expected --optimizer none" in message
