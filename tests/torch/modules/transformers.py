"""Attention, from one layer to small language models."""

import math

import torch
import torch.nn.functional as F
from torch import nn
from torch.export import Dim

from modules.registry import Case, case, randoms


@case(post={}, pre={"norm_first": True, "activation": "gelu"}, time_first={"batch_first": False})
def encoder_layer(options):
    net = nn.TransformerEncoderLayer(16, 2, 32, **({"batch_first": True} | options)).eval()
    return Case(net, [randoms((2, 5, 16))])


@case
def encoder_masked():
    class Masked(nn.Module):
        def __init__(self):
            super().__init__()
            self.encoder = nn.TransformerEncoder(
                nn.TransformerEncoderLayer(16, 4, 32, batch_first=True), 2, enable_nested_tensor=False
            )

        def forward(self, x, padding):
            causal = nn.Transformer.generate_square_subsequent_mask(x.shape[1])
            return self.encoder(x, mask=causal, src_key_padding_mask=padding, is_causal=True)

    padding = torch.zeros(2, 6).masked_fill(torch.tensor([[0] * 6, [0] * 4 + [1] * 2]).bool(), float("-inf"))
    return Case(Masked().eval(), [(torch.randn(2, 6, 16), padding)])


@case
def decoder_layer():
    class Decoder(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.TransformerDecoderLayer(16, 2, 32, batch_first=True)

        def forward(self, x, memory):
            mask = torch.full((x.shape[1], x.shape[1]), float("-inf")).triu(1)
            return self.layer(x, memory, tgt_mask=mask)

    return Case(
        Decoder().eval(), [randoms((2, t, 16), (2, 7, 16)) for t in (5, 9)], ({1: Dim("t", max=10)}, None)
    )


@case
def whole_transformer():
    net = nn.Transformer(16, 2, 1, 1, 32, batch_first=True).eval()
    return Case(net, [randoms((2, 6, 16), (2, 4, 16))])


@case
def multi_head():
    class Heads(nn.Module):
        def __init__(self):
            super().__init__()
            self.own = nn.MultiheadAttention(16, 4, batch_first=True)
            self.cross = nn.MultiheadAttention(16, 2, kdim=6, vdim=5, bias=False, batch_first=True)
            self.more = nn.MultiheadAttention(16, 2, add_bias_kv=True, add_zero_attn=True)

        def forward(self, x, k, v, padding):
            y, w = self.own(x, x, x, key_padding_mask=padding)
            z, per_head = self.cross(y, k, v, average_attn_weights=False)
            u, _ = self.more(x, x, x, need_weights=False)
            return y, w, z, per_head, u

    padding = torch.tensor([[False] * 5, [False] * 3 + [True] * 2])
    return Case(Heads().eval(), [(*randoms((2, 5, 16), (2, 7, 6), (2, 7, 5)), padding)])


@case
def attention_variants():
    class Variants(nn.Module):
        def forward(self, q, k, v, mask, keep):
            sdpa = F.scaled_dot_product_attention
            return (
                sdpa(q, k, v),
                sdpa(q, k, v, mask),
                sdpa(q, k, v, keep),
                sdpa(q, k, v, is_causal=True),
                sdpa(q, k, v, scale=0.3),
                sdpa(q, k[:, :2], v[:, :2], enable_gqa=True),
                sdpa(q[0], k[0], v[0]),
            )

    keep = torch.rand(5, 6) > 0.3
    keep[2] = False
    return Case(Variants(), [(*randoms((2, 4, 5, 8), (2, 4, 6, 8), (2, 4, 6, 3), (2, 1, 5, 6)), keep)])


class Block(nn.Module):
    def __init__(self, d, heads):
        super().__init__()
        self.heads, self.n1, self.n2 = heads, nn.LayerNorm(d), nn.LayerNorm(d)
        self.qkv, self.out = nn.Linear(d, 3 * d), nn.Linear(d, d)
        self.mlp = nn.Sequential(nn.Linear(d, 4 * d), nn.GELU(approximate="tanh"), nn.Linear(4 * d, d))

    def forward(self, x):
        b, t, d = x.shape
        q, k, v = self.qkv(self.n1(x)).split(d, 2)
        q, k, v = (s.view(b, t, self.heads, d // self.heads).transpose(1, 2) for s in (q, k, v))
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.out(y.transpose(1, 2).reshape(b, t, d))
        return x + self.mlp(self.n2(x))


@case
def gpt():
    class Gpt(nn.Module):
        def __init__(self):
            super().__init__()
            self.tokens, self.places = nn.Embedding(23, 16), nn.Embedding(16, 16)
            self.blocks, self.norm = nn.ModuleList([Block(16, 2), Block(16, 4)]), nn.LayerNorm(16)
            self.head = nn.Linear(16, 23, bias=False)
            self.head.weight = self.tokens.weight

        def forward(self, ids):
            x = self.tokens(ids) + self.places(torch.arange(ids.shape[1]))
            for block in self.blocks:
                x = block(x)
            return self.head(self.norm(x))

    calls = [(torch.randint(0, 23, (b, t)),) for b, t in ((2, 5), (1, 16), (4, 2))]
    return Case(Gpt(), calls, ({0: Dim("b", min=1, max=4), 1: Dim("t", max=16)},))


class Llama(nn.Module):
    """Rotary positions, grouped heads, RMS norm, gated feed-forward, and a cache of keys and values."""

    def __init__(self, d=16, heads=4, shared=2, length=12):
        super().__init__()
        self.heads, self.shared, self.each = heads, shared, d // heads
        self.tokens, self.n1, self.n2, self.n3 = (
            nn.Embedding(19, d),
            nn.RMSNorm(d, 1e-5),
            nn.RMSNorm(d, 1e-5),
            nn.RMSNorm(d, 1e-5),
        )
        self.q, self.out = nn.Linear(d, d, bias=False), nn.Linear(d, d, bias=False)
        self.k, self.v = (nn.Linear(d, shared * self.each, bias=False) for _ in range(2))
        self.w1, self.w2, self.w3 = (
            nn.Linear(d, 24, bias=False),
            nn.Linear(24, d, bias=False),
            nn.Linear(d, 24, bias=False),
        )
        angle = torch.outer(torch.arange(length), 1e4 ** -(torch.arange(0, self.each, 2) / self.each))
        self.register_buffer("cos", angle.cos(), persistent=False)
        self.register_buffer("sin", angle.sin(), persistent=False)
        self.register_buffer("keys", torch.zeros(1, shared, length, self.each))
        self.register_buffer("values", torch.zeros(1, shared, length, self.each))

    def turn(self, x, place):
        a, b = x.unflatten(-1, (-1, 2)).unbind(-1)
        c, s = self.cos[place], self.sin[place]
        return torch.stack([a * c - b * s, a * s + b * c], -1).flatten(-2)

    def forward(self, ids, place):
        x = self.tokens(ids)
        h = self.n1(x)
        q, k, v = ((f(h).unflatten(-1, (-1, self.each)).transpose(1, 2)) for f in (self.q, self.k, self.v))
        self.keys.index_copy_(2, place, self.turn(k, place))
        self.values.index_copy_(2, place, v)
        keep = torch.arange(self.keys.shape[2]) <= place[:, None]
        y = F.scaled_dot_product_attention(self.turn(q, place), self.keys, self.values, keep, enable_gqa=True)
        x = x + self.out(y.transpose(1, 2).flatten(2))
        h = self.n2(x)
        return F.linear(self.n3(x + self.w2(F.silu(self.w1(h)) * self.w3(h))), self.tokens.weight)


@case
def llama_steps():
    return Case(Llama(), [(torch.randint(0, 19, (1, 1)), torch.tensor([p])) for p in range(5)])


@case
def llama_prefill():
    t = Dim("t", min=1, max=8)
    places = (torch.arange(0, 5), torch.tensor([5]), torch.arange(6, 9))
    return Case(Llama(), [(torch.randint(0, 19, (1, len(p))), p) for p in places], ({1: t}, {0: t}))


@case
def vision():
    class Vision(nn.Module):
        def __init__(self):
            super().__init__()
            self.patch, self.first, self.places = (
                nn.Conv2d(3, 16, 4, 4),
                nn.Parameter(torch.randn(1, 1, 16)),
                nn.Parameter(torch.randn(1, 10, 16)),
            )
            self.block, self.head = Block(16, 2), nn.Linear(16, 5)

        def forward(self, x):
            x = self.patch(x).flatten(2).transpose(1, 2)
            x = torch.cat([self.first.expand(x.shape[0], -1, -1), x], 1) + self.places
            return self.head(self.block(x)[:, 0])

    return Case(Vision(), [randoms((b, 3, 12, 12)) for b in (2, 3)], ({0: Dim("b", max=4)},))


@case
def relative_positions():
    class Relative(nn.Module):
        """T5's bias by buckets of distance, and ALiBi's slopes."""

        def __init__(self):
            super().__init__()
            self.bias = nn.Embedding(8, 2)

        def forward(self, q, k):
            away = torch.arange(k.shape[2])[None] - torch.arange(q.shape[2])[:, None]
            far = 4 + (torch.log(away.abs().clamp(min=1) / 4) / math.log(4) * 4).to(torch.long)
            bucket = torch.where(away.abs() < 4, away.abs(), far.clamp(max=7))
            slopes = 2.0 ** -torch.arange(1, 3).view(2, 1, 1)
            bias = self.bias(bucket).permute(2, 0, 1) - slopes * away.abs()
            return F.scaled_dot_product_attention(q, k, k, attn_mask=bias)

    return Case(Relative(), [randoms((1, 2, 6, 4), (1, 2, 9, 4))])


@case
def attention_by_hand():
    """softmax(q k^T / sqrt(d)) v in its own words, with and without a mask that hides a row wholly."""

    class ByHand(nn.Module):
        def forward(self, x, mask):
            q, k, v = x.view(2, 7, 3, 3, 4).permute(2, 0, 3, 1, 4)
            scores = q @ k.transpose(-1, -2) / 4**0.5
            weights = torch.softmax(scores + mask, -1)
            return torch.softmax(scores, -1) @ v, weights @ v, weights

    mask = torch.zeros(7, 7).masked_fill(torch.ones(7, 7).triu(1).bool(), float("-inf"))
    mask[3] = float("-inf")
    return Case(ByHand(), [(torch.randn(2, 7, 36), mask)])
