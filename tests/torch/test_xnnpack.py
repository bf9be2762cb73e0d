"""Programs that ExecuTorch made and its XNNPACK backend runs: f32, f16, dynamic sizes and every quantization that its exporters have,
recompiled and run beside ExecuTorch's own runtime. Skipped where the wheel `executorch` is not installed
(pip install executorch==1.4.1 torchao)."""
import os
import pathlib
import subprocess
import warnings

import numpy as np
import pytest
import torch
import torch.nn as nn
import torch.nn.functional as F

pytest.importorskip("executorch")
warnings.filterwarnings("ignore")
ROOT = pathlib.Path(__file__).parents[2]
BINARY = os.environ.get("PORTFIRE_BINARY", str(ROOT / "build/release/portfire"))


# --- models ---


class Simple(nn.Module):
    """A function as a module."""

    def __init__(self, f, **parts):
        super().__init__()
        self.f = f
        for name, part in parts.items():
            setattr(self, name, part)

    def forward(self, *x):
        return self.f(self, *x)


def mlp():
    return Simple(lambda m, x: m.c(F.relu(m.b(F.relu6(m.a(x))))), a=nn.Linear(20, 33), b=nn.Linear(33, 17), c=nn.Linear(17, 5, bias=False))


def linears():
    return Simple(lambda m, x: m.b(F.relu(m.a(x))), a=nn.Linear(64, 96), b=nn.Linear(96, 40, bias=False))


class Residual(nn.Module):
    """Convolutions of every kind, sums and products of what comes out, pools."""

    def __init__(self):
        super().__init__()
        self.first, self.norm = nn.Conv2d(3, 16, 3, stride=2, padding=1), nn.BatchNorm2d(16)
        self.depthwise, self.point = nn.Conv2d(16, 16, 3, padding=1, groups=16), nn.Conv2d(16, 16, 1)
        self.grouped, self.dilated = nn.Conv2d(16, 24, 3, padding=2, groups=4), nn.Conv2d(24, 8, 3, dilation=2)
        self.end = nn.Linear(8, 10)

    def forward(self, x):
        x = F.relu(self.norm(self.first(x)))
        x = x + F.relu6(self.point(F.relu6(self.depthwise(x))))
        x = F.max_pool2d(F.relu(self.grouped(x)), 2, 2)
        x = self.dilated(x)
        return self.end(torch.flatten(F.adaptive_avg_pool2d(x, (1, 1)), 1))


