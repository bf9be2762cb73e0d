"""Memory layouts: channels last, strides, views as answers."""

import torch
import torch.nn.functional as F
from torch import nn
from torch.export import Dim

from modules.registry import Case, Function, case, randoms


def conv_net():
    return nn.Sequential(
        nn.Conv2d(3, 6, 3, padding=1), nn.BatchNorm2d(6), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 4, 1)
    ).eval()


@case
def channels_last_input():
    x = torch.randn(2, 3, 8, 8).to(memory_format=torch.channels_last)
    return Case(conv_net(), [(x,), (x * 2,)])


@case
def channels_last_module():
    x = torch.randn(2, 3, 8, 8).to(memory_format=torch.channels_last)
    return Case(conv_net().to(memory_format=torch.channels_last), [(x,)])


@case
def channels_last_inside():
    def f(x):
        y = x.contiguous(memory_format=torch.channels_last)
        z = F.max_pool2d(y, 2) + 1
        return z, z.permute(0, 2, 3, 1).flatten(1, 2), torch.empty_like(y).fill_(2) * y

    return Case(Function(f), [randoms((2, 3, 4, 6))])


@case
def views_out():
    def f(x):
        return (
            x.t(),
            x[:, ::2],
            x.expand(2, 3, 4),
            x.unfold(1, 2, 1),
            x.flip(0),
            x.diagonal(),
            x[1],
            x.view(-1)[3:9].view(2, 3),
        )

    return Case(Function(f), [randoms((3, 4))])


@case
def transposed_products():
    def f(a, b):
        return (
            a.t() @ b,
            torch.mm(b.t(), a),
            (a.t().contiguous() @ b).t() @ a.t(),
            torch.bmm(a.expand(2, 3, 4).mT, b.expand(2, 3, 5)),
        )

    return Case(Function(f), [randoms((3, 4), (3, 5))])


@case
def strided():
    def f(x):
        y = torch.as_strided(x, (3, 2), (1, 4), 2)
        return y * 2, y.sum(0), torch.as_strided(x.clone(), (2, 2), (5, 1)).contiguous()

    return Case(Function(f), [randoms((12,))])


@case
def windows():
    def f(x):
        frames = x.unfold(-1, 4, 2)
        patches = F.unfold(x.view(1, 1, 4, 5), 2)
        return frames * torch.hann_window(4), patches, F.fold(patches, (4, 5), 2)

    return Case(Function(f), [randoms((20,))])


@case
def permuted_norms():
    class Norms(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b, self.c = nn.LayerNorm(3), nn.GroupNorm(1, 3), nn.RMSNorm((2, 3))

        def forward(self, x):
            return (
                self.a(x.transpose(1, 2)),
                self.b(x.permute(2, 1, 0)),
                self.c(x.permute(2, 0, 1)),
                x.transpose(0, 2).softmax(1),
            )

    return Case(Norms(), [randoms((2, 3, 4))])


@case
def reshapes():
    def f(x):
        b = x.shape[0]
        y = x.view(b, 2, 3, 4).transpose(1, 2)
        return (
            y.reshape(b, 3, 8),
            y.flatten(2),
            y.movedim(0, -1).reshape(-1, b),
            y.reshape(b, -1).unflatten(1, (4, 6)),
            y[..., None].squeeze(-1),
        )

    return Case(Function(f), [randoms((b, 6, 4)) for b in (2, 5)], ({0: Dim("b", max=6)},))


@case
def gathers():
    def f(x, i):
        return (
            x[i],
            x[:, i],
            x[i, i],
            x[i][:, None, :2],
            x.index_select(1, i),
            torch.take(x, i),
            x[..., i, None],
            x[[0, 2]],
            torch.take_along_dim(x, i.view(2, 1).expand(2, 5), 0),
            x.gather(0, i.view(2, 1)),
            x[-1],
        )

    return Case(Function(f), [(torch.randn(4, 5), torch.tensor(i)) for i in ([0, 3], [2, 1])])
