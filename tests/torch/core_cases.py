"""Write cases for check.py that call every core ATen overload (torch.Tag.core) directly, as graphs of other tools do.

Usage: core_cases.py DIR [--only SUBSTR]

The same files as module_cases.py writes; name is OVERLOAD-NUMBER ("scatter.value-0"). CALLS holds the arguments; strings
such as "f34" stand for random tensors: a dtype's letter and sizes, one digit each. Random operators are reduced to
what does not depend on their numbers. Exits 1 where a core overload has no case or a case cannot be written.
"""

import argparse
import pathlib
import re
import sys
import traceback
import warnings
import zlib

import torch

import module_cases
from modules.registry import Case, Function
from sample import taken

DTYPES = {"f": torch.float32, "d": torch.float64, "h": torch.float16, "g": torch.bfloat16, "i": torch.int64, "w": torch.int32, "u": torch.uint8, "b": torch.bool}
I = torch.tensor  # indices and other fixed tensors


class K:
    """A call: positional arguments, keywords."""

    def __init__(self, *args, **words):
        self.args, self.words = args, words


def unary(*types, domain=None):
    return [K(t if domain is None else (t, domain)) for t in types or ("f23", "d7", "f0", "f", "h23", "g5", "f2131")]


FLOATS = unary()
ABOVE_ONE = unary(domain=lambda x: x.abs() + 1)
POSITIVE = unary(domain=lambda x: x.abs() + 0.1)
BELOW_ONE = unary(domain=lambda x: x.tanh() * 0.9)
NUMBERS = unary("f23", "i23", "w4", "u5", "h3", "d1")
SPECIAL = [K(I([0.0, float("inf"), -float("inf"), float("nan"), -0.0])), K("i23"), K("f0")]
PAIRS = [K("f23", "f23"), K("f213", "f43"), K("i23", "i3"), K("f23", "f"), K("f03", "f3"), K("h23", "h23"), K("g4", "g4"), K("i3", "f3"), K("u4", "i4")]
SCALARS = [K("f23", 0.5), K("i23", 2), K("i23", 1.5), K("h3", 3), K("f0", 1), K("f", -1)]
BITS = [K("i23", "i23"), K("b4", "b4"), K("u23", "u3"), K("w0", "w0")]
BIT_SCALARS = [K("i23", 6), K("u4", 3), K("b3", True)]
NONZERO = [K(a, (b, lambda t: torch.where(t == 0, 1, t))) for a, b in (("f23", "f23"), ("i23", "i3"), ("f4", "f"), ("u4", "u4"), ("h3", "h3"), ("f0", "f0"))]
NONZERO_SCALARS = [K("f23", 0.7), K("i23", 3), K("i23", -3), K("f0", 2), K("h3", -1.5)]
LOGIC = [K("b23", "b23"), K("f23", "i3"), K("u0", "u0")]
REDUCE_ALL = [K("f234"), K("f"), K("h23"), K("i4")]
DIM = [K("f234", 1, False), K("f234", -1, True), K("f3", 0, False), K("i23", 0, False), K("h23", 1, True)]
DIMS = [K("f234", [0, 2], False), K("f234", [-1], True), K("f234", [], False), K("h23", [0], False)]
POOL = dict(ceil_mode=False, count_include_pad=True, divisor_override=None)


def pads(rank, *more):
    """Paddings of the last `rank` dimensions of batched and plain tensors."""
    sizes = "2543"[: rank + 1]
    return [K("f2" + sizes, [1, 2] * rank), K("f" + sizes, [1] * 2 * rank), K("d2" + sizes, [0, 1] * rank), K("f2" + sizes, [2, 0] * rank), *more]


