"""`.pte` programs that ExecuTorch's exporters write of quantized models and of language models, with the operators of its quantized and
custom libraries in them: run as they are and recompiled, beside ExecuTorch's own runtime, or eager PyTorch where that cannot run them.
Skipped where the wheels executorch and torchao are not installed (pip install executorch==1.4.1 torchao)."""
import copy
import os
import pathlib
import subprocess
import warnings

import numpy as np
import pytest
import torch
import torch.nn as nn
import torch.nn.functional as F

pytest.importorskip("executorch")
pytest.importorskip("torchao")
warnings.filterwarnings("ignore")

import executorch.kernels.quantized  # noqa: E402, F401
from executorch.exir import EdgeCompileConfig, ExecutorchBackendConfig, to_edge_transform_and_lower  # noqa: E402
from executorch.exir.passes._quant_patterns_and_replacements import quantized_decomposed_lib  # noqa: E402, F401
from executorch.exir.passes.quant_fusion_pass import QuantFusionPass, quant_fusion_and_const_prop_pass  # noqa: E402
from executorch.extension.llm.custom_ops import custom_ops  # noqa: E402, F401
from torchao.quantization import Int8DynamicActivationIntxWeightConfig, IntxWeightOnlyConfig, quantize_  # noqa: E402
from torchao.quantization.granularity import PerAxis, PerGroup  # noqa: E402

ROOT = pathlib.Path(__file__).parents[2]
BINARY = os.environ.get("PORTFIRE_BINARY", str(ROOT / "build/release/portfire"))
Q, LLAMA = torch.ops.quantized_decomposed, torch.ops.llama
I8, U8, F32, F16 = torch.int8, torch.uint8, torch.float32, torch.float16

# Some have a kernel and no rule for shapes, which an export needs.
SHAPES = torch.library.Library("quantized_decomposed", "IMPL")
SHAPES.impl("mixed_mm", lambda x, w, s, z: x.new_empty(x.shape[0], w.shape[1]), "Meta")
SHAPES.impl("mixed_linear", lambda x, w, s, z, dtype=None: x.new_empty(x.shape[0], w.shape[0], dtype=dtype), "Meta")
SHAPES.impl("add", lambda a, *rest: torch.empty_like(a), "Meta")


# --- export ---


@torch.no_grad()
def lowered(program, xnnpack=(), fuse=False, **config):
    """The bytes of a `.pte`. xnnpack: partitioners; fuse: patterns become operators of the quantized library."""
    check = EdgeCompileConfig(_check_ir_validity=False, _skip_dim_order=False)
    edge = to_edge_transform_and_lower(program, partitioner=list(xnnpack), compile_config=check)
    if fuse:
        edge = edge.transform([QuantFusionPass(_fix_node_meta_val=True)])
    return edge.to_executorch(ExecutorchBackendConfig(**config)).buffer


def exported(model, inputs, strict=False, **how):
    with torch.no_grad():
        return torch.export.export(model.requires_grad_(False), inputs, strict=strict, **how)


def partitioners():
    from executorch.backends.xnnpack.partition.config.xnnpack_config import ConfigPrecisionType
    from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner

    return [XnnpackPartitioner(config_precisions=ConfigPrecisionType.DYNAMIC_QUANT, per_op_mode=True), XnnpackPartitioner()]


def converted(model, inputs, quantizer):
    from torchao.quantization.pt2e.quantize_pt2e import convert_pt2e, prepare_pt2e

    prepared = prepare_pt2e(torch.export.export(model, inputs, strict=False).module(), quantizer)
    for _ in range(2):
        prepared(*inputs)
    return convert_pt2e(prepared)


def pt2e(model, inputs, **config):
    from executorch.backends.xnnpack.quantizer.xnnpack_quantizer import XNNPACKQuantizer, get_symmetric_quantization_config

    return converted(model, inputs, XNNPACKQuantizer().set_global(get_symmetric_quantization_config(**config)))


# --- what runs them ---


def theirs(program, calls):
    """ExecuTorch's answers, or None where its runtime lacks something."""
    from executorch.extension.pybindings.portable_lib import _load_for_executorch_from_buffer

    try:
        module = _load_for_executorch_from_buffer(program)
        return [[leaf.clone() for leaf in module.forward(list(call))] for call in calls]
    except RuntimeError:
        return None


