"""Sizes that change from call to call: bounded, unbounded, several, shared, derived."""

import torch
import torch.nn.functional as F
from torch import nn
from torch.export import Dim

from modules.registry import Case, Function, case, randoms


def mlp():
    return nn.Sequential(nn.Linear(8, 16), nn.GELU(), nn.Linear(16, 4))


@case
def batch_bounded():
    return Case(mlp(), [randoms((n, 8)) for n in (3, 1, 16, 7)], ({0: Dim("n", min=1, max=16)},))


@case
def batch_unbounded():
    return Case(mlp(), [randoms((n, 8)) for n in (3, 2, 200, 33)], ({0: Dim("n")},))


@case
def batch_auto():
    return Case(mlp(), [randoms((n, 8)) for n in (3, 2, 50)], ({0: Dim.AUTO},))


@case
def batch_and_length():
    def scores(q, k):
        return torch.softmax(q @ k.transpose(1, 2) / 2.0, -1) @ k

    n, length = Dim("n", max=8), Dim("length", max=64)
    calls = [randoms((b, s, 4), (b, s, 4)) for b, s in ((2, 5), (8, 64), (3, 2))]
    return Case(Function(scores), calls, ({0: n, 1: length}, {0: n, 1: length}))


@case
def two_lengths():
    def cross(q, k):
        return torch.einsum("bqd,bkd->bqk", q, k).softmax(-1), q.sum(1) + k.mean(1)

    q, k = Dim("q", max=32), Dim("k", max=32)
    return Case(
        Function(cross),
        [randoms((2, a, 4), (2, b, 4)) for a, b in ((5, 7), (32, 2), (3, 32))],
        ({1: q}, {1: k}),
    )


@case
def derived_double():
    def fold(x, y):
        return x + y.view(-1, 2).sum(1), torch.cat([x, y])

    s = Dim("s", max=20)
    return Case(Function(fold), [randoms((n,), (2 * n,)) for n in (4, 20, 2, 9)], ({0: s}, {0: 2 * s}))


@case
def derived_plus_one():
    s = Dim("s", min=2, max=40)
    return Case(
        Function(lambda x, y: x * y[1:] - y[:-1]),
        [randoms((n, 3), (n + 1, 3)) for n in (5, 2, 40)],
        ({0: s}, {0: s + 1}),
    )


@case
def multiple_of_four():
    k = Dim("k", min=1, max=8)
    return Case(
        Function(lambda x: x.unflatten(1, (4, -1)).mean(2)),
        [randoms((2, 4 * n)) for n in (3, 8, 2)],
        ({1: 4 * k},),
    )


@case
def flatten_and_back():
    class Tokens(nn.Module):
        def __init__(self):
            super().__init__()
            self.linear = nn.Linear(4, 6)

        def forward(self, x):
            b, t, _ = x.shape
            return self.linear(x.reshape(b * t, 4)).view(b, t, 6).transpose(1, 2).flatten(1)

    return Case(
        Tokens(),
        [randoms((b, t, 4)) for b, t in ((2, 3), (5, 9), (4, 2))],
        ({0: Dim("b", max=8), 1: Dim("t", max=16)},),
    )


@case
def positions():
    class Positions(nn.Module):
        def __init__(self):
            super().__init__()
            self.tokens, self.places = nn.Embedding(11, 6), nn.Embedding(32, 6)

        def forward(self, ids):
            return self.tokens(ids) + self.places(torch.arange(ids.shape[1], device=ids.device))

    return Case(Positions(), [(torch.randint(0, 11, (2, t)),) for t in (5, 32, 2)], ({1: Dim("t", max=32)},))


@case
def causal_mask():
    def masked(x):
        t = x.shape[-1]
        keep = torch.ones(t, t, dtype=torch.bool).tril()
        return torch.where(keep, x, float("-inf")).softmax(-1)

    return Case(
        Function(masked), [randoms((2, t, t)) for t in (4, 12, 2)], ({1: (t := Dim("t", max=12)), 2: t},)
    )


@case
def convolution_and_pool():
    net = nn.Sequential(
        nn.Conv1d(3, 5, 3, padding=1), nn.ReLU(), nn.AvgPool1d(2), nn.Conv1d(5, 4, 3, stride=2)
    )
    return Case(net, [randoms((2, 3, n)) for n in (20, 64, 11)], ({2: Dim("n", min=10, max=64)},))


@case
def images():
    net = nn.Sequential(
        nn.Conv2d(3, 6, 3, stride=2, padding=1),
        nn.BatchNorm2d(6),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(6, 5),
    ).eval()
    return Case(
        net,
        [randoms((b, 3, h, w)) for b, h, w in ((2, 16, 20), (4, 33, 17), (1, 9, 40))],
        ({0: Dim("b", min=1, max=4), 2: Dim("h", min=8, max=40), 3: Dim("w", min=8, max=40)},),
    )


@case(twice=2.0, half=0.5, more=1.5)
def upsampled(factor):
    def resize(x):
        return (
            F.interpolate(x, scale_factor=factor, mode="bilinear", align_corners=False),
            F.interpolate(x, scale_factor=factor, mode="nearest"),
        )

    return Case(
        Function(resize),
        [randoms((1, 2, h, w)) for h, w in ((6, 8), (12, 5), (7, 20))],
        ({2: Dim("h", min=4, max=20), 3: Dim("w", min=4, max=20)},),
    )


@case
def slices():
    def cut(x):
        return x[:, :-1], x[:, 1::2], x[:, -3:].sum(1), x.flip(1)[:, 2:]

    return Case(Function(cut), [randoms((2, n, 3)) for n in (6, 15, 5)], ({1: Dim("n", min=4, max=16)},))


@case
def pad_to_even():
    def pad(x):
        x = F.pad(x, (2, 3), value=0.5)
        return F.pad(x[None], (1, 1), mode="reflect")[0], x.roll(1, -1)

    return Case(Function(pad), [randoms((2, n)) for n in (4, 30, 9)], ({1: Dim("n", min=3, max=30)},))


@case
def size_arithmetic():
    def mean(x):
        n = x.shape[0]
        return x.sum(0) / n, x * (n - 1) + n // 3, torch.full((n, 2), 1.5), x.new_zeros(n + 2)

    return Case(Function(mean), [randoms((n, 3)) for n in (5, 10, 2)], ({0: Dim("n", max=64)},))


@case
def number_input():
    def scale(x, n):
        return x * n + n // 2

    calls = [(torch.randn(3), n) for n in (5, 8, 100)]
    return Case(Function(scale), calls, (None, Dim.DYNAMIC))


@case
def split_and_stack():
    def mix(x):
        a, b, c = x.chunk(3, dim=2)
        first, rest = b.split([1, 3], dim=2)
        return torch.stack([a, c], 1).flatten(0, 1), torch.cat([rest, first], 2)

    return Case(
        Function(mix),
        [randoms((b, t, 12)) for b, t in ((2, 5), (7, 3))],
        ({0: Dim("b", max=8), 1: Dim("t", max=8)},),
    )
