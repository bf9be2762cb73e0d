"""Branches and loops that stay in the program."""

import torch
from torch import nn
from torch._higher_order_ops import associative_scan, map, scan, while_loop
from torch.export import Dim

from modules.registry import Case, Function, case, randoms


@case
def cond_of_sum():
    def f(x):
        return torch.cond(x.sum() > 0, lambda x: x.sin(), lambda x: x.cos() - 1, (x,))

    return Case(Function(f), [(torch.full((3, 2), v),) for v in (1.0, -1.0, 0.0)])


@case
def cond_with_weights():
    class Route(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b = nn.Linear(4, 3), nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))

        def forward(self, x, flag):
            return torch.cond(flag, lambda x: self.a(x), lambda x: self.b(x), (x,))

    return Case(Route(), [(torch.randn(2, 4), torch.tensor(v)) for v in (True, False)])


@case
def cond_two_results():
    def f(x, y):
        a, b = torch.cond(
            x.max() > y.max(), lambda x, y: (x + y, x * y), lambda x, y: (x - y, y.clone()), (x, y)
        )
        return a * 2, b

    return Case(Function(f), [(torch.randn(3) + v, torch.randn(3)) for v in (-9, 9)])


@case
def cond_nested():
    def inner(x):
        return torch.cond(x[0] > 10, lambda x: x * 100, lambda x: x + 100, (x,))

    def f(x):
        return torch.cond(x[0] > 0, inner, lambda x: -x, (x,)) + 1

    return Case(Function(f), [(torch.tensor([v, 2.0]),) for v in (20.0, 5.0, -5.0)])


@case
def cond_of_size():
    def f(x):
        return torch.cond(x.shape[0] > 4, lambda x: x.cumsum(0), lambda x: x * 3, (x,))

    return Case(Function(f), [randoms((n, 2)) for n in (3, 4, 5, 16)], ({0: Dim("n", max=16)},))


@case
def cond_dynamic():
    def f(x):
        return torch.cond(x.mean() > 0, lambda x: x.sigmoid() * 2, lambda x: x - 1, (x,)).sum(1)

    return Case(
        Function(f), [(torch.randn(n, 4) + v,) for n, v in ((3, 5), (8, -5), (2, 5))], ({0: Dim("n", max=8)},)
    )


@case
def while_counts():
    def f(x):
        return while_loop(lambda i, x: i < 5, lambda i, x: (i + 1, x * 1.5 + i), (torch.tensor(0), x))

    return Case(Function(f), [randoms((3,)), randoms((3,))])


@case
def while_until_small():
    def f(x):
        steps, y = while_loop(
            lambda n, x: x.abs().max() > 0.1, lambda n, x: (n + 1, x * 0.7), (torch.tensor(0), x)
        )
        return steps, y

    return Case(Function(f), [(torch.randn(4) * v,) for v in (1, 100, 0.001)])


@case
def while_newton():
    class Root(nn.Module):
        def __init__(self):
            super().__init__()
            self.register_buffer("enough", torch.tensor(1e-4))

        def forward(self, a):
            def go_on(x, n):
                return ((x * x - a).abs().max() > self.enough) & (n < 50)

            return while_loop(go_on, lambda x, n: ((x + a / x) / 2, n + 1), (a.clone(), torch.tensor(0)))[0]

    return Case(Root(), [(torch.rand(3) * 9 + 1,) for _ in range(2)])


@case
def while_times():
    def f(x, times):
        return while_loop(lambda i, x: i > 0, lambda i, x: (i - 1, torch.tanh(x @ x)), (times.clone(), x))[1]

    return Case(Function(f), [(torch.randn(3, 3), torch.tensor(n)) for n in (0, 1, 7)])


@case
def map_rows():
    def f(xs, y):
        return map(lambda x, y: x.softmax(0) + y, xs, y)

    return Case(Function(f), [randoms((4, 3), (3,))])


@case
def map_dynamic():
    class Rows(nn.Module):
        def __init__(self):
            super().__init__()
            self.linear = nn.Linear(3, 2)

        def forward(self, xs):
            return map(lambda x: self.linear(x).relu(), xs)

    return Case(Rows(), [randoms((n, 5, 3)) for n in (3, 6, 2)], ({0: Dim("n", max=6)},))


@case
def scan_sums():
    def f(x):
        return scan(lambda c, x: (c + x, c * x), torch.zeros(3), x)

    return Case(Function(f), [randoms((6, 3)), randoms((6, 3))])


@case
def scan_network():
    class Network(nn.Module):
        def __init__(self):
            super().__init__()
            self.cell = nn.Linear(6, 4)

        def forward(self, xs, h):
            def step(h, x):
                h = torch.tanh(self.cell(torch.cat([x, h], 1)))
                return h, h * 2

            return scan(step, h, xs, dim=1)

    return Case(Network(), [randoms((2, 5, 2), (2, 4)), randoms((2, 5, 2), (2, 4))])


@case
def scan_backwards():
    def f(x, c):
        return scan(lambda c, x: ({"a": c["a"] * 0.5 + x}, c["a"] - x), {"a": c}, x, reverse=True)

    return Case(Function(f), [randoms((5, 2), (2,))])


@case
def associative():
    def f(x):
        return associative_scan(lambda a, b: a * 0.5 + b, x, dim=0, combine_mode="generic")

    # Before decomposition the program holds calls of functorch (vmap), not operators.
    return Case(
        Function(f), [randoms((8, 3))], decompositions=torch.export.ExportedProgram.run_decompositions
    )
