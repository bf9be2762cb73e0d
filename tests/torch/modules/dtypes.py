"""Types of elements: half precision, integers, bool, and their mixtures."""

import torch
import torch.nn.functional as F
from torch import nn
from torch.export import Dim

from modules.registry import Case, Function, case, randoms

TOLERANCE = {torch.float16: 5e-3, torch.bfloat16: 3e-2, torch.float64: 1e-9}


@case(f16=torch.float16, bf16=torch.bfloat16, f64=torch.float64)
def mlp(dtype):
    net = nn.Sequential(nn.Linear(8, 16), nn.SiLU(), nn.LayerNorm(16), nn.Linear(16, 4), nn.Softmax(-1)).to(
        dtype
    )
    return Case(
        net,
        [randoms((n, 8), dtype=dtype) for n in (4, 2)],
        ({0: Dim("n", max=8)},),
        tolerance=TOLERANCE[dtype],
    )


@case(f16=torch.float16, bf16=torch.bfloat16)
def convolutions(dtype):
    net = (
        nn.Sequential(
            nn.Conv2d(3, 6, 3, padding=1),
            nn.BatchNorm2d(6),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(6, 4, 3, groups=2),
            nn.AdaptiveAvgPool2d(2),
        )
        .eval()
        .to(dtype)
    )
    return Case(net, [randoms((2, 3, 10, 10), dtype=dtype)], tolerance=TOLERANCE[dtype])


@case
def bf16_attention():
    class Attend(nn.Module):
        def __init__(self):
            super().__init__()
            self.qkv, self.norm = nn.Linear(16, 48), nn.RMSNorm(16)

        def forward(self, x):
            q, k, v = self.qkv(self.norm(x)).view(2, -1, 3, 2, 8).permute(2, 0, 3, 1, 4)
            return F.scaled_dot_product_attention(q, k, v, is_causal=True).transpose(1, 2).flatten(2).float()

    return Case(Attend().to(torch.bfloat16), [randoms((2, 5, 16), dtype=torch.bfloat16)], tolerance=3e-2)


@case
def half_weights_full_maths():
    class Upcast(nn.Module):
        def __init__(self):
            super().__init__()
            self.w = nn.Parameter(torch.randn(4, 4).half())

        def forward(self, x):
            return (x.float() @ self.w.float()).to(torch.float16), x.double().mean()

    return Case(Upcast(), [randoms((2, 4), dtype=torch.float16)], tolerance=5e-3)


@case
def autocast():
    class Cast(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b, self.norm = nn.Linear(8, 8), nn.Linear(8, 4), nn.LayerNorm(8)

        def forward(self, x):
            with torch.autocast("cpu", dtype=torch.bfloat16):
                y = self.b(torch.relu(self.norm(self.a(x))).softmax(-1))
                with torch.autocast("cpu", enabled=False):
                    z = x @ x.t()
                both = torch.cat([y, x[:, :4]], -1)
            return y.float() + x[:, :4], z, both

    # Before decomposition the casts are implicit in a region.
    return Case(Cast(), [randoms((3, 8))], tolerance=3e-2)


@case
def promotions():
    def f(i, b, x, h):
        return (
            i + b,
            i * 2.5,
            i / 2,
            x + i,
            h + b,
            h * x,
            b * 3,
            i // 2,
            i % 3,
            -i,
            x > i,
            i.to(torch.uint8) + b,
            torch.where(b, i, 1.5),
            i**2,
            2 ** i.abs(),
            True + x.int(),
        )

    args = (
        torch.randint(-9, 9, (4,)),
        torch.tensor([True, False, True, False]),
        *randoms((4,)),
        *randoms((4,), dtype=torch.float16),
    )
    return Case(Function(f), [args], tolerance=5e-3)


@case
def integers():
    def f(a, b):
        return (
            a // b,
            a % b,
            torch.fmod(a, b),
            torch.div(a, b, rounding_mode="trunc"),
            a & b,
            a | 6,
            a ^ b,
            ~a,
            a << 2,
            a >> 1,
            torch.bitwise_not(b),
            a.abs().clamp(2, 7),
            torch.maximum(a, b),
            a.sum(),
            a.prod(0),
            a.cumsum(0),
            a.float().mean(),
            torch.gcd(a, b),
        )

    calls = [(torch.randint(-50, 50, (3, 4)), torch.randint(1, 9, (3, 4))) for _ in range(2)]
    return Case(Function(f), calls)


@case
def narrow_integers():
    def f(u, s):
        return (
            u + 200,
            s * 100,
            u.to(torch.int8),
            s.to(torch.uint8),
            u - 1,
            (u.int() * s).to(torch.int16),
            u.float() / 255,
        )

    return Case(
        Function(f),
        [(torch.randint(0, 256, (6,), dtype=torch.uint8), torch.randint(-128, 128, (6,), dtype=torch.int8))],
    )


@case
def flags():
    def f(a, b):
        return (
            a & b,
            a | b,
            a ^ b,
            ~a,
            a.any(),
            a.all(1),
            a.sum(0),
            a == b,
            a.logical_not(),
            a.float() * 2,
            a.cumsum(1),
            torch.where(a, b, ~b),
            a[:, 0] & b[:, 1],
            a.max(1).values,
        )

    return Case(Function(f), [(torch.rand(3, 4) > 0.5, torch.rand(3, 4) > 0.3)])


@case
def pictures():
    class Picture(nn.Module):
        def __init__(self):
            super().__init__()
            self.register_buffer("mean", torch.tensor([0.48, 0.45, 0.4]).view(3, 1, 1))

        def forward(self, image):
            x = image.permute(0, 3, 1, 2).float() / 255 - self.mean
            small = F.interpolate(image.permute(0, 3, 1, 2), size=(5, 7), mode="bilinear", antialias=True)
            return F.interpolate(x, size=(8, 8), mode="bilinear", antialias=True), small

    return Case(Picture(), [(torch.randint(0, 256, (1, 12, 10, 3), dtype=torch.uint8),)])


@case
def quantised_by_hand():
    class Quantised(nn.Module):
        def __init__(self):
            super().__init__()
            self.register_buffer("w", torch.randint(-127, 128, (4, 8), dtype=torch.int8))
            self.register_buffer("scale", torch.rand(4, 1) * 0.02)

        def forward(self, x):
            q = torch.round(x / 0.05).clamp(-128, 127).to(torch.int8)
            wide = q.to(torch.int32) @ self.w.t().to(torch.int32)
            return wide.float() * 0.05 * self.scale.t(), F.linear(x, self.w.float() * self.scale)

    return Case(Quantised(), [randoms((3, 8))])


@case
def special_values():
    def f(x):
        return (
            x.isnan(),
            x.isinf(),
            x.nan_to_num(1.0, 2.0, -2.0),
            x.clamp(-1, 1),
            x.max(),
            torch.relu(x),
            x.softmax(0),
            torch.where(x.isfinite(), x, 0.0),
            x.sort().values,
            x > 0,
            torch.fmax(x, torch.zeros(6)),
            x.sign(),
            x.sum(),
        )

    inf, nan = float("inf"), float("nan")
    return Case(
        Function(f), [(torch.tensor(v),) for v in ([1, nan, -2, inf, -inf, 0.0], [1.0, 2, -3, inf, 5, -0.0])]
    )


@case
def bits():
    def f(x):
        i = x.view(torch.int32)
        return (
            i,
            (i & 0x7FFFFFFF).view(torch.float32),
            i.view(torch.uint8).view(4, 16),
            x.to(torch.float64).view(torch.int64) >> 52,
        )

    return Case(Function(f), [randoms((4, 4))])