CALLS = {
    "_adaptive_avg_pool2d": [K("f2367", [2, 3]), K("f356", [1, 1]), K("f1244", [3, 3])],
    "_adaptive_avg_pool2d_backward": [K("f2323", "f2367"), K("f311", "f356"), K("d1233", "d1244")],
    "_adaptive_avg_pool3d": [K("f23456", [2, 3, 1]), K("f2345", [1, 1, 1])],
    "_cdist_forward": [K("f234", "f254", p, None) for p in (0.0, 1.0, 2.0, 3.0, float("inf"))] + [K("f03", "f23", 2.0, None)],
    "_embedding_bag": [
        *(K("f93", I([1, 2, 4, 5, 4, 3, 2]), I([0, 3, 3]), False, mode) for mode in (0, 1, 2)),
        K("f93", I([1, 2, 4, 5]), I([0, 2, 4]), False, 0, False, "f4", True),
        K("d93", I([1, 2, 1, 5]), I([0, 1]), False, 1, False, None, False, 1),
    ],
    "_fft_c2r": [K((t, lambda x: torch.complex(x, x.flip(-1))), dims, n, last) for t, dims, n, last in (("f25", [1], 0, 8), ("f34", [0, 1], 2, 7))],
    "_fft_r2c": [K("f26", [1], 0, True), K("f25", [1], 2, True), K("f34", [0, 1], 1, False), K("d8", [0], 0, True)],
    "_local_scalar_dense": [K("f"), K("i1"), K("d")],
    "_log_softmax": [K("f234", 1, False), K("d5", 0, False), K("f", 0, False), K("f30", 1, False), K("h23", -1, False)],
    "_native_batch_norm_legit": [K("f234", "f3", "f3", "f3", ("f3", torch.abs), training, 0.1, 1e-5) for training in (True, False)],
    "_native_batch_norm_legit.no_stats": [K("f234", "f3", None, True, 0.1, 1e-5), K("f23", None, None, True, 0.1, 1e-3)],
    "_native_batch_norm_legit_no_training": [K("f2345", "f3", "f3", "f3", ("f3", torch.abs), 0.1, 1e-5), K("f23", None, None, "f3", ("f3", torch.abs), 0.1, 1e-5)],
    "_pdist_forward": [K("f43", p) for p in (1.0, 2.0, 0.0, float("inf"))] + [K("f13", 2.0)],
    "_softmax": [K("f234", 1, False), K("d5", 0, False), K("f", 0, False), K("f30", 1, False), K("h23", -1, False)],
    "_to_copy": [K(t, dtype=d) for t in ("f23", "i4", "b3", "h5") for d in (torch.float32, torch.int32, torch.bool, torch.float64)],
    "abs": NUMBERS,
    "acos": BELOW_ONE,
    "acosh": ABOVE_ONE,
    "add.Scalar": SCALARS + [K("f23", 2, 3)],
    "add.Tensor": PAIRS + [K("f23", "f23", alpha=2), K("b3", "b3")],
    "addmm": [K("f4", "f23", "f34"), K("f24", "f23", "f34", beta=0.5, alpha=2), K("i4", "i23", "i34"), K("f4", "f03", "f34"), K("f24", "f20", "f04")],
    "alias": [K("f23"), K("i0")],
    "amax": DIMS + [K("i23", [1])],
    "amin": DIMS + [K("i23", [1])],
    "any": [K("b23"), K("f0"), K("i"), K("u3")],
    "any.dim": [K("b23", 0), K("i30", 1), K("u3", 0, True)],
    "any.dims": [K("b234", [0, 2]), K("b23", None), K("f23", [1], True)],
    "arange.start_step": [K(0, 5), K(1, 8, 3), K(5, -2, -2), K(0.0, 1.0, 0.25), K(0, 5, dtype=torch.float16), K(3, 3)],
    "argmax": [K("f234"), K("f23", 1), K("i23", 0, True), K("f", 0)],
    "argmin": [K("f234"), K("f23", 1), K("i23", 0, True), K("f", 0)],
    "as_strided": [K("f46", [2, 3], [1, 4], 2), K("f9", [3, 3], [2, 1]), K("i5", [], []), K("f4", [0, 2], [1, 1]), K("f4", [2, 3], [0, 1])],
    "asin": BELOW_ONE,
    "asinh": FLOATS,
    "atan": FLOATS,
    "atan2": [K("f23", "f23"), K("f3", "f213"), K("i3", "i3"), K("f0", "f0")],
    "atan2.out": [K("f23", "f23", out="f23"), K("f3", "f23", out="f23")],
    "atanh": BELOW_ONE,
    "avg_pool2d": [K("f2367", 3), K("f367", [2, 3], [1, 2], 1), K("f1255", 3, 2, 1, True, False), K("f1144", 2, 2, 0, False, True, 3)],
    "avg_pool2d_backward": [K("f2322", "f2367", [3, 3], [3, 3], [0, 0], False, True, None), K("f1233", "f1255", [3, 3], [2, 2], [1, 1], True, False, None), K("d122", "d144", [2, 2], [], [0, 0], False, True, 3)],
    "avg_pool3d": [K("f12456", 2), K("f2456", [2, 3, 2], 1, 1, False, False)],
    "bitwise_and.Scalar": BIT_SCALARS,
    "bitwise_and.Tensor": BITS,
    "bitwise_not": unary("i23", "b4", "u3", "w0"),
    "bitwise_or.Scalar": BIT_SCALARS,
    "bitwise_or.Tensor": BITS,
    "bitwise_xor.Scalar": BIT_SCALARS,
    "bitwise_xor.Tensor": BITS,
    "bmm": [K("f234", "f245"), K("i223", "i231"), K("f034", "f045"), K("f230", "f204"), K("h234", "h245")],
    "cat": [K(["f23", "f13"]), K(["f23", "f24", "f20"], 1), K(["i2", "f3"]), K(["f23"], -1), K(["f0", "f23"])],
    "ceil": FLOATS + unary("i3"),
    "clamp": [K("f23", -0.5, 0.5), K("f23", None, 0), K("i23", 1), K("f23", 1, -1)],
    "clamp.Tensor": [K("f23", "f3", "f23"), K("f23", None, "f"), K("i3", "i3")],
    "clone": [K("f23"), K("f2345", memory_format=torch.channels_last), K("b0")],
    "col2im": [K("f289", [4, 4], [2, 2], [1, 1], [0, 0], [1, 1]), K("f84", [4, 4], [2, 2], [1, 1], [0, 0], [2, 2]), K("f84", [4, 4], [2, 2], [2, 2], [1, 1], [2, 2])],
    "constant_pad_nd": [K("f23", [1, 2]), K("f23", [1, 0, 2, 1], 0.5), K("f234", [-1, 1], 2), K("i3", [0, 2], 7), K("f03", [1, 1])],
    "convolution": [
        K("f2367", "f4333", "f4", [1, 1], [1, 1], [1, 1], False, [0, 0], 1),
        K("f2467", "f4133", None, [2, 1], [0, 1], [1, 2], False, [0, 0], 4),
        K("f238", "f433", "f4", [2], [1], [1], False, [0], 1),
        K("f1345", "f3222", None, [2, 2], [0, 1], [1, 1], True, [1, 0], 1),
        K("f12345", "f32222", None, [1, 1, 1], [0, 0, 0], [1, 1, 1], False, [0, 0, 0], 1),
        K("d1245", "d2222", None, [1, 1], [0, 0], [1, 1], False, [0, 0], 1),
    ],
    "convolution_backward": [
        K("f2467", "f2367", "f4333", [4], [1, 1], [1, 1], [1, 1], False, [0, 0], 1, [True, True, True]),
        K("f2433", "f2477", "f4133", [4], [2, 2], [0, 0], [1, 1], False, [0, 0], 4, [True, True, False]),
        K("f246", "f238", "f433", None, [1], [0], [1], False, [0], 1, [False, True, False]),
        K("f1267", "f1345", "f3233", [2], [1, 1], [0, 0], [1, 1], True, [0, 0], 1, [True, True, True]),
    ],
    "copy": [K("f23", "f23"), K("f23", "i3"), K("i4", "f4"), K("f0", "f0")],
    "cos": FLOATS,
    "cosh": FLOATS,
    "cumsum": [K("f234", 1), K("i23", 0), K("f", 0), K("u4", 0), K("f3", -1, dtype=torch.float64), K("f03", 0)],
    "diagonal": [K("f45"), K("f45", 1), K("f345", -1, 0, 2), K("f23", 9), K("i33", 0, 1, 0)],
    "div.Scalar": NONZERO_SCALARS,
    "div.Scalar_mode": [K(t, s, rounding_mode=m) for t, s in (("f23", 0.7), ("i23", 3), ("i23", -2)) for m in ("floor", "trunc", None)],
    "div.Tensor": NONZERO,
    "div.Tensor_mode": [K(*c.args, rounding_mode=m) for c in NONZERO for m in ("floor", "trunc")],
    "elu": FLOATS + [K("f23", 0.5, 2.0, 1.5)],
    "embedding": [K("f94", I([[1, 8], [0, 3]])), K("f94", I([], dtype=torch.int64)), K("f94", I([2, 1], dtype=torch.int32), 1), K("h94", I(3))],
    "embedding_dense_backward": [K("f234", I([[1, 2, 1], [0, 5, 5]]), 7, -1, False), K("f34", I([1, 1, 2]), 4, 2, True), K("d04", I([], dtype=torch.int64), 4, -1, False)],
    "empty.memory_format": [K([2, 3]), K([0], dtype=torch.int64)],
    "empty_strided": [K([2, 3], [3, 1]), K([2, 3], [1, 2], dtype=torch.float64)],
    "eq.Scalar": SCALARS,
    "eq.Tensor": PAIRS,
    "erf": FLOATS,
    "exp": FLOATS + unary("i3"),
    "expand": [K("f13", [4, 3]), K("f3", [2, -1]), K("f", [2, 2]), K("f13", [0, 3])],
    "expm1": FLOATS,
    "fill.Scalar": [K("f23", 2), K("i3", 1.7), K("b2", 1), K("f0", 1)],
    "flip": [K("f234", [0, 2]), K("i5", [-1]), K("f23", []), K("f", []), K("f03", [0])],
    "floor": FLOATS + unary("i3"),
    "fmod.Scalar": NONZERO_SCALARS,
    "fmod.Tensor": NONZERO,
    "full": [K([2, 3], 1.5), K([], 2), K([0], 1), K([3], True), K([2], 7, dtype=torch.uint8)],
    "full_like": [K("f23", 2), K("i3", 1.9), K("f2", 1, dtype=torch.int32)],
    "gather": [K("f45", 1, I([[0, 4], [1, 1]])), K("i5", 0, I([4, 0, 0])), K("f", 0, I(0)), K("f45", 0, torch.zeros(0, 5, dtype=torch.int64))],
    "ge.Scalar": SCALARS,
    "ge.Tensor": PAIRS,
    "gelu": FLOATS + [K("f23", approximate="tanh")],
    "grid_sampler_2d": [K("f2345", ("f2352", torch.tanh), mode, pad, align) for mode in (0, 1, 2) for pad in (0, 1, 2) for align in (False, True)],
    "gt.Scalar": SCALARS,
    "gt.Tensor": PAIRS,
    "hardtanh": FLOATS + [K("f23", -0.1, 0.3), K("i3", 0, 1)],
    "index.Tensor": [K("f45", [I([0, 3, 3])]), K("f45", [None, I([[4], [-1]])]), K("f345", [I([0, 2]), None, I([1, 1])]), K("f45", [I([True, False, True, True])]), K("i5", [I([], dtype=torch.int64)])],
    "index_put": [K("f45", [I([0, 3])], "f25"), K("f45", [I([1, 1])], "f25", True), K("f45", [None, I([4])], "f"), K("i5", [I([], dtype=torch.int64)], "i0")],
    "index_select": [K("f45", 1, I([4, 0, 0])), K("f45", 0, I([], dtype=torch.int64)), K("i5", 0, I(2)), K("f", 0, I([0]))],
    "isinf": SPECIAL,
    "isnan": SPECIAL,
    "le.Scalar": SCALARS,
    "le.Tensor": PAIRS,
    "leaky_relu": FLOATS + [K("f23", -0.3)],
    "log": POSITIVE,
    "log10": POSITIVE,
    "log1p": POSITIVE,
    "log2": POSITIVE,
    "logical_and": LOGIC,
    "logical_not": unary("b23", "f3", "i0"),
    "logical_or": LOGIC,
    "logical_xor": LOGIC,
    "lt.Scalar": SCALARS,
    "lt.Tensor": PAIRS,
    "masked_scatter": [K("f23", I([True, False, True]), "f4"), K("i23", I([[True], [False]]), "i23"), K("f3", I([False] * 3), "f0")],
    "max.dim": DIM,
    "max_pool2d_with_indices": [K("f2367", 3), K("f367", [2, 3], [1, 2], 1), K("f1255", 3, 2, 1, 1, True), K("f1177", 2, 1, 0, 2)],
    "max_pool2d_with_indices_backward": [K("f1122", "f1144", [2, 2], [2, 2], [0, 0], [1, 1], False, I([[[[0, 3], [13, 10]]]])), K("f122", "f133", [2, 2], [1, 1], [0, 0], [1, 1], False, I([[[4, 4], [4, 8]]]))],
    "max_pool3d_with_indices": [K("f12456", 2), K("f2456", [2, 3, 2], 1, 1)],
    "maximum": PAIRS,
    "mean": [K("f234"), K("f"), K("h23"), K("i3", dtype=torch.float32), K("f0")],
    "mean.dim": DIMS + [K("f23", None), K("i23", [0], dtype=torch.float64)],
    "min.dim": DIM,
    "minimum": PAIRS,
    "mm": [K("f23", "f34"), K("i23", "i34"), K("f03", "f34"), K("f30", "f04"), K("h23", "h34"), K("g23", "g34")],
    "mul.Scalar": SCALARS,
    "mul.Tensor": PAIRS + [K("b3", "b3")],
    "native_dropout": [K("f23", 0.5, False), K("f4", 0.0, True)],
    "native_group_norm": [K("f2435", "f4", "f4", 2, 4, 15, 2, 1e-5), K("f243", None, None, 2, 4, 3, 4, 1e-5), K("d24", "d4", None, 2, 4, 1, 1, 1e-3)],
    "native_group_norm_backward": [K("f243", "f243", "f22", ("f22", torch.abs), "f4", 2, 4, 3, 2, [True, True, True]), K("f243", "f243", "f24", ("f24", torch.abs), None, 2, 4, 3, 4, [True, False, False])],
    "native_layer_norm": [K("f234", [4], "f4", "f4", 1e-5), K("f234", [3, 4], "f34", None, 1e-5), K("d23", [3], None, None, 1e-3), K("f03", [3], None, None, 1e-5), K("h24", [4], "h4", "h4", 1e-5)],
    "native_layer_norm_backward": [K("f234", "f234", [4], "f231", ("f231", torch.abs), "f4", "f4", [True, True, True]), K("f23", "f23", [3], "f21", ("f21", torch.abs), None, None, [True, False, False])],
    "ne.Scalar": SCALARS,
    "ne.Tensor": PAIRS,
    "neg": NUMBERS[:4],
    "nonzero": [K(I([[1, 0], [0, 2]])), K(I(3.0)), K("f0"), K(I([False, False]))],
    "permute": [K("f234", [2, 0, 1]), K("f", []), K("i34", [-1, 0]), K("f03", [1, 0])],
    "pow.Scalar": [K(2, "f23"), K(0.5, "f3"), K(2, "i3"), K(0, ("f3", torch.abs)), K(1, "f0")],
    "pow.Tensor_Scalar": [K(("f23", torch.abs), s) for s in (2, 0.5, -1, 0, 3)] + [K("i3", 2), K("f0", 2)],
    "pow.Tensor_Tensor": [K(("f23", torch.abs), "f23"), K(("i3", torch.abs), ("i3", torch.abs)), K(("f3", torch.abs), "i3")],
    "prod": [K("f23"), K("i4"), K("f"), K("f0"), K("b3")],
    "prod.dim_int": [K("f234", 1), K("i23", 0, True), K("f03", 0), K("f", 0)],
    "rand": [K([2, 300])],
    "randn": [K([2, 300])],
    "randperm": [K(17), K(1), K(0)],
    "reciprocal": POSITIVE + unary("i3", domain=lambda x: x * 0 + 2),
    "reflection_pad1d": pads(1, K("f24", [3, 3]), K("i25", [1, 2])),
    "reflection_pad2d": pads(2, K("h1233", [2, 2, 2, 2])),
    "reflection_pad3d": pads(3)[:2],
    "relu": NUMBERS,
    "remainder.Scalar": NONZERO_SCALARS,
    "remainder.Tensor": NONZERO,
    "repeat": [K("f23", [2, 2]), K("f3", [2, 1, 2]), K("i", [3]), K("f23", [0, 1])],
    "replication_pad2d": pads(2, K("f1212", [5, 0, 0, 7])),
    "replication_pad3d": pads(3),
    "round": FLOATS + [K(I([0.5, 1.5, 2.5, -0.5])), K("i3")],
    "rsqrt": POSITIVE,
    "scalar_tensor": [K(1.5), K(2, dtype=torch.int32), K(True)],
    "scatter.src": [K("f45", 1, I([[0, 4], [2, 3]]), "f22"), K("i5", 0, I([4, 0]), "i3"), K("f45", 0, torch.zeros(0, 2, dtype=torch.int64), "f45")],
    "scatter.value": [K("f45", 1, I([[0, 4], [2, 3]]), 1.5), K("i5", 0, I([4, 0]), 7), K("f45", 0, torch.zeros(0, 2, dtype=torch.int64), 1), K("f", 0, I(0), 2), K("h45", -1, I([[1]]), 3)],
    "scatter_add": [K("f45", 1, I([[0, 0], [2, 0]]), "f22"), K("i5", 0, I([4, 4]), "i3"), K("f45", 0, torch.zeros(0, 2, dtype=torch.int64), "f45")],
    "scatter_reduce.two": [K("f45", 1, I([[0, 0], [2, 0]]), "f22", how, include_self=own) for how in ("sum", "prod", "mean", "amax", "amin") for own in (True, False)],
    "select.int": [K("f234", 1, 2), K("f234", -1, -1), K("i3", 0, 0)],
    "select_scatter": [K("f234", "f24", 1, 2), K("i3", "i", 0, -1)],
    "sigmoid": FLOATS + unary("i3"),
    "sign": NUMBERS,
    "sin": FLOATS,
    "sinh": FLOATS,
    "slice.Tensor": [K("f45", 0, 1, 3), K("f45", 1, None, None, 2), K("f45", 0, -2, 99), K("f45", 1, 4, 2), K("i5", 0, -99, -1, 3)],
    "slice_scatter": [K("f45", "f25", 0, 1, 3), K("f45", "f43", 1, 0, 5, 2), K("f45", "f05", 0, 3, 1)],
    "sort": [K("f234", 1), K("f23", -1, True), K("i5"), K("f"), K("f30", 1), K("f23", 0)],
    "split_with_sizes": [K("f64", [1, 2, 3]), K("f26", [6, 0], 1), K("i4", [2, 2], -1)],
    "sqrt": POSITIVE,
    "squeeze.dim": [K("f213", 1), K("f213", 0), K("f", 0), K("f1", -1)],
    "squeeze.dims": [K("f2131", [1, 3]), K("f213", []), K("f11", [0, 1])],
    "sub.Scalar": SCALARS + [K("f23", 2, 3)],
    "sub.Tensor": PAIRS + [K("f23", "f23", alpha=2)],
    "sum.dim_IntList": DIMS + [K("f23", None), K("i23", [0]), K("b23", [1]), K("h3", None, dtype=torch.float32), K("f03", [0])],
    "sym_numel": [K("f23"), K("f0"), K("f")],
    "sym_size.int": [K("f23", 1), K("f03", 0)],
    "sym_storage_offset": [K("f23")],
    "sym_stride.int": [K("f234", 0), K("f234", -1)],
    "tan": FLOATS,
    "tanh": FLOATS,
    "topk": [K("f237", 3), K("f57", 2, 0, False), K("i7", 7), K("f", 1), K("f30", 0, 1)],
    "trunc": FLOATS + unary("i3"),
    "unsqueeze": [K("f23", 0), K("f23", -1), K("f", 0), K("f23", 2)],
    "upsample_bilinear2d.vec": [K("f2345", [7, 3], False, None), K("f1234", None, True, [2.0, 1.5]), K("f1233", [1, 1], True, None), K("u1233", [5, 6], False, None)],
    "upsample_nearest2d.vec": [K("f2345", [7, 3], None), K("f1234", None, [2.0, 1.5]), K("u1233", [1, 5], None)],
    "var.correction": [K("f234", [1], correction=0), K("f234", None, correction=1), K("f234", [0, 2], correction=2.0, keepdim=True), K("d5", [0], correction=None)],
    "var.dim": [K("f234", [1]), K("f234", [0, 2], False, True), K("f23", None), K("h23", [1], False)],
    "view": [K("f23", [3, 2]), K("f234", [-1]), K("f", [1, 1]), K("f03", [3, 0])],
    "where.self": [K("b23", "f23", "f23"), K("b3", "f23", "f"), K("b23", "i3", "f3"), K("b0", "f0", "f0")],
}
# What does not depend on the numbers drawn, nor on memory nobody has written.
PROPERTIES = {
    "rand": lambda y: (torch.full_like(y, 0), (y >= 0).all(), (y < 1).all(), (y.mean() - 0.5).abs() < 0.1, y.std() > 0.2),
    "randn": lambda y: (torch.full_like(y, 0), y.mean().abs() < 0.3, (y.std() - 1).abs() < 0.2),
    "randperm": lambda y: (torch.full_like(y, 0), y.sort()[0]),
    "empty.memory_format": lambda y: torch.full_like(y, 0),
    "empty_strided": lambda y: torch.full_like(y, 0),
}