def portfire(*words):
    done = subprocess.run([BINARY, *map(str, words)], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout


def inside(program):
    """The operators of a program, by name."""
    return {word.strip(",") for line in portfire("inspect", program, "--full").splitlines() for word in line.replace("(", " ").split() if "::" in word}


def numbered(folder, letter, k, tensors):
    paths = []
    for i, t in enumerate(tensors):
        paths.append(str(folder / f"{letter}{k}.{i}.npy"))
        np.save(paths[-1], t.detach().contiguous().numpy() if isinstance(t, torch.Tensor) else np.array(t))
    return ",".join(paths)


def check(folder, program, calls, eager, tolerance, operators=(), recompiled=None):
    """`program`, run as it is and recompiled, gives what ExecuTorch's runtime gives, or `eager` where that cannot run it, to within
    `tolerance` of the largest value. operators: what must be in it. recompiled: the tolerance of the recompiled, where it is another."""
    old, new = folder / "old.pte", folder / "new.pte"
    old.write_bytes(program)
    names = inside(old)
    assert set(operators) <= names, names
    answers = theirs(program, calls)
    if answers is None:
        answers = [listed(eager(*copy.deepcopy(call))) for call in calls]
    words = []
    for k, (call, answer) in enumerate(zip(calls, answers)):
        words += ["--call", numbered(folder, "x", k, call) + "=" + numbered(folder, "y", k, answer)]
    portfire("compile", old, "-o", new)
    portfire("run", new, "--tolerance", recompiled or tolerance, *words)
    if not any("Backend" in name for name in names):
        portfire("run", old, "--tolerance", tolerance, *words)
    return new


def listed(result):
    return list(result) if isinstance(result, (tuple, list)) else [result]


def random(*sizes, dtype=F32, seed=0, low=-100, high=100):
    g = torch.Generator().manual_seed(seed)
    if dtype.is_floating_point:
        return torch.randn(*sizes, generator=g).to(dtype)
    return torch.randint(max(low, torch.iinfo(dtype).min), high, sizes, generator=g).to(dtype)


def scales(*sizes, dtype=F32, seed=5):
    return (random(*sizes, seed=seed).abs() * 0.05 + 0.01).to(dtype)


class Simple(nn.Module):
    """A function of a module, its tensors and its inputs."""

    def __init__(self, f, **parts):
        super().__init__()
        self.f = f
        for name, part in parts.items():
            if isinstance(part, torch.Tensor):
                self.register_buffer(name, part)
            else:
                setattr(self, name, part)

    def forward(self, *x):
        return self.f(self, *x)


# --- PT2E: what surrounds the operators stays as it is ---


class Vision(nn.Module):
    """A block as MobileNet's, with operators between that keep their layout by dim_order_ops."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 16, 3, 2, 1)
        self.expand, self.depthwise, self.project = nn.Conv2d(16, 24, 1), nn.Conv2d(24, 24, 3, 1, 1, groups=24), nn.Conv2d(24, 16, 1)
        self.end = nn.Linear(16, 10)

    def forward(self, x):
        x = F.relu(self.stem(x.to(memory_format=torch.channels_last)))
        x = x + self.project(F.relu6(self.depthwise(F.relu6(self.expand(x)))))
        return self.end(x.mean([2, 3]))


def linears():
    return Simple(lambda m, x: m.b(F.silu(m.a(x))), a=nn.Linear(64, 96), b=nn.Linear(96, 32, bias=False)).eval()


def test_static(tmp_path):
    torch.manual_seed(0)
    calls = [(torch.randn(1, 3, 16, 16),) for _ in range(3)]
    model = pt2e(Vision().eval(), calls[0], is_per_channel=True)
    words = ["quantize_per_tensor.out", "dequantize_per_tensor.out", "dequantize_per_channel.out"]
    # Recompiled, sums are of integers, and of floats in theirs: where one lies on a half, the answer is another by one step of its scale.
    check(tmp_path, lowered(exported(model, calls[0])), calls, model, 1e-2, [f"quantized_decomposed::{w}" for w in words])


def test_dynamic(tmp_path):
    torch.manual_seed(0)
    calls = [(torch.randn(5, 64),) for _ in range(3)]
    model = pt2e(linears(), calls[0], is_dynamic=True)
    words = ["choose_qparams.Tensor_out", "quantize_per_tensor.Tensor_out", "dequantize_per_tensor.Tensor_out"]
    check(tmp_path, lowered(exported(model, calls[0])), calls, model, 1e-3, [f"quantized_decomposed::{w}" for w in words])


def test_fused_add(tmp_path):
    """QuantFusionPass makes one operator of a sum between integers of 8 bits without sign, and drops what surrounds a slice."""

    def forward(m, a, b):
        q = lambda x, scale, zero: Q.quantize_per_tensor(x, scale, zero, 0, 255, U8)  # noqa: E731
        d = lambda x, scale, zero: Q.dequantize_per_tensor(x, scale, zero, 0, 255, U8)  # noqa: E731
        sum_ = q(d(q(a, 0.03, 120), 0.03, 120) + d(q(b, 0.02, 128), 0.02, 128), 0.05, 125)
        part = q(d(sum_, 0.05, 125)[:, 1:4], 0.05, 125)
        return sum_, d(part, 0.05, 125)

    calls = [(random(4, 9, seed=k), random(4, 9, seed=k + 9)) for k in range(2)]
    program = lowered(exported(Simple(forward), calls[0]), fuse=True)
    check(tmp_path, program, calls, Simple(forward), 1e-6, ["quantized_decomposed::add.out"])


# --- weights alone, and 8da4w ---


def test_linears_in_delegates(tmp_path):
    """8da8w, and 4-bit weights alone; 8da4w is test_xnnpack.py's, and the decoder's below."""
    configs = [Int8DynamicActivationIntxWeightConfig(torch.int8, PerAxis(0)), IntxWeightOnlyConfig(torch.int4, PerGroup(32))]
    torch.manual_seed(0)
    model = Simple(lambda m, x: tuple(part(x) for part in m.parts), parts=nn.ModuleList([nn.Linear(64, 40, bias=k < 1) for k in range(2)]))
    for part, config in zip(model.parts, configs):
        quantize_(part, config)
    calls = [(torch.randn(3, 64),) for _ in range(2)]
    # Both compute from the same integers; where an activation lies on a half it may be rounded to the next.
    new = check(tmp_path, lowered(exported(model, calls[0]), partitioners()), calls, model, 1e-3)
    assert "portfire::linear_qd8" in inside(new)


def group_table(bits, group, packed, width=64):
    from executorch.examples.models.llama.source_transformation.quantize import EmbeddingQuantHandler

    handler = EmbeddingQuantHandler(nn.Sequential(nn.Embedding(20, width)), bitwidth=bits, group_size=group, packed=packed, quantize_with_hqq=False)
    return handler.quantized_model().eval()


def test_embeddings(tmp_path):
    """Of torchao, which a pass makes one operator, with zero points and without; and as Llama's exporter has them."""
    from torchao.quantization.quant_api import MappingType

    torch.manual_seed(0)
    tables = [group_table(bits, group, bits < 8) for bits, group in ((2, None), (2, 16), (4, 16), (8, None))]
    for bits, group in ((2, 16), (4, None), (4, 16), (8, 16)):
        for mapping in (MappingType.SYMMETRIC, MappingType.ASYMMETRIC):
            table = nn.Sequential(nn.Embedding(20, 64))
            config = IntxWeightOnlyConfig(getattr(torch, f"int{bits}"), PerGroup(group) if group else PerAxis(0), mapping_type=mapping)
            quantize_(table, config, lambda m, _: isinstance(m, nn.Embedding))
            tables.append(table)
    model = Simple(lambda m, i: tuple(t(i) for t in m.tables), tables=nn.ModuleList(tables))
    calls = [(torch.tensor([[1, 7, 19], [0, 3, 3]]),)]
    edge = to_edge_transform_and_lower(exported(model, calls[0]), compile_config=EdgeCompileConfig(_check_ir_validity=False))
    edge._edge_programs["forward"] = quant_fusion_and_const_prop_pass(edge._edge_programs["forward"])
    names = [f"quantized_decomposed::embedding_{size}.{form}" for size in ("2bit", "4bit", "byte") for form in ("out", "dtype_out")]
    check(tmp_path, edge.to_executorch().buffer, calls, model, 1e-6, names)


def test_int8_weights(tmp_path):
    from executorch.examples.models.llama.source_transformation.quantize import WeightOnlyInt8QuantHandler

    torch.manual_seed(0)
    model = WeightOnlyInt8QuantHandler(nn.Sequential(nn.Linear(64, 96, bias=False), nn.SiLU(), nn.Linear(96, 32, bias=False)), precision=F32)
    model, calls = model.quantized_model().eval(), [(torch.randn(3, 64),)]
    check(tmp_path, lowered(exported(model, calls[0])), calls, model, 1e-5, ["dim_order_ops::_to_dim_order_copy.out"])


# --- operators, each group one program ---

W = random(8, 64, dtype=I8)


def per_token(m, x):
    parameters = Q.choose_qparams_per_token_asymmetric(x, I8)
    q = Q.quantize_per_token(x, *parameters, -128, 127, I8)
    return q, *parameters, Q.dequantize_per_token(q, *parameters, -128, 127, I8, F32)


def there_and_back(dtype, out=None):
    info = torch.iinfo(dtype)
    rest = (0.003, 1, info.min, info.max, dtype)
    return lambda m, x: Q.dequantize_per_tensor(Q.quantize_per_tensor(x, *rest), *rest, out_dtype=out)


def quantized_sdpa(m, *t):
    return LLAMA.custom_quantized_sdpa(*t[:3], 6, None, 0.0, True, None, *t[3:])


ZEROS_AND_SCALES = [t for n, h in ((2, 4), (12, 2), (12, 2)) for t in (random(1, n, h, 1, dtype=I8, low=-9, high=9), scales(1, n, h, 1))]
GROUPS = {
    "products": [
        (lambda m, x: Q.mixed_linear(x, m.w, m.s, None), [random(3, 64)], {"w": W, "s": scales(8)}),
        (lambda m, x: Q.mixed_linear(x, m.w, m.s, None, F32), [random(3, 64)], {"w": W, "s": scales(8, 4)}),
        (lambda m, x: Q.mixed_mm(x, m.w, m.s, None), [random(3, 8)], {"w": W, "s": scales(8)}),
        (lambda m, a, b: Q.add(a, 0.1, 3, 0, 255, b, 0.2, 5, 0, 255, 0.3, 7, 0, 255), [random(5, 9, dtype=U8, high=255), random(5, 9, dtype=U8, high=255, seed=1)], {}),
    ],
    "rounding": [
        (per_token, [random(2, 5, 16)], {}),
        (lambda m, x: Q.quantize_per_channel(x, m.s, m.z, 1, -128, 127, I8), [random(4, 6, 7)], {"s": scales(6, dtype=torch.float64), "z": random(6, dtype=torch.int64, low=-9, high=9)}),
        (lambda m, x: Q.dequantize_per_channel(x, m.s, None, 0, -128, 127, I8), [W], {"s": scales(8)}),
        (lambda m, x: Q.quantize_per_tensor.tensor(x, m.s, m.z, -128, 127, I8), [random(4, 6)], {"s": torch.tensor([0.03], dtype=torch.float64), "z": torch.tensor([5])}),
        *[(there_and_back(t), [random(4, 6, 7)], {}) for t in (I8, U8, torch.int16, torch.uint16, torch.int32)],
        (there_and_back(I8, F16), [random(4, 6, 7)], {}),
    ],
    "attention": [
        (lambda m, q, k, v, mask: LLAMA.custom_sdpa(q, k, v, 0, mask, 0.0, False), [random(1, 3, 4, 16), random(1, 20, 2, 16, seed=1), random(1, 20, 2, 16, seed=2), random(3, 20)], {}),
        (lambda m, q, k, v: LLAMA.custom_sdpa(q, k, v, 2, None, 0.0, True, 0.3), [random(1, 40, 4, 16), random(1, 64, 2, 16, seed=1), random(1, 64, 2, 16, seed=2)], {}),
        (quantized_sdpa, [random(1, 2, 4, 32, dtype=I8), random(1, 12, 2, 32, dtype=I8, seed=1), random(1, 12, 2, 32, dtype=I8, seed=2), *ZEROS_AND_SCALES], {}),
        (lambda m, x: LLAMA.fast_hadamard_transform(x), [random(3, 128)], {}),
        (lambda m, *a: LLAMA.channelwise_gated_delta_rule(*a), [random(2, 3, 5, 8), random(2, 3, 5, 8, seed=1), random(2, 3, 5, 4, seed=2), torch.rand(2, 3, 5, 8), torch.rand(2, 3, 5), random(2, 3, 8, 4, seed=3)], {}),
    ],
}  # fmt: skip


@pytest.mark.parametrize("group", GROUPS)
def test_operators(group, tmp_path):
    parts = nn.ModuleList([Simple(f, **tensors) for f, _, tensors in GROUPS[group]])
    counts = [len(args) for _, args, _ in GROUPS[group]]

    def forward(m, *args):
        results, at = [], 0
        for part, n in zip(m.parts, counts):
            results += listed(part(*args[at : at + n]))
            at += n
        return tuple(results)

    model, call = Simple(forward, parts=parts), tuple(t for _, args, _ in GROUPS[group] for t in args)
    program = lowered(exported(model, call))
    check(tmp_path, program, [call], model, 1e-5)
    assert any(n.startswith(("quantized_decomposed::", "llama::")) for n in inside(tmp_path / "old.pte"))


# --- caches that are state, over several calls ---


class Cache(nn.Module):
    def __init__(self, kind):
        super().__init__()
        self.kind = kind
        self.register_buffer("k", torch.zeros(1, 16, 2, 8))
        self.register_buffer("v", torch.zeros(1, 16, 2, 8))

    def forward(self, q, k, v, position):
        start = position[0].item()
        torch._check(start >= 0)
        torch._check(start + q.shape[1] <= 16)
        if self.kind == "fused":
            return LLAMA.sdpa_with_kv_cache(q, k, v, self.k, self.v, start, q.shape[1], None, 0.0, True)
        if self.kind == "indices":
            LLAMA.update_cache_with_indices(k, self.k, start, position.unsqueeze(0))
            LLAMA.update_cache_with_indices(v, self.v, start, position.unsqueeze(0))
        else:
            LLAMA.update_cache(k, self.k, start)
            LLAMA.update_cache(v, self.v, start)
        return LLAMA.custom_sdpa(q, self.k, self.v, start, None, 0.0, True)


def tokens(at, n):
    return random(1, n, 4, 8, seed=at), random(1, n, 2, 8, seed=at + 50), random(1, n, 2, 8, seed=at + 90), torch.arange(at, at + n)


@pytest.mark.parametrize("lengths", [(1, 1, 1, 1), (5, 1, 3, 7)])
@pytest.mark.parametrize("kind", ["fused", "parts", "indices"])
def test_cache(kind, lengths, tmp_path):
    calls = [tokens(sum(lengths[:k]), n) for k, n in enumerate(lengths)]
    n = torch.export.Dim("n", min=1, max=15)
    sizes = {"dynamic_shapes": [{1: n}, {1: n}, {1: n}, {0: n}]} if max(lengths) > 1 else {}
    names = {"fused": ["sdpa_with_kv_cache"], "parts": ["update_cache", "custom_sdpa"], "indices": ["update_cache_with_indices", "custom_sdpa"]}
    new = check(tmp_path, lowered(exported(Cache(kind), calls[0], **sizes)), calls, Cache(kind), 1e-5, [f"llama::{n}.out" for n in names[kind]])
    # Tokens that the cache has no room for are refused, and nothing of them is written.
    late = ["--input", *(p for i, x in enumerate(tokens(16, 1)) for p in (numbered(tmp_path, f"late{i}", 0, [x]), "--input"))][:-1]
    for program in ("old.pte", new):
        done = subprocess.run([BINARY, "run", tmp_path / program, *late], capture_output=True, text=True, timeout=60)
        assert done.returncode == 2 and ("16" in done.stderr or "cache" in done.stderr), done.stderr + done.stdout


# --- a decoder of Llama's shape ---


class Decoder(nn.Module):
    """One layer, with the caches and the attention that ExecuTorch's Llama puts in place of PyTorch's."""

    def __init__(self, cache, width=64):
        from executorch.examples.models.llama.source_transformation.custom_kv_cache import CustomKVCache, QuantizedCacheType, QuantizedKVCache
        from executorch.examples.models.llama.source_transformation.sdpa import QuantizedSDPA, SDPACustom

        super().__init__()
        half, wide, self.depth = width // 2, width * 3 // 2, width // 4
        self.table, self.head = group_table(4, 32, True, width), nn.Linear(width, 20, bias=False)
        self.q, self.k, self.v, self.o = (nn.Linear(width, n, bias=False) for n in (width, half, half, width))
        self.gate, self.up, self.down = nn.Linear(width, wide, bias=False), nn.Linear(width, wide, bias=False), nn.Linear(wide, width, bias=False)
        self.norms = nn.ModuleList([nn.RMSNorm(width, eps=1e-5) for _ in range(3)])
        sizes, kind = (1, 16, 2, self.depth), QuantizedCacheType.AffineAsymmetric
        self.cache = CustomKVCache(*sizes) if cache == "float" else QuantizedKVCache(*sizes, kind, True, cache == "quantized")
        self.attention = QuantizedSDPA(width, self.cache) if cache == "attention" else SDPACustom(width)
        angles = torch.outer(torch.arange(16.0), 0.1 ** torch.arange(0, 1, 2 / self.depth))
        self.register_buffer("turns", torch.stack([angles.cos(), angles.sin()]), persistent=False)

    def turned(self, x, at):
        a, b = x.chunk(2, -1)
        cos, sin = (t[at].unsqueeze(1) for t in self.turns)
        return torch.cat([a * cos - b * sin, a * sin + b * cos], -1)

    def forward(self, tokens, at):
        n = tokens.shape[1]
        x = self.table(tokens)
        y = self.norms[0](x)
        q, k, v = (part(y).view(1, n, -1, self.depth) for part in (self.q, self.k, self.v))
        keys, values = self.cache.update(at, self.turned(k, at).transpose(1, 2), v.transpose(1, 2))
        x = x + self.o(self.attention(at, self.turned(q, at).transpose(1, 2), keys, values, 1, n, None))
        y = self.norms[1](x)
        x = x + self.down(F.silu(self.gate(y)) * self.up(y))
        return self.head(self.norms[2](x))


# `float`: what XNNPACK takes of it is delegated, in 8da4w. The others have caches of integers and keep their linears as they are. Tokens come
# one by one, since the exporter takes long for any number of them: tests/corpus/executorch has those.
@pytest.mark.parametrize("cache", ["float", "quantized", "attention"])
def test_decoder(cache, tmp_path):
    torch.manual_seed(0)
    model = Decoder(cache)
    if cache == "float":
        quantize_(model, Int8DynamicActivationIntxWeightConfig(torch.int4, PerGroup(32)), lambda m, _: isinstance(m, nn.Linear))
    ids = torch.randint(0, 20, (1, 4))
    calls = [(ids[:, at : at + 1], torch.tensor([at])) for at in range(4)]
    operators = {
        "float": ["llama::custom_sdpa.out", "llama::update_cache.out", "quantized_decomposed::embedding_4bit.dtype_out"],
        "quantized": ["llama::custom_sdpa.out", "quantized_decomposed::dequantize_per_token.out"],
        "attention": ["llama::custom_quantized_sdpa.out", "quantized_decomposed::quantize_per_token.out"],
    }
    # QuantizedSDPA holds the cache too, and only a strict export sees that they are one.
    program = lowered(exported(model, calls[0], strict=cache == "attention"), partitioners()[:1] if cache == "float" else ())
    # An activation or a key that lies on a half may be rounded to the next of 255 steps.
    check(tmp_path, program, calls, model, 1e-2 if cache == "float" else 2e-3, operators[cache])