class Inverted(nn.Module):
    """As MobileNet's: everything stays channels last, and it quantizes."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 16, 3, 2, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU6())
        self.block = nn.Sequential(
            nn.Conv2d(16, 48, 1, bias=False), nn.BatchNorm2d(48), nn.ReLU6(), nn.Conv2d(48, 48, 3, 1, 1, groups=48, bias=False),
            nn.BatchNorm2d(48), nn.ReLU6(), nn.Conv2d(48, 16, 1, bias=False), nn.BatchNorm2d(16))
        self.end = nn.Linear(16, 10)

    def forward(self, x):
        x = self.stem(x)
        x = x + self.block(x)
        return self.end(x.mean([2, 3]))


def quantized_ops():
    def forward(m, x, y):
        a, b = m.a(x), m.b(y)
        c = torch.cat([F.relu(a + b), a * b, F.hardtanh(a, -0.5, 0.5)], 1)
        c = F.max_pool2d(c, 3, 2, 1)
        return torch.flatten(c.permute(0, 1, 3, 2), 1)[:, 3:40]

    return Simple(forward, a=nn.Conv2d(3, 6, 3), b=nn.Conv2d(3, 6, 3))


ELEMENTS = {
    "sigmoid": torch.sigmoid, "floor": torch.floor, "sqrt": lambda x: torch.sqrt(x.abs()), "ceil": torch.ceil, "hardswish": F.hardswish,
    "neg": torch.neg, "square": lambda x: x * x, "pow": lambda x: torch.pow(x, 2), "abs": torch.abs, "rsqrt": lambda x: torch.rsqrt(x.abs() + 1),
    "log": lambda x: torch.log(x.abs() + 1), "gelu": F.gelu, "tanh": torch.tanh, "exp": torch.exp, "sin": torch.sin, "cos": torch.cos,
    "clamp": lambda x: torch.clamp(x, -0.5, 0.7), "clamp_min": lambda x: torch.clamp(x, min=-0.2), "relu": F.relu, "hardtanh": F.hardtanh,
    "leaky_relu": lambda x: F.leaky_relu(x, 0.2), "elu": F.elu, "softmax": lambda x: torch.softmax(x, -1), "clone": torch.clone,
    "pad": lambda x: F.pad(x, (1, 2, 0, 3), value=0.5), "slice": lambda x: x[:, 1:, 2:5], "permute": lambda x: x.permute(0, 2, 1, 3),
    "view": lambda x: x.reshape(x.shape[0], -1), "mean": lambda x: x.mean((-1, -2), keepdim=True), "max_dim": lambda x: torch.max(x, 3, keepdim=True),
    "amax": lambda x: torch.amax(x, 2, keepdim=True), "avg_pool": lambda x: F.avg_pool2d(x, 3, 2, 1, count_include_pad=False),
    "max_pool_ceil": lambda x: F.max_pool2d(x, 2, 2, ceil_mode=True), "max_pool": lambda x: F.max_pool2d(x, (3, 2), (2, 1), (1, 0)),
    "bilinear": lambda x: F.interpolate(x, size=(9, 13), mode="bilinear"),
    "bilinear_corners": lambda x: F.interpolate(x, size=(9, 13), mode="bilinear", align_corners=True), "cat": lambda x: torch.cat([x, x + 1, x * 2], 1),
    "cat5": lambda x: torch.cat([x, x + 1, x * 2, x - 1, -x], -1), "unsqueeze": lambda x: x.unsqueeze(-1), "squeeze": lambda x: x[..., :1].squeeze(-1),
}  # fmt: skip


def many(names):
    return Simple(lambda m, x: [y for n in names for y in (lambda r: r if isinstance(r, tuple) else (r,))(ELEMENTS[n](x))])


def pairs():
    return Simple(lambda m, x, y: (x + y, F.relu(x - y), x * y, x / (y.abs() + 1), torch.minimum(x, y), torch.maximum(x, y), torch.bmm(x, y.transpose(1, 2)), x + m.w),
                  w=nn.Parameter(torch.randn(6)))  # fmt: skip


def attention():
    def forward(m, x):
        q, k, v = (p(x).reshape(2, 7, 4, 8).transpose(1, 2) for p in (m.q, m.k, m.v))
        y = F.scaled_dot_product_attention(q, k, v)
        return m.o(y.transpose(1, 2).reshape(2, 7, 32))

    return Simple(forward, q=nn.Linear(32, 32), k=nn.Linear(32, 32), v=nn.Linear(32, 32), o=nn.Linear(32, 32))


def upward():
    return Simple(lambda m, x: F.prelu(m.b(F.relu(m.a(x))), m.w), a=nn.ConvTranspose2d(3, 8, 3, stride=2, padding=1, output_padding=1),
                  b=nn.ConvTranspose2d(8, 6, 2, groups=2), w=nn.Parameter(torch.tensor([0.1, 0.2, 0.3, -0.1, 0.5, 0.25])))  # fmt: skip


def image(n=2, c=3, size=17):
    return torch.randn(n, c, size, size)


# --- export ---


def lowered(program, partitioners=None):
    from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner
    from executorch.exir import EdgeCompileConfig, to_edge_transform_and_lower

    edge = to_edge_transform_and_lower(program, partitioner=partitioners or [XnnpackPartitioner()],
                                       compile_config=EdgeCompileConfig(_check_ir_validity=False))  # fmt: skip
    return edge.to_executorch().buffer


def exported(model, inputs, **how):
    return lowered(torch.export.export(model, inputs, strict=False, **how))


def pt2e(model, inputs, per_channel=True, dynamic=False, weight_bits=8):
    """Quantized by XNNPACKQuantizer and calibrated with the inputs."""
    from executorch.backends.xnnpack.quantizer.xnnpack_quantizer import XNNPACKQuantizer, get_symmetric_quantization_config
    from torchao.quantization.pt2e.quantize_pt2e import convert_pt2e, prepare_pt2e

    limits = {} if weight_bits == 8 else {"weight_qmin": -8, "weight_qmax": 7}
    quantizer = XNNPACKQuantizer().set_global(get_symmetric_quantization_config(is_per_channel=per_channel, is_dynamic=dynamic, **limits))
    prepared = prepare_pt2e(torch.export.export(model, inputs, strict=False).module(), quantizer)
    for _ in range(2):
        prepared(*inputs)
    program = torch.export.export(convert_pt2e(prepared), inputs, strict=False)
    if not dynamic:
        return lowered(program)
    from executorch.backends.xnnpack.partition.config.xnnpack_config import ConfigPrecisionType
    from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner

    return lowered(program, [XnnpackPartitioner(config_precisions=ConfigPrecisionType.DYNAMIC_QUANT, per_op_mode=True), XnnpackPartitioner()])


def eight_by_four(model, inputs, group):
    """8da4w: activations in int8, found when the program runs, weights in four bits by groups."""
    from executorch.backends.xnnpack.partition.config.xnnpack_config import ConfigPrecisionType
    from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner
    from torchao.quantization import Int8DynamicActivationIntxWeightConfig, quantize_
    from torchao.quantization.granularity import PerAxis, PerGroup

    granularity = PerGroup(group) if group else PerAxis(0)
    quantize_(model, Int8DynamicActivationIntxWeightConfig(weight_dtype=torch.int4, weight_granularity=granularity))
    program = torch.export.export(model, inputs, strict=False)
    return lowered(program, [XnnpackPartitioner(config_precisions=ConfigPrecisionType.DYNAMIC_QUANT, per_op_mode=True), XnnpackPartitioner()])


HALF = torch.float16
NAMES = list(ELEMENTS)
# name: model, inputs, how it is exported, how far from ExecuTorch's answer, relative to the largest
FLOAT = {
    "mlp": (mlp, lambda: (torch.randn(3, 4, 20),), exported, 1e-5),
    "residual": (Residual, lambda: (image(),), exported, 1e-5),
    "inverted": (Inverted, lambda: (image(),), exported, 1e-5),
    "elements": (lambda: many(NAMES), lambda: (torch.randn(2, 3, 7, 6),), exported, 1e-4),
    "pairs": (pairs, lambda: (torch.randn(2, 5, 6), torch.randn(2, 5, 6)), exported, 1e-5),
    "attention": (attention, lambda: (torch.randn(2, 7, 32),), exported, 1e-5),
    "upward": (upward, lambda: (image(size=9),), exported, 1e-5),
    "f16": (lambda: Residual().to(HALF), lambda: (image().to(HALF),), exported, 1e-2),
    "f16_mlp": (lambda: mlp().to(HALF), lambda: (torch.randn(4, 20, dtype=HALF),), exported, 1e-2),
}
QUANTIZED = {
    "qs8_mlp": (mlp, lambda: (torch.randn(4, 20),), pt2e, 0.02),
    "qs8_mlp_per_tensor": (mlp, lambda: (torch.randn(4, 20),), lambda m, x: pt2e(m, x, per_channel=False), 0.02),
    "qs8_residual": (Residual, lambda: (image(),), pt2e, 0.03),
    "qs8_inverted": (Inverted, lambda: (image(),), pt2e, 0.03),
    "qs8_ops": (quantized_ops, lambda: (image(1), image(1)), pt2e, 0.03),
    "qs8_upward": (upward, lambda: (image(size=9),), lambda m, x: pt2e(m, x, per_channel=False), 0.03),
    "qd8": (linears, lambda: (torch.randn(5, 64),), lambda m, x: pt2e(m, x, dynamic=True), 1e-3),
    "qd8_qc4": (linears, lambda: (torch.randn(5, 64),), lambda m, x: pt2e(m, x, dynamic=True, weight_bits=4), 1e-3),
    "qd8_conv": (lambda: Simple(lambda m, x: m.b(F.relu(m.a(x))), a=nn.Conv2d(3, 8, 3, padding=1), b=nn.Conv2d(8, 8, 3, groups=8)), lambda: (image(),),
                 lambda m, x: pt2e(m, x, dynamic=True), 2e-3),
    "8da4w": (linears, lambda: (torch.randn(2, 3, 64),), lambda m, x: eight_by_four(m, x, 32), 1e-3),
    "8da4w_rows": (linears, lambda: (torch.randn(1, 64),), lambda m, x: eight_by_four(m, x, 0), 1e-3),
}  # fmt: skip


def made(name):
    torch.manual_seed(len(name))
    model, inputs, export, tolerance = {**FLOAT, **QUANTIZED}[name]
    model, inputs = model().eval(), inputs()
    with torch.no_grad():
        return export(model, inputs), inputs, tolerance


def theirs(program, inputs):
    from executorch.runtime import Runtime

    return [leaf.clone() for leaf in Runtime.get().load_program(program).load_method("forward").execute(inputs)]


def portfire(*words):
    done = subprocess.run([BINARY, *map(str, words)], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout


def ours(program, inputs, folder, outputs):
    for i, x in enumerate(inputs):
        np.save(folder / f"x{i}.npy", x.numpy())
    words = [w for i in range(len(inputs)) for w in ("--input", folder / f"x{i}.npy")]
    words += [w for i in range(outputs) for w in ("--output", folder / f"y{i}.npy")]
    portfire("run", program, *words)
    return [torch.from_numpy(np.load(folder / f"y{i}.npy")) for i in range(outputs)]


def same(got, expected, tolerance):
    assert got.shape == expected.shape and got.dtype == expected.dtype
    most = max(1e-6, expected.abs().max().item()) if expected.is_floating_point() else 1
    torch.testing.assert_close(got.double(), expected.double(), rtol=0, atol=tolerance * most)


# --- tests ---


@pytest.mark.parametrize("name", [*FLOAT, *QUANTIZED])
def test_answers(name, tmp_path):
    program, inputs, tolerance = made(name)
    expected = theirs(program, inputs)
    (tmp_path / "theirs.pte").write_bytes(program)
    portfire("compile", tmp_path / "theirs.pte", "-o", tmp_path / "ours.pte")
    for got, want in zip(ours(tmp_path / "ours.pte", inputs, tmp_path, len(expected)), expected, strict=True):
        same(got, want, tolerance)


def test_dynamic_batch(tmp_path):
    """Sizes in the delegate are the most that there can be: those of a call decide."""
    torch.manual_seed(0)
    model, batch = Inverted().eval(), torch.export.Dim("batch", min=1, max=8)
    program = exported(model, (image(4),), dynamic_shapes=({0: batch},))
    (tmp_path / "theirs.pte").write_bytes(program)
    portfire("compile", tmp_path / "theirs.pte", "-o", tmp_path / "ours.pte")
    for n in (1, 3, 8):
        x = (image(n),)
        with torch.no_grad():
            same(ours(tmp_path / "ours.pte", x, tmp_path, 1)[0], model(*x), 1e-5)


def test_as_fast_as_from_pt2(tmp_path):
    """The passes find what they find in the archive: the same packed operators, and nothing of layouts between them."""
    torch.manual_seed(0)
    model, x = Inverted().eval(), (image(),)
    (tmp_path / "theirs.pte").write_bytes(exported(model, x))
    torch.export.save(torch.export.export(model, x, strict=False), tmp_path / "m.pt2")
    counts = []
    for source in ("theirs.pte", "m.pt2"):
        portfire("compile", tmp_path / source, "-o", tmp_path / "ours.pte")
        lines = portfire("profile", tmp_path / "ours.pte", "--threads", "1").splitlines()
        counts.append(sorted(word for line in lines for word in line.split() if "::" in word))
    assert counts[0] == counts[1]