def core_overloads():
    """The names of all, without "aten." and ".default"."""
    names = set()
    for packet in dir(torch.ops.aten):
        overloads = getattr(getattr(torch.ops.aten, packet, None), "overloads", None)
        for overload in overloads() if overloads else ():
            if torch.Tag.core in getattr(getattr(torch.ops.aten, packet), overload).tags:
                names.add(packet if overload == "default" else f"{packet}.{overload}")
    return names


def overload_of(name):
    packet, _, overload = name.partition(".")
    return getattr(getattr(torch.ops.aten, packet), overload or "default")


def is_tensor(value):
    return isinstance(value, torch.Tensor) or (isinstance(value, str) and re.fullmatch(r"[fdhgiwub]\d*", value) is not None)


def tensor(value):
    """The tensor that "f234", ("f3", function) or itself stands for."""
    if isinstance(value, torch.Tensor):
        return value
    text, change = value if isinstance(value, tuple) else (value, None)
    dtype, sizes = DTYPES[text[0]], [int(s) for s in text[1:]]
    if dtype == torch.bool:
        t = torch.rand(sizes) > 0.5
    elif dtype == torch.uint8:
        t = torch.randint(0, 9, sizes, dtype=dtype)
    elif not dtype.is_floating_point:
        t = torch.randint(-5, 6, sizes, dtype=dtype)
    else:
        t = torch.randn(sizes).to(dtype)
    return change(t) if change else t


