"""Sizes that depend on values."""

import torch

from modules.registry import Case, Function, case


@case
def nonzero():
    def f(x):
        i = (x > 0).nonzero()
        return i, i.sum(0)

    return Case(Function(f), [(torch.randn(4, 3),) for _ in range(3)])


@case
def masked_select():
    def f(x):
        y = torch.masked_select(x, x > 0)
        return y, y * 2, y.sum()

    return Case(Function(f), [(torch.randn(4, 3),) for _ in range(3)])


@case
def boolean_index():
    def f(x, keep):
        y = x[keep]
        return y, y.mean(1), y @ torch.ones(3, 2)

    return Case(
        Function(f),
        [(torch.randn(5, 3), torch.tensor(k).bool()) for k in ([1, 0, 1, 1, 0], [0, 0, 0, 0, 1], [1] * 5)],
    )


@case
def item_as_length():
    def f(x, n):
        k = n.item()
        torch._check(k >= 1)
        torch._check(k <= x.shape[0])
        return x.narrow(0, 0, k).sum(0), torch.ones(k) * 2

    return Case(Function(f), [(torch.randn(6, 2), torch.tensor(k)) for k in (3, 6, 1)])


@case
def item_as_start():
    def f(x, n):
        k = n.item()
        torch._check(k >= 0)
        torch._check(k + 2 <= x.shape[0])
        return x.narrow(0, k, 2)

    return Case(Function(f), [(torch.randn(6, 2), torch.tensor(k)) for k in (0, 4, 2)])


@case
def item_as_number():
    def f(x, n):
        return x * n.item() + 1, x.sum().item() * 2

    return Case(Function(f), [(torch.randn(3), torch.tensor(v)) for v in (2.5, -1.0)])


@case
def range_of_item():
    def f(n):
        k = n.item()
        torch._check(k >= 2)
        torch._check(k <= 50)
        r = torch.arange(k)
        return r * 2, r.float().mean(), torch.zeros(k, 2) + r[:, None]

    return Case(Function(f), [(torch.tensor(k),) for k in (3, 50, 7)])


@case
def repeats():
    def f(x, n):
        return torch.repeat_interleave(x, n, dim=0, output_size=6)

    return Case(Function(f), [(torch.randn(3, 2), torch.tensor(n)) for n in ([1, 2, 3], [6, 0, 0])])


@case
def values_at_nonzero():
    def f(x):
        rows, columns = torch.where(x.abs() > 0.5)
        torch._check(rows.shape[0] <= 12)
        return x[rows, columns], rows * 10 + columns

    return Case(Function(f), [(torch.randn(4, 3),) for _ in range(2)])
