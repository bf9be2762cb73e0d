"""Our programs for ExecuTorch in its own runtime: cases of the folders in PORTFIRE_CASES (see test_cases.py), each right there, or refused
when compiled for a reason that stands in refused_there.txt; where cases are sampled (sample.py), a third of them. Then what no single
case shows: control flow, state, and what is delegated to XNNPACK."""
import os
import pathlib
import subprocess

import numpy as np
import pytest
import sample
import torch
import torch.nn as nn
import torch.nn.functional as F
from their_runtime import BINARY, Runtime, cases, verdict
from torch._higher_order_ops import scan, while_loop
from torch._higher_order_ops.map import map as map_rows

pytest.importorskip("executorch")
FOLDERS = [pathlib.Path(p) for p in os.environ.get("PORTFIRE_CASES", "").split(":") if p]
REASONS = [line for line in (pathlib.Path(__file__).parent / "refused_there.txt").read_text().splitlines() if line and not line.startswith("#")]


@pytest.fixture(scope="module")
def runtime():
    runtime = Runtime()
    yield runtime
    runtime.close()


@pytest.mark.parametrize("folder,name,calls,tolerance", [pytest.param(*c, id=c[1]) for c in cases(FOLDERS) if sample.EVERY == 1 or sample.taken(c[1] + " there", 3)])
def test_case(runtime, folder, name, calls, tolerance):
    kind, why = verdict(runtime, folder, name, calls, tolerance)
    assert kind in ("right", "refused"), why
    assert kind == "right" or any(reason in why for reason in REASONS), why


class Body(nn.Module):
    """A function as a module."""

    def __init__(self, body):
        super().__init__()
        self.body = body

    def forward(self, *inputs):
        return self.body(*inputs)


def check(runtime, folder, model, calls, flags=(), tolerance=1e-5, **export):
    """Compiles `model` and compares all calls, in order, with eager ones."""
    torch.manual_seed(0)
    torch.export.save(torch.export.export(model, calls[0], strict=False, **export), folder / "m.pt2")
    for k, inputs in enumerate(calls):
        for i, x in enumerate(inputs):
            np.save(folder / f"m.{k}.x{i}.npy", x.numpy())
        with torch.no_grad():
            for i, y in enumerate(torch.utils._pytree.tree_leaves(model(*[x.clone() for x in inputs]))):
                np.save(folder / f"m.{k}.y{i}.npy", y.detach().numpy())
    kind, why = verdict(runtime, folder, "m", len(calls), tolerance, flags, tolerance)
    assert kind == "right", why


def rows(x, w):
    return map_rows(lambda row, w: (row @ w).relu(), x, w)


FLOW = {
    "cond": (lambda x: torch.cond(x.sum() > 0, lambda x: (x * 2, x.sum()), lambda x: (x - 1, x.amax()), (x,)), [(torch.ones(3),), (-torch.ones(3),)]),
    "while_loop": (lambda x: while_loop(lambda i, x: i < 5, lambda i, x: (i + 1, x.T @ x / 4), (torch.tensor(0), x)), [(torch.ones(3, 3),), (torch.eye(3),)]),
    "map": (rows, [(torch.ones(4, 3), torch.ones(3, 2)), (torch.eye(4, 3), torch.ones(3, 2))]),
    "scan": (lambda x: scan(lambda c, x: (c + x, c * x), torch.zeros(2), x), [(torch.ones(5, 2),), (torch.arange(10.0).reshape(5, 2),)]),
}


@pytest.mark.parametrize("name", FLOW)
def test_control_flow(runtime, tmp_path, name):
    body, calls = FLOW[name]
    check(runtime, tmp_path, Body(body), calls)