def case_of(name, call):
    """The tensors of a call are the program's inputs, in order; everything else is baked in. Complex ends are real pairs."""
    tensors = []

    def lift(value):
        if isinstance(value, tuple) or is_tensor(value):
            tensors.append(tensor(value))
            return lambda inputs, k=len(tensors) - 1: inputs[k]
        if isinstance(value, list) and any(v is None or is_tensor(v) for v in value) and value:
            items = [lift(v) for v in value]
            return lambda inputs: [item(inputs) for item in items]
        return lambda inputs: value

    op, args, words = overload_of(name), [lift(a) for a in call.args], {k: lift(v) for k, v in call.words.items()}
    complex_inputs = [t.is_complex() for t in tensors]
    property_of = PROPERTIES.get(name)

    def forward(*inputs):
        inputs = [torch.view_as_complex(x) if c else x for x, c in zip(inputs, complex_inputs)]
        answer = op(*(a(inputs) for a in args), **{k: w(inputs) for k, w in words.items()})
        if property_of:
            return property_of(answer)
        parts = [a for a in (answer if isinstance(answer, (tuple, list)) else (answer,)) if a is not None]
        return tuple(torch.view_as_real(p) if isinstance(p, torch.Tensor) and p.is_complex() else p for p in parts)

    inputs = tuple(torch.view_as_real(t).contiguous() if t.is_complex() else t for t in tensors)
    low = {t.dtype for t in tensors} | {call.words.get("dtype")}
    return Case(Function(forward), [inputs], tolerance=2e-2 if torch.bfloat16 in low else 5e-3 if torch.float16 in low else 1e-3)


