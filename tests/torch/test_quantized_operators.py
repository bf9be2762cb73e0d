"""Operators of quantization and of language models that ExecuTorch's exporters emit, each as a small program: compiled, run, and compared
with what ExecuTorch's kernels, torchao or PyTorch answer; and quantized models as they come from PT2E and torchao.
Skipped where executorch or torchao is not installed."""
import os
import pathlib
import subprocess
import warnings

import numpy as np
import pytest
import torch
import torch.nn as nn

pytest.importorskip("executorch")
pytest.importorskip("torchao")
warnings.filterwarnings("ignore")

import executorch.exir.passes._quant_patterns_and_replacements  # noqa: E402, F401
import executorch.kernels.quantized  # noqa: E402, F401
import torch.ao.quantization.fx._decomposed  # noqa: E402, F401
import torchao.quantization.quant_primitives  # noqa: E402, F401
from executorch.extension.llm.custom_ops import custom_ops  # noqa: E402, F401

ROOT = pathlib.Path(__file__).parents[2]
BINARY = os.environ.get("PORTFIRE_BINARY", str(ROOT / "build/release/portfire"))
Q, AO, LLAMA = torch.ops.quantized_decomposed, torch.ops.torchao, torch.ops.llama
I8, U8, F32, F64, I64, I32 = torch.int8, torch.uint8, torch.float32, torch.float64, torch.int64, torch.int32

# Some have a kernel and no rule for shapes, which the export needs.
SHAPES = torch.library.Library("quantized_decomposed", "IMPL")
SHAPES.impl("mixed_mm", lambda x, w, s, z: x.new_empty(x.shape[0], w.shape[1]), "Meta")
SHAPES.impl("mixed_linear", lambda x, w, s, z, dtype=None: x.new_empty(x.shape[0], w.shape[0]), "Meta")
SHAPES.impl("add", lambda a, *rest: torch.empty_like(a), "Meta")


def names(folder, call, letter, tensors):
    paths = []
    for i, t in enumerate(tensors):
        paths.append(str(folder / f"{call}.{letter}{i}.npy"))
        np.save(paths[-1], t.detach().numpy())
    return ",".join(paths)


