"""State that one call leaves to the next."""

import torch
from torch import nn
from torch.export import Dim

from modules.registry import Case, case, randoms


class Counter(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("count", torch.zeros((), dtype=torch.int64))

    def forward(self, x):
        self.count.add_(1)
        return x * self.count


@case
def counter():
    return Case(Counter(), [randoms((3,)) for _ in range(4)])


@case
def moving_average():
    class Average(nn.Module):
        def __init__(self):
            super().__init__()
            self.register_buffer("mean", torch.zeros(4))
            self.register_buffer("steps", torch.tensor(0))

        def forward(self, x):
            self.mean = torch.lerp(self.mean, x.mean(0), 0.1)
            self.steps += 1
            return (x - self.mean) / (1 - 0.9**self.steps)

    return Case(Average(), [randoms((5, 4)) for _ in range(3)])


class Cache(nn.Module):
    """Attention over what came before; `write` says how keys and values enter the cache."""

    def __init__(self, write, length=8, dim=4):
        super().__init__()
        self.write = write
        self.project = nn.Linear(dim, 3 * dim)
        self.register_buffer("keys", torch.zeros(1, length, dim))
        self.register_buffer("values", torch.zeros(1, length, dim))

    def forward(self, x, position):
        q, k, v = self.project(x).chunk(3, -1)
        if self.write == "index_copy":
            self.keys.index_copy_(1, position, k)
            self.values.index_copy_(1, position, v)
        elif self.write == "assign":
            self.keys[:, position] = k
            self.values[:, position] = v
        else:
            place = position.view(1, -1, 1).expand_as(k)
            self.keys.scatter_(1, place, k)
            self.values.scatter_(1, place, v)
        keep = torch.arange(self.keys.shape[1]) <= position[:, None]
        return nn.functional.scaled_dot_product_attention(q, self.keys, self.values, attn_mask=keep)


@case(index_copy="index_copy", assign="assign", scatter="scatter")
def kv_cache(write):
    return Case(Cache(write), [(torch.randn(1, 1, 4), torch.tensor([p])) for p in range(4)])


@case
def kv_cache_prefill():
    t = Dim("t", min=1, max=6)
    places = [torch.arange(0, 4), torch.tensor([4]), torch.tensor([5, 6])]
    return Case(Cache("index_copy"), [(torch.randn(1, len(p), 4), p) for p in places], ({1: t}, {0: t}))


@case
def ring_buffer():
    class Ring(nn.Module):
        def __init__(self):
            super().__init__()
            self.register_buffer("history", torch.zeros(5, 2))

        def forward(self, x):
            self.history.copy_(torch.cat([self.history[1:], x[None]]))
            return self.history.mean(0), self.history.roll(1, 0)

    return Case(Ring(), [randoms((2,)) for _ in range(4)])


@case
def two_states():
    class Fibonacci(nn.Module):
        def __init__(self):
            super().__init__()
            self.register_buffer("a", torch.tensor([0.0]))
            self.register_buffer("b", torch.tensor([1.0]))

        def forward(self, x):
            a, b = self.b.clone(), self.a + self.b
            self.a.copy_(a)
            self.b.copy_(b)
            return x * a, b

    return Case(Fibonacci(), [randoms((2,)) for _ in range(5)])


@case
def batch_norm_training():
    net = nn.Sequential(
        nn.Conv1d(3, 4, 3), nn.BatchNorm1d(4), nn.ReLU(), nn.Flatten(), nn.BatchNorm1d(24, momentum=None)
    )
    net[4].momentum = 0.3
    return Case(net.train(), [randoms((4, 3, 8)) for _ in range(3)])


@case
def batch_norm_then_read():
    class Read(nn.Module):
        def __init__(self):
            super().__init__()
            self.norm = nn.BatchNorm2d(3)

        def forward(self, x):
            return (
                self.norm(x),
                self.norm.running_mean + 0,
                self.norm.running_var * 2,
                self.norm.num_batches_tracked + 1,
            )

    return Case(Read().train(), [randoms((2, 3, 4, 4)) for _ in range(3)], ({0: Dim("n", max=8)},))


@case
def instance_norm_training():
    net = nn.InstanceNorm2d(3, affine=True, track_running_stats=True)
    return Case(net.train(), [randoms((2, 3, 4, 5)) for _ in range(2)])


@case
def integers_and_flags():
    class Flags(nn.Module):
        def __init__(self):
            super().__init__()
            self.register_buffer("seen", torch.zeros(4, dtype=torch.bool))
            self.register_buffer("hits", torch.zeros(4, dtype=torch.int32), persistent=False)

        def forward(self, i):
            self.seen[i] = True
            self.hits.index_add_(0, i, torch.ones_like(i, dtype=torch.int32))
            return self.seen.sum(), self.hits.clone(), self.seen.all()

    return Case(Flags(), [(torch.tensor(i),) for i in ([0, 1], [1, 1], [3, 2])])


@case
def nested():
    class Two(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner, self.other = Counter(), nn.ModuleList([Counter(), Counter()])

        def forward(self, x):
            return self.other[1](self.inner(x)) + self.inner(x)

    return Case(Two(), [randoms((3,)) for _ in range(3)])


@case
def half_written():
    class Half(nn.Module):
        def __init__(self):
            super().__init__()
            self.register_buffer("table", torch.arange(12.0).view(3, 4))

        def forward(self, x):
            row = self.table[1]
            row[:2] += x
            self.table[:, 3].mul_(2)
            return self.table.sum(1), row * 1

    return Case(Half(), [randoms((2,)) for _ in range(3)])


@case
def read_before_write():
    class Previous(nn.Module):
        def __init__(self):
            super().__init__()
            self.register_buffer("last", torch.zeros(3))

        def forward(self, x):
            before = self.last.clone()
            self.last.copy_(x)
            return x - before, self.last + before

    return Case(Previous(), [randoms((3,)) for _ in range(3)])


@case
def momentum_step():
    class Step(nn.Module):
        """A parameter that gradient descent with momentum moves, the gradient written out."""

        def __init__(self):
            super().__init__()
            self.register_buffer("w", torch.randn(4))
            self.register_buffer("velocity", torch.zeros(4))

        def forward(self, x, y):
            error = x @ self.w - y
            grad = x.T @ error * (2 / x.shape[0])
            self.velocity.mul_(0.9).add_(grad)
            self.w.sub_(self.velocity, alpha=0.05)
            return error.square().mean()

    return Case(Step(), [randoms((6, 4), (6,)) for _ in range(5)])