def main(argv):
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("dir", type=pathlib.Path)
    p.add_argument("--only", default="", help="overloads whose name holds this")
    o = p.parse_args(argv)
    core = core_overloads()
    without = sorted(core - {name for name, calls in CALLS.items() if calls})
    unknown = sorted(set(CALLS) - core)
    for name in without:
        print(f"{name}: core, but without a case", file=sys.stderr)
    for name in unknown:
        print(f"{name}: not core", file=sys.stderr)
    o.dir.mkdir(parents=True, exist_ok=True)
    warnings.filterwarnings("ignore")
    torch.set_num_threads(1)
    lines, failed = [], 0
    for name, k, call in ((n, k, c) for n, calls in CALLS.items() if o.only in n for k, c in enumerate(calls)):
        case_name = f"{name}-{k}"
        if not taken(case_name):
            continue
        torch.manual_seed(zlib.crc32(case_name.encode()))
        try:
            with torch.no_grad():
                case = case_of(name, call)
                module_cases.write(case_name, case, o.dir)
            lines.append(f"{case_name}\t{len(case.calls)}\t{case.tolerance:g}\n")
        except Exception as e:
            failed += 1
            traceback.print_exc(limit=-2)
            print(f"{case_name}: {type(e).__name__}: {' '.join(str(e).split())[:300]}", file=sys.stderr)
    (o.dir / "CASES.txt").write_text("".join(lines))
    print(f"{len(lines)} cases of {len(core)} core overloads, {failed} failed, {len(without)} overloads without a case")
    return 1 if failed or without or unknown else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
