"""What test_gradients.py has no other case of: where gradients end, and rules that no OpInfo sample with real inputs reaches."""

import torch
import torch.nn.functional as F

from modules.registry import Case, Function, case, randoms


@case
def stopped():
    def f(x, w):
        y = x * w
        rounded = y + (torch.round(y * 4) / 4 - y).detach()  # straight through
        with torch.no_grad():
            scale = (x * w).abs().mean()
        return rounded * scale + w.detach() * x

    args = randoms((3, 4), (4,))
    with torch.enable_grad():  # else the region is not in the program
        program = torch.export.export(Function(f), args)
    return Case(Function(f), [args], decompositions=lambda _: program)


@case
def spectral_filter():
    def f(x, h):
        spectrum = torch.fft.rfft(x, dim=-1) * torch.view_as_complex(h)
        whitened = spectrum / (spectrum.abs() + 1)
        phase = torch.fft.fft(torch.polar(spectrum.abs(), spectrum.angle()), dim=0)
        return torch.fft.irfft(whitened, n=16, dim=-1), torch.view_as_real(phase)

    return Case(Function(f), [randoms((3, 16), (9, 2))])


@case
def complex_functions():
    def f(a, b):
        z = torch.complex(a, b)
        w = (z.exp() * z.conj() + 1 / (z * z + 3)).tanh() / (z.sin() + 2) - z.sigmoid() * (z + 3).sqrt().log()
        scaled = torch.where(a > 0, w, w.pow(2)) * b + w.sum(-1, keepdim=True) * torch.sgn(z)
        return torch.view_as_real(scaled), scaled.abs().sum(), w.imag, scaled.prod(-1).real, w.cumsum(0).angle()

    return Case(Function(f), [randoms((3, 4), (3, 4))])


@case
def spectrogram():
    def f(x, window):
        frames = torch.stft(x, 16, hop_length=4, window=window, return_complex=True)
        return torch.istft(frames * (1 + frames.abs()).log(), 16, hop_length=4, window=window), frames.abs().square()

    return Case(Function(f), [(torch.randn(2, 64), torch.hann_window(16) + 0.1)])


# Lengths of nothing and deviations of equal numbers have the gradient 0.
@case
def zeros():
    def f(x):
        return F.normalize(x, dim=-1), x.std(-1), x.norm(dim=-1), x.norm(p=3, dim=-1), torch.sinc(x), torch.cdist(x, x)

    x = torch.randn(4, 5)
    x[1] = 0
    return Case(Function(f), [(x,)])


@case(bool=True, added=False)
def hidden_rows(boolean):
    def f(q, k, v, mask):
        if not boolean:
            mask = torch.zeros(4, 4).masked_fill(~mask, -torch.inf)
        return F.scaled_dot_product_attention(q, k, v, mask)

    mask = torch.ones(4, 4, dtype=torch.bool).tril()
    mask[1] = False
    return Case(Function(f), [(*randoms((2, 4, 8), (2, 4, 8), (2, 4, 8)), mask)])


@case(sum="sum", mean="mean", max="max", weighted="weighted")
def bags(mode):
    def f(table, weights, indices, offsets):
        how = {"mode": "sum", "per_sample_weights": weights} if mode == "weighted" else {"mode": mode, "padding_idx": 2}
        return F.embedding_bag(indices, table, offsets, **how)

    return Case(Function(f), [(*randoms((6, 3), (8,)), torch.tensor([1, 2, 2, 5, 0, 1, 1, 3]), torch.tensor([0, 3, 3, 6]))])


@case
def products_with_zeros():
    def f(x):
        return x.cumprod(1), x.prod(1), x.logcumsumexp(1)

    x = torch.randn(4, 6)
    x[0, 2] = x[1, 1] = x[1, 4] = x[2, 0] = 0
    return Case(Function(f), [(x,)])


@case
def vector_weight():
    return Case(Function(lambda x, w: F.linear(x, w)), [randoms((2, 3, 5), (5,))])
