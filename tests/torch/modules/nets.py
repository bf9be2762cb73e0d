"""Small versions of known networks, convolutional and otherwise."""

import torch
import torch.nn.functional as F
from torch import nn

from modules.registry import Case, case, randoms


def conv(i, o, k=3, **options):
    return nn.Sequential(
        nn.Conv2d(i, o, k, padding=k // 2, bias=False, **options), nn.BatchNorm2d(o), nn.ReLU6()
    )


def settle(net):
    """Gives batch norms statistics of their own, as training would."""
    for m in net.modules():
        if isinstance(m, nn.modules.batchnorm._BatchNorm):
            m.running_mean.normal_(0, 0.2)
            m.running_var.uniform_(0.5, 1.5)
    return net.eval()


@case
def mlp():
    net = nn.Sequential(
        nn.Flatten(), nn.Linear(36, 32), nn.ReLU(), nn.Dropout(0.5), nn.Linear(32, 10), nn.LogSoftmax(1)
    )
    return Case(net.eval(), [randoms((4, 6, 6))])


@case
def cnn():
    net = nn.Sequential(
        conv(3, 8),
        conv(8, 16, stride=2),
        nn.MaxPool2d(2),
        conv(16, 16, 5),
        nn.AvgPool2d(2, ceil_mode=True),
        nn.Flatten(),
        nn.Linear(16 * 4, 5),
    )
    return Case(settle(net), [randoms((2, 3, 14, 14))])


class Separable(nn.Module):
    """Dense, depthwise, 1 x 1; the sum with what came in where shapes allow."""

    def __init__(self, i, middle, o, kernel=3, stride=1, first=1):
        super().__init__()
        self.expand = conv(i, middle, first) if middle != i else nn.Identity()
        self.depthwise = conv(middle, middle, kernel, stride=stride, groups=middle)
        self.project = nn.Sequential(nn.Conv2d(middle, o, 1, bias=False), nn.BatchNorm2d(o))
        self.adds = stride == 1 and i == o

    def forward(self, x):
        y = self.project(self.depthwise(self.expand(x)))
        return x + y if self.adds else y


@case
def separable():
    """Images large enough that rows are carried through all three, beside small ones."""
    net = nn.Sequential(
        Separable(3, 40, 12, kernel=5, first=3),
        Separable(12, 72, 12),
        Separable(12, 12, 20),
        Separable(20, 90, 24, stride=2),
        Separable(24, 48, 24),
    )
    return Case(settle(net), [randoms((2, 3, 61, 58))])


@case
def separable_first():
    """Nothing comes before; sizes and batch change."""
    net = nn.Sequential(Separable(16, 16, 8), conv(8, 8), Separable(8, 64, 8))
    height, width = torch.export.Dim("height", min=8, max=96), torch.export.Dim("width", min=8, max=96)
    calls = [randoms((1, 16, h, w)) for h, w in ((90, 96), (9, 8), (33, 70))]
    return Case(settle(net), calls, ({2: height, 3: width},))


@case
def cnn_wide():
    """Filters and images large enough for minimal filtering, sizes that its tiles do not divide."""
    net = nn.Sequential(
        nn.Conv2d(3, 24, 3, padding=1),
        nn.ReLU(),
        conv(24, 40),
        nn.Conv2d(40, 20, 3, padding=(0, 1)),
        nn.Conv2d(20, 33, 3, padding=2),
        nn.SiLU(),
    )
    batch = torch.export.Dim("batch", max=4)
    inputs = [randoms((2, 3, 45, 38)), randoms((3, 3, 45, 38))]
    return Case(settle(net), inputs, dynamic_shapes=({0: batch},))


class Residual(nn.Module):
    def __init__(self, i, o, stride):
        super().__init__()
        self.body = nn.Sequential(
            conv(i, o, stride=stride), nn.Conv2d(o, o, 3, padding=1, bias=False), nn.BatchNorm2d(o)
        )
        self.skip = (
            nn.Sequential(nn.Conv2d(i, o, 1, stride=stride), nn.BatchNorm2d(o))
            if stride > 1 or i != o
            else nn.Identity()
        )

    def forward(self, x):
        return F.relu(self.body(x) + self.skip(x))


@case
def resnet():
    net = nn.Sequential(
        conv(3, 8, 7, stride=2),
        nn.MaxPool2d(3, 2, 1),
        Residual(8, 8, 1),
        Residual(8, 16, 2),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(16, 6),
    )
    return Case(settle(net), [randoms((1, 3, 32, 32)), randoms((1, 3, 32, 32))])


class Inverted(nn.Module):
    """MobileNet's block with squeeze and excitation."""

    def __init__(self, c, wide):
        super().__init__()
        self.open, self.deep = conv(c, wide, 1), conv(wide, wide, 5, groups=wide)
        self.squeeze = nn.Sequential(
            nn.AdaptiveAvgPool2d(1), nn.Conv2d(wide, 4, 1), nn.SiLU(), nn.Conv2d(4, wide, 1), nn.Hardsigmoid()
        )
        self.close = nn.Sequential(nn.Conv2d(wide, c, 1, bias=False), nn.BatchNorm2d(c))

    def forward(self, x):
        y = self.deep(self.open(x))
        return x + self.close(y * self.squeeze(y))


@case
def mobile():
    net = nn.Sequential(
        conv(3, 8, stride=2), Inverted(8, 24), nn.Hardswish(), Inverted(8, 16), nn.AdaptiveAvgPool2d((2, 3))
    )
    return Case(settle(net), [randoms((1, 3, 16, 20))])


@case
def inception():
    class Branches(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b, self.c = conv(4, 3, 1), nn.Sequential(conv(4, 2, 1), conv(2, 5, 3)), conv(4, 2, 5)

        def forward(self, x):
            return torch.cat(
                [self.a(x), self.b(x), self.c(x), F.avg_pool2d(x, 3, 1, 1, count_include_pad=False)], 1
            )

    return Case(settle(nn.Sequential(Branches(), nn.Conv2d(14, 4, 1), Branches())), [randoms((2, 4, 9, 7))])


@case(nearest="nearest", bilinear="bilinear", transposed="transposed")
def unet(up):
    class Unet(nn.Module):
        def __init__(self):
            super().__init__()
            self.down = nn.ModuleList([conv(1, 4), conv(4, 8)])
            self.middle, self.up, self.last = (
                conv(8, 8),
                nn.ModuleList([conv(16, 4), conv(8, 4)]),
                nn.Conv2d(4, 2, 1),
            )
            self.grow = nn.ModuleList(
                [nn.ConvTranspose2d(8, 8, 2, 2), nn.ConvTranspose2d(4, 4, 3, 2, 1, output_padding=1)]
            )

        def forward(self, x):
            kept = []
            for layer in self.down:
                kept.append(layer(x))
                x = F.max_pool2d(kept[-1], 2)
            x = self.middle(x)
            for layer, grow in zip(self.up, self.grow):
                x = grow(x) if up == "transposed" else F.interpolate(x, scale_factor=2, mode=up)
                x = layer(torch.cat([x, kept.pop()], 1))
            return self.last(x).softmax(1)

    return Case(settle(Unet()), [randoms((1, 1, 16, 12))])


@case
def convnext():
    class Block(nn.Module):
        def __init__(self, c):
            super().__init__()
            self.deep, self.norm = nn.Conv2d(c, c, 7, padding=3, groups=c), nn.LayerNorm(c)
            self.up, self.down, self.gamma = (
                nn.Linear(c, 4 * c),
                nn.Linear(4 * c, c),
                nn.Parameter(torch.rand(c)),
            )

        def forward(self, x):
            y = self.norm(self.deep(x).permute(0, 2, 3, 1))
            return x + (self.gamma * self.down(F.gelu(self.up(y)))).permute(0, 3, 1, 2)

    return Case(nn.Sequential(nn.Conv2d(3, 8, 4, 4), Block(8), Block(8)), [randoms((1, 3, 24, 24))])


@case
def autoencoder():
    net = nn.Sequential(
        nn.Conv2d(1, 4, 3, 2, 1),
        nn.ELU(),
        nn.Conv2d(4, 6, 3, 2, 1),
        nn.PReLU(6),
        nn.ConvTranspose2d(6, 4, 4, 2, 1),
        nn.GroupNorm(2, 4),
        nn.Mish(),
        nn.ConvTranspose2d(4, 1, 4, 2, 1, groups=1),
        nn.Tanh(),
    )
    return Case(net, [randoms((2, 1, 12, 12))])


@case
def volumes():
    net = nn.Sequential(
        nn.Conv3d(2, 4, 3, padding=1),
        nn.BatchNorm3d(4),
        nn.LeakyReLU(),
        nn.MaxPool3d(2),
        nn.ConvTranspose3d(4, 3, 2, 2),
        nn.InstanceNorm3d(3, affine=True),
        nn.AdaptiveAvgPool3d((1, 2, 2)),
    )
    return Case(settle(net), [randoms((1, 2, 6, 8, 4))])


@case
def wavenet():
    class Wave(nn.Module):
        def __init__(self):
            super().__init__()
            self.layers = nn.ModuleList(nn.Conv1d(4, 8, 2, dilation=2**i) for i in range(4))
            self.mix = nn.ModuleList(nn.Conv1d(4, 4, 1) for _ in range(4))

        def forward(self, x):
            total = 0
            for i, (layer, mix) in enumerate(zip(self.layers, self.mix)):
                a, b = layer(F.pad(x, (2**i, 0))).chunk(2, 1)
                y = mix(torch.tanh(a) * torch.sigmoid(b))
                total, x = total + y, x + y
            return total

    return Case(Wave(), [randoms((2, 4, 30))])


@case
def super_resolution():
    net = nn.Sequential(
        nn.Conv2d(3, 12, 3, padding=1, padding_mode="reflect"),
        nn.PixelShuffle(2),
        nn.PixelUnshuffle(2),
        nn.Conv2d(12, 27, 3, padding="same", dilation=2),
        nn.PixelShuffle(3),
        nn.Upsample(scale_factor=2, mode="bicubic"),
    )
    return Case(net, [randoms((1, 3, 6, 8))])


@case
def spatial_transformer():
    class Transformer(nn.Module):
        def __init__(self):
            super().__init__()
            self.where = nn.Sequential(nn.Flatten(), nn.Linear(100, 6))

        def forward(self, x):
            theta = self.where(x).view(-1, 2, 3) * 0.1 + torch.eye(2, 3)
            grid = F.affine_grid(theta, x.shape, align_corners=False)
            return F.grid_sample(x, grid, align_corners=False), F.grid_sample(
                x, grid, mode="nearest", padding_mode="border"
            )

    return Case(Transformer(), [randoms((2, 1, 10, 10))])


@case
def mixer():
    class Mix(nn.Module):
        def __init__(self):
            super().__init__()
            self.n1, self.n2 = nn.LayerNorm(6), nn.LayerNorm(6)
            self.tokens = nn.Sequential(nn.Linear(9, 12), nn.GELU(approximate="tanh"), nn.Linear(12, 9))
            self.channels = nn.Sequential(nn.Linear(6, 12), nn.GELU(), nn.Linear(12, 6))

        def forward(self, x):
            x = x + self.tokens(self.n1(x).transpose(1, 2)).transpose(1, 2)
            return x + self.channels(self.n2(x))

    return Case(nn.Sequential(Mix(), Mix()), [randoms((2, 9, 6))])


@case
def experts():
    class Experts(nn.Module):
        def __init__(self):
            super().__init__()
            self.gate, self.experts = (
                nn.Linear(6, 4),
                nn.ModuleList(nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 6)) for _ in range(4)),
            )

        def forward(self, x):
            weight, which = self.gate(x).softmax(-1).topk(2, -1)
            all_of_them = torch.stack([e(x) for e in self.experts], 1)
            chosen = all_of_them.gather(1, which[..., None].expand(-1, -1, 6))
            return (chosen * weight[..., None]).sum(1), F.one_hot(which[:, 0], 4).sum(0)

    return Case(Experts(), [randoms((5, 6)), randoms((5, 6))])


@case
def losses():
    class Losses(nn.Module):
        def __init__(self):
            super().__init__()
            self.linear = nn.Linear(6, 4)

        def forward(self, x, y):
            z = self.linear(x)
            hot = F.one_hot(y, 4).float()
            return (
                F.cross_entropy(z, y, label_smoothing=0.1),
                F.binary_cross_entropy_with_logits(z, hot),
                F.mse_loss(z, hot),
                F.smooth_l1_loss(z, hot),
                F.kl_div(z.log_softmax(1), hot.softmax(1), reduction="batchmean"),
                F.cosine_similarity(z, hot),
                F.triplet_margin_loss(z, hot, x[:, :4]),
                F.nll_loss(z.log_softmax(1), y, reduction="none"),
            )

    return Case(Losses(), [(torch.randn(5, 6), torch.randint(0, 4, (5,)))])