def check(folder, program, calls, tolerance=1e-6):
    """calls: pairs of inputs and expected results."""
    torch.export.save(program, folder / "m.pt2")
    done = subprocess.run([BINARY, "compile", folder / "m.pt2", "-o", folder / "m.pte"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr + done.stdout
    words = [BINARY, "run", folder / "m.pte", "--tolerance", str(tolerance)]
    for k, (inputs, expected) in enumerate(calls):
        words += ["--call", names(folder, k, "x", inputs) + "=" + names(folder, k, "y", expected)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr + done.stdout


def listed(result):
    return list(result) if isinstance(result, (tuple, list)) else [result]


def by_kernel(out_form, shapes):
    """ExecuTorch's own answer, by the out form that its kernel has. shapes: size and dtype of each result."""

    def answer(*args):
        outs = [torch.zeros(s, dtype=t) for s, t in shapes]
        names = ["out"] if len(outs) == 1 else ["scale_out", "zero_point_out"]
        out_form(*args, **dict(zip(names, outs)))
        return outs

    return answer


def random(*sizes, dtype=F32, seed=0, low=-100, high=100):
    g = torch.Generator().manual_seed(seed)
    if dtype.is_floating_point:
        return torch.randn(*sizes, generator=g).to(dtype)
    low = max(low, torch.iinfo(dtype).min)
    return torch.randint(low, high, sizes, generator=g).to(dtype)


def scales(*sizes, dtype=F32, seed=5):
    return (random(*sizes, seed=seed).abs() * 0.05 + 0.01).to(dtype)


X = random(4, 6, 37)
W = random(8, 64, dtype=I8)
BYTES = W.view(U8).clone()
SMALL = torch.tensor([[0.5, 1.5, 2.5, -0.5], [1e-7, 2e-7, 0, -1e-7], [-3, -2, -1, -0.5], [0, 0, 0, 0]])
TOKENS = (torch.rand(4, 6, 1, dtype=F64) * 0.05 + 0.01, random(4, 6, 1, dtype=I64, low=-20, high=20))

# name: function of tensors, its arguments, and the answer where it is not the function's own
CASES = {
    "quantize_per_tensor": (lambda x: Q.quantize_per_tensor(x, 0.03, 5, -128, 127, I8), [X]),
    "quantize_per_tensor-u8": (lambda x: Q.quantize_per_tensor(x, 0.03, 100, 0, 255, U8), [X]),
    "quantize_per_tensor-i16": (lambda x: Q.quantize_per_tensor(x, 0.0003, -5, -32768, 32767, torch.int16), [X]),
    "quantize_per_tensor-i32": (lambda x: Q.quantize_per_tensor(x, 0.003, 0, -(2**31), 2**31 - 1, I32), [X]),
    "quantize_per_tensor-u16": (lambda x: Q.quantize_per_tensor(x, 0.003, 1000, 0, 65535, torch.uint16).to(I32), [X]),
    "quantize_per_tensor-f16": (lambda x: Q.quantize_per_tensor(x, 0.03, 5, -128, 127, I8), [X.half()]),
    "quantize_per_tensor-tensor": (lambda x, s, z: Q.quantize_per_tensor.tensor(x, s, z, -128, 127, I8), [X, torch.tensor([0.03], dtype=F64), torch.tensor([5])]),
    "quantize_per_tensor-tensor2": (
        lambda x, s, z, low, high: Q.quantize_per_tensor.tensor2(x, s, z, low, high, I8),
        [X, torch.tensor([0.03], dtype=F64), torch.tensor([5]), torch.tensor([-100]), torch.tensor([99])],
    ),
    "quantize_per_channel": (lambda x, s, z: Q.quantize_per_channel(x, s, z, 1, -128, 127, I8), [X, scales(6, dtype=F64), random(6, dtype=I64, high=20)]),
    "quantize_per_channel-last": (lambda x, s, z: Q.quantize_per_channel(x, s, z, -1, -128, 127, I8), [X, scales(37, dtype=F64), random(37, dtype=I64, high=20)]),
    "quantize_per_token": (lambda x, s, z: Q.quantize_per_token(x, s, z, -128, 127, I8), [X, *TOKENS]),
    "quantize_per_token-halves": (
        lambda x, s, z: Q.quantize_per_token(x, s, z, -128, 127, I8),
        [SMALL, torch.ones(4, 1, dtype=F64), torch.ones(4, 1, dtype=I64)],
        by_kernel(lambda x, s, z, out: Q.quantize_per_token.out(x, s, z, -128, 127, I8, out=out), [((4, 4), I8)]),
    ),
    "quantize_per_channel_group": (lambda w, s, z: Q.quantize_per_channel_group(w, s, z, -8, 7, I8, 16), [random(8, 64), scales(8, 4), random(8, 4, dtype=I32, low=-2, high=2)]),
    "dequantize_per_tensor": (lambda q: Q.dequantize_per_tensor(q, 0.03, 5, -128, 127, I8), [W]),
    "dequantize_per_tensor-i16": (lambda q: Q.dequantize_per_tensor(q, 0.03, 5, -32768, 32767, torch.int16), [W.to(torch.int16)]),
    "dequantize_per_tensor-f16": (lambda q: Q.dequantize_per_tensor(q, 0.03, 5, -128, 127, I8, out_dtype=torch.float16), [W]),
    "dequantize_per_tensor-tensor": (lambda q, s, z: Q.dequantize_per_tensor.tensor(q, s, z, -128, 127, I8), [W, torch.tensor(0.03, dtype=F64), torch.tensor(5)]),
    "dequantize_per_channel": (lambda q, s, z: Q.dequantize_per_channel(q, s, z, 0, -128, 127, I8), [W, scales(8), random(8, dtype=I64, high=20)]),
    "dequantize_per_channel-f64": (lambda q, s: Q.dequantize_per_channel(q, s, None, 1, -128, 127, I8), [W, scales(64, dtype=F64)]),
    "dequantize_per_token": (lambda q, s, z: Q.dequantize_per_token(q, s, z, -128, 127, I8, F32), [random(4, 6, 37, dtype=I8), *TOKENS]),
    "dequantize_per_channel_group": (lambda w, s, z: Q.dequantize_per_channel_group(w, s, z, -8, 7, I8, 16, F32), [W, scales(8, 4), random(8, 4, dtype=I32, low=-2, high=2)]),
    "choose_qparams": (lambda x: Q.choose_qparams.tensor(x, -128, 127, 1e-5, I8), [X]),
    "choose_qparams-f16": (lambda x: Q.choose_qparams.tensor(x, -128, 127, 1e-5, I8), [X.half()]),
    "choose_qparams-eps": (lambda x: Q.choose_qparams.tensor(x, 0, 255, 0.5, U8), [X]),
    "choose_qparams_symmetric": (lambda x: Q.choose_qparams_symmetric.tensor(x, -128, 127, 1e-5, I8), [X]),
    "choose_qparams_per_token_asymmetric": (lambda x: Q.choose_qparams_per_token_asymmetric(x, I8), [X]),
    "choose_qparams_per_token_asymmetric-small": (
        lambda x: Q.choose_qparams_per_token_asymmetric(x, I8),
        [SMALL],
        by_kernel(lambda x, **outs: Q.choose_qparams_per_token_asymmetric.out(x, I8, **outs), [((4, 1), F64), ((4, 1), I64)]),
    ),
    "choose_qparams_per_token": (lambda x: Q.choose_qparams_per_token(x, I8), [X]),
    "embedding_byte": (lambda w, s, z, i: Q.embedding_byte(w, s, z, -128, 127, i), [W, scales(8), random(8), torch.tensor([[1, 7], [0, 3]])]),
    "embedding_byte-u8": (lambda w, s, i: Q.embedding_byte(w, s, None, 0, 255, i), [W.to(U8), scales(8, 4), torch.tensor([5, 2, 2])]),
    "embedding_byte-dtype": (lambda w, s, i: Q.embedding_byte.dtype(w, s, None, -128, 127, i, dtype=torch.float16), [W, scales(8), torch.tensor([5, 2, 2])]),
    "embedding_2bit": (lambda w, s, i: Q.embedding_2bit(w, s, None, -2, 1, i), [BYTES, scales(8, 4), torch.tensor([5, 2, 2])]),
    "embedding_2bit-dtype": (lambda w, s, i: Q.embedding_2bit.dtype(w, s, None, -2, 1, i, dtype=F32), [BYTES, scales(8), torch.tensor([5, 2, 2])]),
    "embedding_4bit": (lambda w, s, z, i: Q.embedding_4bit(w, s, z, -8, 7, i), [BYTES, scales(8, 4), random(8, 4).round(), torch.tensor([5, 2, 2])]),
    "embedding_4bit-dtype": (lambda w, s, i: Q.embedding_4bit.dtype(w, s, None, -8, 7, i, dtype=F32), [BYTES, scales(8), torch.tensor([[5], [0]])]),
    "mixed_mm": (
        lambda x, w, s: Q.mixed_mm(x, w, s, None),
        [random(3, 8), W, scales(8)],
        by_kernel(lambda x, w, s, out: Q.mixed_mm.out(x, w, s, None, out=out), [((3, 64), F32)]),
    ),
    "mixed_linear": (
        lambda x, w, s: Q.mixed_linear(x, w, s, None),
        [random(3, 64), W, scales(8, 4)],
        by_kernel(lambda x, w, s, out: Q.mixed_linear.out(x, w, s, None, out=out), [((3, 8), F32)]),
    ),
    "add": (
        lambda a, b: Q.add(a, 0.1, 3, 0, 255, b, 0.2, 5, 0, 255, 0.3, 7, 0, 255),
        [random(5, 9, dtype=U8, high=255), random(5, 9, dtype=U8, high=255, seed=1)],
        by_kernel(lambda a, b, out: Q.add.out(a, 0.1, 3, 0, 255, b, 0.2, 5, 0, 255, 0.3, 7, 0, 255, out=out), [((5, 9), U8)]),
    ),
    "fake_quant_per_channel": (
        lambda x, s, z: Q.fake_quant_per_channel(x, s, z, 1, -8, 7),
        [X, scales(6) * 20, random(6, dtype=I32, low=-2, high=2)],
    ),
    "convert_element_type": (lambda x: Q.convert_element_type.no_fuse(x, I32), [X]),
    "quantize_affine": (lambda x, s, z: AO.quantize_affine(x, [1, 32], s, z, I8, -8, 7), [random(8, 64), scales(8, 2), random(8, 2, dtype=I32, low=-2, high=2)]),
    "quantize_affine-bf16": (lambda x, s: AO.quantize_affine(x.bfloat16(), [1, 64], s.bfloat16(), torch.zeros(8, 1, dtype=I32), I8, -8, 7), [random(8, 64), scales(8, 1)]),
    "quantize_affine-tensor": (lambda x, s, z: AO.quantize_affine(x, [8, 64], s, z, U8), [random(8, 64), scales(1), torch.tensor([128])]),
    "dequantize_affine": (lambda q, s, z: AO.dequantize_affine(q, [1, 32], s, z, I8, -8, 7), [W, scales(8, 2), random(8, 2, dtype=I32, low=-2, high=2)]),
    "dequantize_affine-f16": (lambda q, s: AO.dequantize_affine(q, [2, 32], s, None, I8, -8, 7, torch.float16), [W, scales(4, 2)]),
    **{
        f"choose_qparams_affine-{mapping}-{keep}": (
            lambda x, m=mapping, k=keep: AO.choose_qparams_affine(x, m, [1, 16], I8, -128, 127, 1e-5, F32, I64 if m == "ASYMMETRIC" else I32, k),
            [random(8, 64)],
        )
        for mapping in ("SYMMETRIC", "SYMMETRIC_NO_CLIPPING_ERR", "ASYMMETRIC")
        for keep in (False, True)
    },
    "choose_qparams_affine-rows": (lambda x: AO.choose_qparams_affine(x, "ASYMMETRIC", [1, 1, 37], U8), [X]),
    "custom_sdpa": (lambda q, k, v: LLAMA.custom_sdpa(q, k, v, 5, None, 0.0, True), [random(1, 3, 4, 16), random(1, 20, 2, 16, seed=1), random(1, 20, 2, 16, seed=2)]),
    "custom_sdpa-mask": (lambda q, k, v, m: LLAMA.custom_sdpa(q, k, v, 5, m, 0.0, False), [random(1, 3, 4, 16), random(1, 20, 2, 16, seed=1), random(1, 20, 2, 16, seed=2), random(3, 20)]),
    "custom_sdpa-prefill": (lambda q, k, v: LLAMA.custom_sdpa(q, k, v, 2, None, 0.0, True, 0.3), [random(2, 40, 4, 16), random(2, 64, 2, 16, seed=1), random(2, 64, 2, 16, seed=2)]),
    "custom_quantized_sdpa": (
        lambda q, k, v, qz, qs, kz, ks, vz, vs: LLAMA.custom_quantized_sdpa(q, k, v, 6, None, 0.0, True, None, qz, qs, kz, ks, vz, vs),
        [random(1, 2, 4, 32, dtype=I8), random(1, 12, 2, 32, dtype=I8, seed=1), random(1, 12, 2, 32, dtype=I8, seed=2)]
        + [t for n, h in ((2, 4), (12, 2), (12, 2)) for t in (random(1, n, h, 1, dtype=I8, low=-9, high=9), scales(1, n, h, 1))],
    ),
    "fast_hadamard_transform": (lambda x: LLAMA.fast_hadamard_transform(x), [random(3, 128)]),
    "fast_hadamard_transform-28": (lambda x: LLAMA.fast_hadamard_transform(x), [random(2, 3, 28 * 16)]),
    "channelwise_gated_delta_rule": (
        lambda *a: LLAMA.channelwise_gated_delta_rule(*a),
        [random(2, 3, 5, 8), random(2, 3, 5, 8, seed=1), random(2, 3, 5, 4, seed=2), torch.rand(2, 3, 5, 8), torch.rand(2, 3, 5), random(2, 3, 8, 4, seed=3)],
    ),
}


def group_of(name):
    return "f16" if name.endswith("f16") else next(g for g in GROUPS if name.startswith(g))


# By the beginning of their names: the cases of a group are one program, whose results are numbered in this order.
GROUPS = ("quantize_per", "dequantize", "choose_qparams_affine", "choose_qparams", "embedding", "quantize_affine", "custom", "")


class Together(nn.Module):
    def __init__(self, functions, counts):
        super().__init__()
        self.functions, self.counts = functions, counts

    def forward(self, *args):
        results, first = [], 0
        for function, count in zip(self.functions, self.counts):
            results += listed(function(*args[first : first + count]))
            first += count
        return tuple(results)


@pytest.mark.parametrize("group", ["f16", *GROUPS])
def test_operators(group, tmp_path):
    cases = {name: case for name, case in CASES.items() if group_of(name) == group}
    assert cases
    inputs, expected, named = [], [], []
    for name, (function, args, *answer) in cases.items():
        inputs += args
        answers = listed((answer[0] if answer else function)(*[t.clone() for t in args]))
        expected += answers
        named += [f"{len(named) + i}: {name}" for i in range(len(answers))]
    module = Together([case[0] for case in cases.values()], [len(case[1]) for case in cases.values()])
    print("\n".join(named))
    check(tmp_path, torch.export.export(module, tuple(inputs), strict=False), [(inputs, expected)], 2e-3 if group == "f16" else 1e-5)


class Cache(nn.Module):
    """A decoder's attention, with caches that are state."""

    def __init__(self, fused, indices=False):
        super().__init__()
        self.fused, self.indices = fused, indices
        self.register_buffer("k", torch.zeros(1, 16, 2, 8))
        self.register_buffer("v", torch.zeros(1, 16, 2, 8))

    def forward(self, q, k, v, position):
        start = position.item()
        torch._check(start >= 0)
        torch._check(start + q.shape[1] <= 16)
        if self.fused:
            return LLAMA.sdpa_with_kv_cache(q, k, v, self.k, self.v, start, q.shape[1], None, 0.0, True)
        if self.indices:
            places = (torch.arange(q.shape[1]) + position).unsqueeze(0)
            LLAMA.update_cache_with_indices(k, self.k, start, places)
            LLAMA.update_cache_with_indices(v, self.v, start, places)
        else:
            LLAMA.update_cache(k, self.k, start)
            LLAMA.update_cache(v, self.v, start)
        return LLAMA.custom_sdpa(q, self.k, self.v, start, None, 0.0, True)


@pytest.mark.parametrize("decomposed", [False, True])
@pytest.mark.parametrize("kind", ["fused", "parts", "indices"])
def test_cache(kind, decomposed, tmp_path):
    make = lambda: Cache(kind == "fused", kind == "indices")  # noqa: E731
    calls = [[random(1, 1, 4, 8, seed=i), random(1, 1, 2, 8, seed=i + 50), random(1, 1, 2, 8, seed=i + 90), torch.tensor(i)] for i in range(4)]
    program = torch.export.export(make(), tuple(calls[0]), strict=False)
    if decomposed:
        program = program.run_decompositions({})
    eager = make()
    check(tmp_path, program, [(c, [eager(*c)]) for c in calls], 1e-5)


# --- whole models ---


class Small(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 4, 3, stride=2)
        self.a, self.b = nn.Linear(36, 32), nn.Linear(32, 10)

    def forward(self, x):
        return self.b(torch.relu(self.a(torch.relu(self.conv(x)).flatten(1))))


@pytest.mark.parametrize("kind", ["static", "per-channel", "dynamic"])
def test_pt2e(kind, tmp_path):
    from executorch.backends.xnnpack.quantizer.xnnpack_quantizer import XNNPACKQuantizer, get_symmetric_quantization_config
    from torchao.quantization.pt2e.quantize_pt2e import convert_pt2e, prepare_pt2e

    torch.manual_seed(0)
    inputs = [(torch.randn(2, 1, 8, 8),) for _ in range(4)]
    config = get_symmetric_quantization_config(is_per_channel=kind != "static", is_dynamic=kind == "dynamic")
    prepared = prepare_pt2e(torch.export.export(Small().eval(), inputs[0]).module(), XNNPACKQuantizer().set_global(config))
    for x in inputs:
        prepared(*x)
    model = convert_pt2e(prepared)
    program = torch.export.export(model, inputs[0])
    # A sum that is rounded otherwise may lie on the other side of a half: one step of the last layer's integers.
    check(tmp_path, program, [(list(x), [model(*x)]) for x in inputs], 1e-4 if kind == "dynamic" else 2e-2)


class Words(nn.Module):
    def __init__(self):
        super().__init__()
        self.table = nn.Embedding(50, 64)
        self.a, self.b = nn.Linear(64, 96), nn.Linear(96, 64, bias=False)

    def forward(self, i):
        return self.b(torch.nn.functional.silu(self.a(self.table(i))))


def test_8da4w(tmp_path):
    from torchao.quantization import Int8DynamicActivationIntxWeightConfig, IntxWeightOnlyConfig, quantize_
    from torchao.quantization.granularity import PerAxis, PerGroup
    from torchao.utils import unwrap_tensor_subclass

    torch.manual_seed(0)
    model = Words().eval()
    quantize_(model, Int8DynamicActivationIntxWeightConfig(weight_dtype=torch.int4, weight_granularity=PerGroup(32)))
    quantize_(model, IntxWeightOnlyConfig(weight_dtype=torch.int8, granularity=PerAxis(0)), lambda m, _: isinstance(m, nn.Embedding))
    inputs = [torch.randint(0, 50, (1, 7)) for _ in range(3)]
    unwrap_tensor_subclass(model)
    program = torch.export.export(model, (inputs[0],))
    check(tmp_path, program, [([x], [model(x)]) for x in inputs], 1e-3)
    inside = subprocess.run([BINARY, "inspect", tmp_path / "m.pte"], capture_output=True, text=True, timeout=60).stdout
    assert "quantized_decomposed::embedding_byte.dtype" in inside and "portfire::linear_qd8" in inside and "torchao::" not in inside, inside
