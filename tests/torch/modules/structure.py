"""What goes in and comes out in structures, and what a program holds."""

import collections

import torch
from torch import nn
from torch.export import Dim

from modules.registry import Case, Function, case, randoms

Pair = collections.namedtuple("Pair", "first second")
torch.utils._pytree._register_namedtuple(Pair, serialized_type_name="portfire.tests.Pair")


@case
def dict_in_dict_out():
    def f(batch):
        return {"sum": batch["a"] + batch["b"], "parts": [batch["a"] * 2, (batch["b"],)]}

    x, y = randoms((2, 3), (2, 3))
    return Case(Function(f), [({"a": x, "b": y},), ({"a": y, "b": x},)])


@case
def dict_order():
    def f(batch):
        return {"z": batch["b"] - batch["a"], "a": batch["c"] * 1}

    c, a, b = randoms((2,), (2,), (2,))
    return Case(Function(f), [({"c": c, "a": a, "b": b},)])


@case
def nested_inputs():
    def f(x, pairs, extra):
        (a, b), [c, d] = pairs
        return x + a * b, {"k": [c - d, extra["deep"]["er"][0].sin()]}

    t = [torch.randn(3) for _ in range(6)]
    return Case(Function(f), [(t[0], ((t[1], t[2]), [t[3], t[4]]), {"deep": {"er": [t[5]]}})])


@case
def nested_dynamic():
    def f(batch):
        return batch["x"].sum(1), [batch["mask"] & (batch["x"] > 0)]

    n = Dim("n", max=9)
    calls = [({"x": torch.randn(2, s), "mask": torch.rand(2, s) > 0.5},) for s in (4, 9, 2)]
    return Case(Function(f), calls, ({"x": {1: n}, "mask": {1: n}},))


@case
def keywords():
    class Words(nn.Module):
        def forward(self, x, *, scale, shift=None):
            return x * scale if shift is None else x * scale + shift

    return Case(Words(), [randoms((3,))], kwargs={"shift": torch.randn(3), "scale": torch.randn(3)})


@case
def named_tuple():
    return Case(Function(lambda x: Pair(x + 1, Pair(x * 2, [x]))), [randoms((3,))])


@case
def none_and_numbers_out():
    return Case(Function(lambda x: (x + 1, None, 3, 2.5, True, [None, x * 2])), [randoms((3,))])


@case
def none_and_numbers_in():
    def f(x, bias, times, flag, mode):
        y = x * times if bias is None else x + bias
        return y.sum() if flag else y.sum(0) if mode == "rows" else y

    return Case(
        Function(f),
        [(torch.randn(2, 3), None, 4, False, "rows"), (torch.randn(2, 3), None, 4, False, "rows")],
    )


@case
def same_twice():
    def f(x):
        y = x * 2
        return y, y, x, (x, y.view(-1))

    return Case(Function(f), [randoms((2, 3))])


@case
def weights_out():
    class Weights(nn.Module):
        def __init__(self):
            super().__init__()
            self.w = nn.Parameter(torch.randn(2, 3))
            self.register_buffer("b", torch.randn(3))

        def forward(self, x):
            return x @ self.w, self.w, self.b

    return Case(Weights(), [randoms((4, 2))])


@case
def unused_input():
    return Case(Function(lambda x, y: x + 1), [randoms((2,), (3,))])


@case
def no_input_used():
    return Case(Function(lambda x: torch.arange(5) * 2), [randoms((2,))])


@case
def tied_weights():
    class Tied(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed = nn.Embedding(9, 4)
            self.head = nn.Linear(4, 9, bias=False)
            self.head.weight = self.embed.weight
            self.copy = self.head

        def forward(self, ids):
            x = self.embed(ids)
            return self.head(x), self.copy(x * 2)

    return Case(Tied(), [(torch.randint(0, 9, (2, 5)),)])


@case
def strided_weights():
    class Strided(nn.Module):
        def __init__(self):
            super().__init__()
            big = torch.randn(6, 10)
            self.w = nn.Parameter(big[1:5, 2:8:2])
            self.t = nn.Parameter(big[:3].t())
            self.register_buffer("wide", torch.randn(3, 1).expand(3, 4))
            self.register_buffer("end", torch.arange(20.0)[15:])

        def forward(self, x):
            return x @ self.w, self.t @ x[:3], self.wide * 2, self.end + 1

    return Case(Strided(), [randoms((5, 4))])


@case
def lifted_constants():
    def f(x):
        table = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
        return x @ table + torch.tensor(0.5), x.sum() > torch.tensor(0), torch.tensor([1, 2, 3])

    return Case(Function(f), [randoms((3, 2))])


@case
def constant_arithmetic():
    class Folded(nn.Module):
        def __init__(self):
            super().__init__()
            self.w = nn.Parameter(torch.randn(4, 4))

        def forward(self, x):
            q = torch.softmax(self.w, 0).t() + torch.eye(4) * torch.arange(4)
            return x @ q, q.sum()

    return Case(Folded(), [randoms((2, 4))])


@case
def containers():
    class Many(nn.Module):
        def __init__(self):
            super().__init__()
            self.list = nn.ModuleList(nn.Linear(3, 3) for _ in range(3))
            self.dict = nn.ModuleDict({"a": nn.Tanh(), "b": nn.Sequential(nn.ReLU(), nn.Linear(3, 2))})
            self.params = nn.ParameterList([nn.Parameter(torch.randn(3)) for _ in range(2)])

        def forward(self, x):
            for layer in self.list:
                x = self.dict["a"](layer(x)) + self.params[0]
            return self.dict["b"](x * self.params[1])

    return Case(Many(), [randoms((2, 3))])


@case
def parametrised():
    net = nn.Sequential(
        nn.utils.parametrizations.weight_norm(nn.Linear(4, 5)),
        nn.utils.parametrizations.spectral_norm(nn.Linear(5, 3)),
        nn.utils.parametrizations.weight_norm(nn.Conv1d(2, 2, 1)),
    )
    return Case(net.eval(), [randoms((2, 4))])


@case
def one_module_often():
    class Often(nn.Module):
        def __init__(self):
            super().__init__()
            self.block = nn.Sequential(nn.Linear(4, 4), nn.LayerNorm(4), nn.SiLU())

        def forward(self, x):
            return self.block(self.block(self.block(x)) + x)

    return Case(Often(), [randoms((3, 4))], strict=True)


@case
def rank_zero_and_empty():
    def f(x, s):
        return x[:0], x[:0].sum(), s * 2, torch.cat([x[:0], x]), s.reshape(1, 1), x.max() - s

    return Case(Function(f), [(torch.randn(3, 2), torch.tensor(1.5))])
