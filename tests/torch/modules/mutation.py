"""Writing in place: into inputs, into views, through chains of views."""

import torch
from torch.export import Dim

from modules.registry import Case, Function, case, randoms


def one(function, *shapes, calls=1, dynamic_shapes=None):
    return Case(Function(function), [randoms(*shapes) for _ in range(calls)], dynamic_shapes)


@case
def input_added_to():
    def f(x, y):
        x.add_(y)
        return x * 2

    return one(f, (3, 4), (3, 4), calls=2)


@case
def input_returned():
    def f(x):
        x.mul_(2)
        x[0] = 1
        return x, x + 1

    return one(f, (3, 4))


@case
def input_through_view():
    def f(x):
        x.t()[1].add_(5)
        x.view(-1)[::5].zero_()
        return x.sum(0), x.clone()

    return one(f, (3, 4))


@case
def two_inputs_swapped():
    def f(x, y):
        t = x.clone()
        x.copy_(y)
        y.copy_(t)
        return x - y

    return one(f, (4,), (4,))


@case
def column_set():
    def f(x):
        y = x.clone()
        y[:, 0] = 1
        y[1:, 2] = x[:-1, 3]
        return y

    return one(f, (3, 4))


@case
def slices_added():
    def f(x):
        y = x * 1
        y[:, 1:3] += 10
        y[..., -1] *= y[..., 0]
        y[::2] -= x[::2].mean(0)
        return y

    return one(f, (5, 4), calls=2)


@case
def slices_dynamic():
    def f(x):
        y = x.clone()
        y[1:] += x[:-1]
        y[:, 0] = y.sum(1)
        y[-1] = 0
        return y

    return Case(Function(f), [randoms((n, 3)) for n in (5, 3, 12)], ({0: Dim("n", min=3, max=12)},))


@case
def chained_views():
    def f(x):
        base = x.clone()
        a = base.view(2, 6).transpose(0, 1)
        b = a[1:5].unsqueeze(1).permute(2, 0, 1)
        b.add_(100)
        a[0, 1] = -1
        return base, a, b

    return one(f, (3, 4))


@case
def view_then_base():
    def f(x):
        y = x + 1
        v = y[1]
        y.mul_(3)
        v.add_(v)
        return v, y, y.view(-1)[4:8]

    return one(f, (3, 4))


@case
def masked():
    def f(x):
        y = x.clone()
        y.masked_fill_(y > 1, 9)
        y[y < -1] = -9
        y[x.abs() < 0.5] *= 2
        return y

    return one(f, (4, 5))


@case
def indexed():
    def f(x, i):
        y = x.clone()
        y[i] = 7
        y.index_put_((i, i), torch.tensor(1.0), accumulate=True)
        y.index_add_(1, i, x[:, :3], alpha=2)
        y.scatter_(0, i.view(1, 3).expand(1, 3), -5.0)
        y.scatter_add_(1, i.expand(4, 3), x[:, :3])
        return y

    return Case(Function(f), [(torch.randn(4, 4), torch.tensor(i)) for i in ([0, 2, 3], [1, 0, 3])])


@case
def views_in_place():
    def f(x):
        y = x.clone()
        y.unsqueeze_(0).transpose_(1, 2)
        y.squeeze_(0)
        y.t_()
        return y.add_(1).clamp_(-1, 1).neg_()

    return one(f, (3, 4))


@case
def functions_in_place():
    def f(x):
        y = torch.relu_(x.clone() - 0.5)
        y.sigmoid_().pow_(2).sqrt_().exp_().log_()
        y.div_(3).sub_(1, alpha=2).lerp_(x, 0.25)
        torch.nn.functional.leaky_relu(y, 0.1, inplace=True)
        torch.nn.functional.hardtanh(y, -0.5, 0.5, inplace=True)
        return y.addmm_(x, x).tril_().fill_diagonal_(2)

    return one(f, (3, 3))


@case
def filled_and_built():
    def f(x):
        out = torch.empty(3, 6)
        out[:, :4] = x
        out[:, 4:].fill_(0.5)
        out[1].copy_(out[0])
        out.diagonal().zero_()
        return out

    return one(f, (3, 4))


@case
def loop_of_writes():
    def f(x):
        out = torch.zeros_like(x)
        state = torch.zeros(4)
        for t in range(x.shape[0]):
            state = 0.5 * state + x[t]
            out[t] = state
        return out

    return one(f, (6, 4))


@case
def broadcast_write():
    def f(x, y):
        z = x.clone()
        z[:] = y
        z[:, None, 0] = y[:1]
        z.view(2, 2, 3)[:, 1] = torch.arange(3)
        return z

    return one(f, (4, 3), (3,))


@case
def out_arguments():
    def f(x, y):
        z = torch.empty(0)
        z = torch.add(x, y, out=torch.empty_like(x))
        torch.mul(z, 2, out=z)
        return z, torch.cat([x, y], out=torch.empty(6, 4))

    return one(f, (3, 4), (3, 4))


@case
def real_parts_apart():
    def f(x):
        a, b = x.chunk(2, 1)
        a.add_(b)
        b.mul_(a)
        p, q, r = x.unbind(0)
        q.copy_(p + r)
        return x

    return one(lambda x: f(x.clone()), (3, 4))