class Convolutions(nn.Module):
    """Dense, depthwise, grouped and transposed ones, norms that are folded, activations that are fused, a residual, pooling."""

    def __init__(self):
        super().__init__()
        self.a, self.an = nn.Conv2d(3, 8, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(8)
        self.b, self.bn = nn.Conv2d(8, 8, 3, padding=1, groups=8), nn.BatchNorm2d(8)
        self.c = nn.Conv2d(8, 8, 1, groups=2)
        self.d = nn.ConvTranspose2d(8, 4, 3, stride=2, padding=1, output_padding=1)
        self.e = nn.Linear(12, 5)

    def forward(self, x):
        y = F.relu6(self.an(self.a(x)))
        z = F.relu(self.c(self.bn(self.b(y))) + y)
        z = torch.cat([F.max_pool2d(self.d(z), 3, 2, 1), z], 1)
        return z[:, 1:], self.e(z.mean((2, 3)))


class Layer(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.TransformerEncoderLayer(16, 2, 32, activation="gelu", batch_first=True)

    def forward(self, x):
        return self.layer(x)


class Gated(nn.Module):
    """What follows products in newer models: norms by the mean square, gates, slopes."""

    def __init__(self):
        super().__init__()
        self.norm, self.up, self.gate, self.down = nn.RMSNorm(12), nn.Linear(12, 20), nn.Linear(12, 20), nn.Linear(20, 12)
        self.slopes, self.conv = nn.PReLU(12), nn.Conv2d(2, 3, 3)

    def forward(self, x):
        y = self.norm(x)
        y = x + self.down(F.silu(self.gate(y)) * F.hardswish(self.up(y)))
        y = self.slopes(y.flatten(0, 1)).unflatten(0, x.shape[:2])
        z = F.hardsigmoid(self.conv(y.unflatten(-1, (-1, 2)).movedim(-1, 1)))
        return y[:, 0], y.mean(1), z.mean(1, keepdim=True), 1 / (2 - z.sin()) + z.cos().square()


def products(x, y):
    """Of matrices and of batches that broadcast."""
    a = x @ y.mT
    return (a.softmax(-1) @ y[:1]).sigmoid(), x[0, 0] @ y[1, 1].T


def ramp(*sizes, dtype=torch.float32):
    n = int(np.prod(sizes))
    return (torch.sin(torch.arange(n, dtype=torch.float32) * 0.7) + 0.1 * torch.cos(torch.arange(n) * 1.3)).reshape(sizes).to(dtype)


def sizes_of(*names, most=9):
    return {k: torch.export.Dim(name, min=1, max=most) for k, name in enumerate(names) if name}


# The model, calls as sizes of their inputs, how many delegates, and what of the first input is not known when it is compiled.
DELEGATED = {
    "convolutions": (Convolutions, [[(1, 3, 16, 16)]], 1, None),
    "layer": (Layer, [[(1, 7, 16)]], 2, None),  # what is before either layer norm
    "arithmetic": (lambda: Body(lambda x: (torch.sigmoid(x @ x.transpose(1, 2)) * 2 - 1).clamp(-0.3, 0.4)[:, 1:].softmax(-1)), [[(2, 4, 3)]], 1, None),
    "resized": (lambda: nn.Sequential(nn.Conv2d(2, 3, 3), nn.Upsample(scale_factor=2, mode="bilinear"), nn.ELU(), nn.AvgPool2d(2)), [[(1, 2, 8, 8)]], 1, None),
    "gated": (Gated, [[(3, 5, 12)]], 1, None),
    "products": (lambda: Body(products), [[(2, 3, 4, 5), (2, 3, 6, 5)]], 1, None),
    "convolutions of any batch": (Convolutions, [[(2, 3, 16, 16)], [(1, 3, 16, 16)], [(9, 3, 16, 16)]], 1, sizes_of("batch")),
    "layer of any batch": (Layer, [[(3, 7, 16)], [(1, 7, 16)], [(9, 7, 16)]], 3, sizes_of("batch")),
    "layer of any size": (Layer, [[(2, 7, 16)], [(1, 1, 16)], [(9, 8, 16)]], None, sizes_of("batch", "length")),
    "gated of any batch": (Gated, [[(2, 7, 12)], [(1, 7, 12)], [(9, 7, 12)]], None, sizes_of("batch")),
    "products of any batch": (lambda: Body(lambda x: (x @ x.mT).softmax(-1) @ x), [[(2, 3, 4, 5)], [(9, 3, 7, 5)]], 1, sizes_of("batch", "", "length")),
}


@pytest.mark.parametrize("name", DELEGATED)
def test_xnnpack(runtime, tmp_path, name):
    make, calls, delegates, dynamic = DELEGATED[name]
    check_delegated(runtime, tmp_path, make, [[ramp(*sizes) for sizes in call] for call in calls], delegates, dynamic)


@pytest.mark.parametrize("name", ["convolutions", "arithmetic", "gated"])
def test_xnnpack_f16(runtime, tmp_path, name):
    make, calls, _, _ = DELEGATED[name]
    check_delegated(runtime, tmp_path, lambda: make().half(), [[ramp(*sizes, dtype=torch.float16) for sizes in call] for call in calls], None, tolerance=5e-3)


def check_delegated(runtime, folder, make, calls, delegates, dynamic=None, tolerance=1e-5):
    torch.manual_seed(0)
    model = make().eval()
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.running_mean), nn.init.uniform_(module.running_var, 0.5, 2)
    shapes = ((dynamic,),) if isinstance(model, Body) else (dynamic,)
    check(runtime, folder, model, [tuple(call) for call in calls], ["--xnnpack"], tolerance, dynamic_shapes=shapes if dynamic else None)
    subprocess.run([BINARY, "compile", folder / "m.pt2", "-o", folder / "m.pte", "--target", "executorch", "--xnnpack"], check=True)
    count = (folder / "m.pte").read_bytes().count(b"XH00")
    assert count == delegates if delegates else count > 0, f"{count} delegates"


class Digits(nn.Sequential):
    def __init__(self):
        layers = [nn.Conv2d(1, 12, 3, padding=1, bias=False), nn.BatchNorm2d(12), nn.ReLU(), nn.MaxPool2d(2)]
        layers += [nn.Conv2d(12, 24, 3, padding=1), nn.BatchNorm2d(24), nn.ReLU(), nn.AvgPool2d(2), nn.Flatten(), nn.Linear(96, 10)]
        super().__init__(*layers)


@pytest.fixture(scope="module")
def digits():
    """A small network trained on scikit-learn's digits, and the digits that it has not seen."""
    datasets = pytest.importorskip("sklearn.datasets")
    images, labels = (torch.from_numpy(a) for a in datasets.load_digits(return_X_y=True))
    images = (images / 16).float().reshape(-1, 1, 8, 8)
    torch.manual_seed(0)
    torch.set_num_threads(1)  # threads that wait for each other take minutes where the machine is busy
    order = torch.randperm(len(images))
    images, labels = images[order], labels[order]
    model, seen = Digits(), 1437
    optimizer = torch.optim.Adam(model.parameters(), 0.01)
    for _ in range(6):
        for batch in torch.randperm(seen).split(48):
            optimizer.zero_grad()
            F.cross_entropy(model(images[batch]), labels[batch]).backward()
            optimizer.step()
    return model.eval(), images[seen:], labels[seen:]


@pytest.mark.parametrize("dynamic", [False, True], ids=["one batch", "any batch"])
@pytest.mark.parametrize("flags", [[], ["--xnnpack"]], ids=["portable", "xnnpack"])
def test_digits(runtime, tmp_path, digits, flags, dynamic):
    model, images, labels = digits
    batches = images.split([1, 40, 7, 120, 192] if dynamic else 120)
    shapes = ({0: torch.export.Dim("batch", max=192)},) if dynamic else None
    torch.export.save(torch.export.export(model, (batches[1],), dynamic_shapes=shapes), tmp_path / "m.pt2")
    subprocess.run([BINARY, "compile", tmp_path / "m.pt2", "-o", tmp_path / "m.pte", "--target", "executorch", *flags], check=True)
    assert (tmp_path / "m.pte").read_bytes().count(b"XH00") == len(flags)
    calls = []
    for k, batch in enumerate(batches):
        np.save(tmp_path / f"{k}.npy", batch.numpy())
        calls.append([str(tmp_path / f"{k}.npy")])
    right = 0
    answer = runtime.run(tmp_path / "m.pte", calls)
    for (path,), batch, expected in zip(answer["answers"], batches, labels.split([len(b) for b in batches])):
        scores = torch.from_numpy(np.load(path))
        with torch.no_grad():
            own = model(batch)
        assert (scores - own).abs().max() <= 1e-5 * own.abs().max()
        right += int((scores.argmax(1) == expected).sum())
    with torch.no_grad():
        assert right == int((model(images).argmax(1) == labels).sum())
    assert right > 0.95 * len(labels)
