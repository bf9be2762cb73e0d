"""One call of each operator of ExecuTorch's portable library, as its programs make them: arguments in the order of the
schema, outs, and what is returned once more. PyTorch's own variant that writes to `out` says what is right."""
import dataclasses
import math

import torch

F32, F64, F16, BF16 = torch.float32, torch.float64, torch.float16, torch.bfloat16
I64, I32, BOOL, C64 = torch.int64, torch.int32, torch.bool, torch.complex64


@dataclasses.dataclass
class Case:
    op: str  # "aten::add.out"
    args: list  # those before the outs, defaults included
    wanted: list  # tensors, in the order of the outs; None: not compared
    name: str = ""
    listed: bool = False  # the outs are one argument, a list
    in_place: bool = False  # argument 0 is the out
    dtypes: list = None  # of the outs, where they are not those of what is wanted
    orders: list = None  # of dimensions: those of the outs; None: row-major
    input_orders: dict = dataclasses.field(default_factory=dict)  # the same of arguments, by place
    bounds: list = None  # sizes of the outs at most, where the data tell them


def variant(op):
    space, name = op.split("::")
    packet, overload = name.split(".") if "." in name else (name, "default")
    return getattr(getattr(getattr(torch.ops, space), packet), overload)


def complete(op, args, words):
    """The arguments of the schema, defaults filled in, without the outs."""
    taken, done = list(args), []
    for a in variant(op)._schema.arguments:
        if a.is_out:
            break
        done.append(taken.pop(0) if taken else words.pop(a.name) if a.name in words else a.default_value)
    assert not taken and not words, (op, taken, words)
    return done


def case(op, *args, out=F32, name="", bounds=None, orders=None, input_orders=None, dtypes=None, **words):
    """`out`: dtypes of the outs for PyTorch's own variant, one or one for each."""
    args = complete(op, args, dict(words))
    schema = variant(op)._schema
    outs = [a for a in schema.arguments if a.is_out]
    listed = str(outs[0].type) == "List[Tensor]"
    out = [out] * len(outs) if isinstance(out, torch.dtype) else out
    keywords = {a.name for a in schema.arguments if a.kwarg_only and not a.is_out}
    plain = [a.clone() if isinstance(a, torch.Tensor) else a for a, s in zip(args, schema.arguments) if not s.kwarg_only]
    given = {s.name: a for a, s in zip(args, schema.arguments) if s.name in keywords}
    if listed:  # the lists of PyTorch's own variants must have sizes already
        made = list(variant(op.removesuffix("_out").removesuffix(".out"))(*plain, **given))
    else:
        made = [torch.empty(0, dtype=d) for d in out]
        variant(op)(*plain, **given, **{o.name: m for o, m in zip(outs, made)})
    return Case(op, args, made, name=name, listed=listed, bounds=bounds, orders=orders, input_orders=input_orders or {}, dtypes=dtypes)


def floats(*sizes, dtype=F32, low=-2.0, high=2.0):
    return (torch.rand(*sizes, dtype=F64) * (high - low) + low).to(dtype)


def ints(*sizes, dtype=I64, low=-9, high=10):
    return torch.randint(low, high, sizes, dtype=dtype)


def flags(*sizes):
    return torch.rand(*sizes) < 0.5


WHOLE = "abs ceil floor neg relu round sign trunc".split()  # integers stay integers


def unary():
    real = "abs acos acosh asin asinh atan atanh ceil cos cosh erf exp expm1 floor log log10 log1p log2 neg reciprocal relu "
    real += "round rsqrt sigmoid sign sin sinh sqrt tan tanh trunc"
    domains = {"acos": (-1, 1), "asin": (-1, 1), "atanh": (-0.9, 0.9), "acosh": (1, 3), "reciprocal": (0.5, 2)}
    for name in real.split():
        low, high = domains.get(name, (0.1, 3) if name.startswith(("log", "rsqrt", "sqrt")) else (-3, 3))
        for dtype in (F32, F64, BF16):
            yield case(f"aten::{name}.out", floats(3, 37, dtype=dtype, low=low, high=high), out=dtype)
        if name not in ("acos", "asin", "atanh"):
            yield case(f"aten::{name}.out", ints(5, 7, low=1, high=9), out=I64 if name in WHOLE else F32)
    for name in ("isinf", "isnan", "logical_not"):
        yield case(f"aten::{name}.out", torch.tensor([1.0, math.inf, 0.0, -math.inf, math.nan]), out=BOOL)
    yield case("aten::logical_not.out", ints(9), out=BOOL)
    yield case("aten::bitwise_not.out", ints(3, 9), out=I64)
    yield case("aten::bitwise_not.out", flags(9), out=BOOL)
    yield case("aten::_conj_physical.out", torch.randn(3, 4, dtype=C64), out=C64)
    for dtype in (F32, F64, F16):
        yield case("aten::gelu.out", floats(4, 33, dtype=dtype), approximate="none", out=dtype)
        yield case("aten::gelu.out", floats(4, 33, dtype=dtype), approximate="tanh", out=dtype)
        yield case("aten::hardtanh.out", floats(4, 33, dtype=dtype), -0.5, 1.25, out=dtype)
        yield case("aten::leaky_relu.out", floats(4, 33, dtype=dtype), 0.125, out=dtype)
        yield case("aten::elu.out", floats(4, 33, dtype=dtype), 1.5, 0.75, 1.25, out=dtype)
    yield case("aten::hardtanh.out", ints(9), -3, 4, out=I64)
    yield case("aten::elu.out", floats(40))
    yield case("aten::logit.out", floats(4, 5, low=0.1, high=0.9))
    yield case("aten::logit.out", floats(4, 5, low=-0.2, high=1.2), 0.05)
    yield case("aten::logit.out", torch.tensor([0, 1, 1]), 0.05)
    yield case("aten::glu.out", floats(3, 8, 5), 1)
    yield case("aten::glu.out", floats(3, 8, dtype=F64), -1, out=F64)
    for lo, hi in ((-1, 0.5), (None, 0.5), (-1.0, None), (2.0, 1.0)):
        yield case("aten::clamp.out", floats(5, 9), lo, hi)
    yield case("aten::clamp.out", ints(20), -3, 2.5)
    yield case("aten::clamp.out", ints(20), -3, 4, out=I64)
    yield case("aten::clamp.Tensor_out", floats(5, 9), floats(9, low=-2, high=0), floats(5, 1, low=0, high=1))
    yield case("aten::clamp.Tensor_out", floats(5, 9), None, floats(5, 1))


def binary():
    for name in ("add", "sub"):
        yield case(f"aten::{name}.out", floats(4, 1, 5), floats(3, 5), alpha=2)
        yield case(f"aten::{name}.out", floats(4, 5, dtype=F16), floats(4, 5))
        yield case(f"aten::{name}.out", ints(4, 5), ints(5, dtype=I32), alpha=3, out=I64)
        yield case(f"aten::{name}.out", ints(4, 5), floats(5), out=F64, name="cast up")
        yield case(f"aten::{name}.Scalar_out", floats(4, 5), 2.5, 2)
        yield case(f"aten::{name}.Scalar_out", ints(4, 5), 2.5)
    yield case("aten::rsub.Scalar_out", floats(4, 5), 2, 3)
    yield case("aten::rsub.Scalar_out", ints(4, 5), 2, out=I64)
    for dtype in (F32, BF16, I32):
        x, y = (ints(4, 5, dtype=dtype), ints(5, dtype=dtype)) if dtype == I32 else (floats(4, 5, dtype=dtype), floats(5, dtype=dtype))
        for name in ("mul.out", "maximum.out", "minimum.out"):
            yield case(f"aten::{name}", x, y, out=dtype)
    yield case("aten::mul.Scalar_out", floats(4, 5), 1.5)
    yield case("aten::mul.Scalar_out", ints(4, 5), 1.5)
    yield case("aten::mul.out", flags(4, 5), floats(4, 5))
    yield case("aten::atan2.out", floats(4, 5), floats(5))
    yield case("aten::div.out", floats(4, 5), floats(5, low=0.5, high=2))
    yield case("aten::div.out", ints(4, 5), ints(5, low=1))
    yield case("aten::div.Scalar_out", floats(4, 5), 3)
    for mode in (None, "floor", "trunc"):
        dtype = F32 if mode is None else I64
        yield case("aten::div.out_mode", ints(4, 5), ints(5, low=1), rounding_mode=mode, out=dtype)
        yield case("aten::div.out_mode", floats(4, 5), floats(5, low=0.5), rounding_mode=mode)
        yield case("aten::div.Scalar_mode_out", floats(4, 5), 0.3, rounding_mode=mode)
        yield case("aten::div.Scalar_mode_out", ints(4, 5), 4, rounding_mode=mode, out=dtype)
    yield case("aten::floor_divide.out", ints(4, 5), ints(5, low=1), out=I64)
    yield case("aten::floor_divide.out", floats(4, 5), floats(5, low=0.5))
    for name in ("fmod", "remainder"):
        yield case(f"aten::{name}.Tensor_out", floats(4, 5), floats(5, low=0.5))
        yield case(f"aten::{name}.Scalar_out", ints(4, 5), 4, out=I64)
    for name in ("bitwise_and", "bitwise_or", "bitwise_xor"):
        yield case(f"aten::{name}.Tensor_out", ints(4, 5), ints(5), out=I64)
        yield case(f"aten::{name}.Tensor_out", flags(4, 5), flags(5), out=BOOL)
        yield case(f"aten::{name}.Scalar_out", ints(4, 5), 6, out=I64)
    for name in ("bitwise_left_shift", "bitwise_right_shift"):
        yield case(f"aten::{name}.Tensor_out", ints(4, 5), ints(5, low=0, high=5), out=I64)
        yield case(f"aten::{name}.Tensor_Scalar_out", ints(4, 5), 2, out=I64)
    for name in ("eq", "ne", "lt", "le", "gt", "ge"):
        yield case(f"aten::{name}.Tensor_out", ints(4, 5), ints(5), out=BOOL)
        yield case(f"aten::{name}.Tensor_out", floats(4, 5), floats(5), out=BOOL)
        yield case(f"aten::{name}.Scalar_out", floats(4, 5), 1, out=BOOL)
        yield case(f"aten::{name}.Scalar_out", ints(4, 5), 1.5, out=BOOL)
    for name in ("logical_and", "logical_or", "logical_xor"):
        yield case(f"aten::{name}.out", flags(4, 5), flags(5), out=BOOL)
        yield case(f"aten::{name}.out", ints(4, 5, low=-1, high=2), floats(5), out=BOOL)
    yield case("aten::pow.Tensor_Tensor_out", floats(4, 5, low=0.1), floats(5))
    yield case("aten::pow.Tensor_Scalar_out", floats(4, 5), 3)
    yield case("aten::pow.Tensor_Scalar_out", ints(4, 5), 2, out=I64)
    yield case("aten::pow.Scalar_out", 2.5, floats(5))
    yield case("aten::where.self_out", flags(4, 5), floats(4, 1), floats(5))
    yield case("aten::where.self_out", flags(4, 5), ints(5), floats(5))
    yield case("aten::masked_fill.Scalar_out", floats(4, 5), flags(5), -1.5)


def reductions():
    x = floats(3, 4, 5)
    for name in ("amax", "amin"):
        yield case(f"aten::{name}.out", x, [1], True)
        yield case(f"aten::{name}.out", ints(3, 4), [0, 1], out=I64)
    yield case("aten::any.all_out", flags(3, 4), out=BOOL)
    yield case("aten::any.dims_out", flags(3, 4, 2), [0, 2], out=BOOL)
    yield case("aten::any.dims_out", flags(3, 4, 2), None, True, out=BOOL)
    yield case("aten::any.out", ints(3, 4, low=0, high=2), 1, out=BOOL)
    for name in ("argmax", "argmin"):
        yield case(f"aten::{name}.out", x, 1, out=I64)
        yield case(f"aten::{name}.out", x, None, out=I64)
    for name in ("max", "min"):
        yield case(f"aten::{name}.unary_out", x)
        yield case(f"aten::{name}.unary_out", ints(9), out=I64)
        op = f"aten::{name}.dim_{name}"
        yield case(op, x, 1, out=[F32, I64])
        yield case(op, ints(7, 3), -1, True, out=[I64, I64])
    yield case("aten::mean.dtype_out", x)
    yield case("aten::mean.dtype_out", ints(9), dtype=F32)
    yield case("aten::mean.out", x, [0, 2], True)
    yield case("aten::mean.out", x.bfloat16(), None, out=BF16)
    yield case("aten::sum.IntList_out", x, [1])
    yield case("aten::sum.IntList_out", ints(3, 4, dtype=I32), None, out=I64)
    yield case("aten::sum.IntList_out", flags(3, 4), [0], out=I64)
    yield case("aten::prod.int_out", x, 1)
    yield case("aten::prod.out", floats(9))
    yield case("aten::cumsum.out", x, 1)
    yield case("aten::cumsum.out", ints(3, 4, dtype=I32), 1, out=I64)
    yield case("aten::var.out", x, [1], True, True)
    yield case("aten::var.out", x, None, False)
    yield case("aten::var.correction_out", x, [0, 1], correction=0)
    yield case("aten::var_mean.correction_out", x, [2], correction=1, keepdim=True)
    yield case("aten::topk.values", x, 2, 1, out=[F32, I64])
    yield case("aten::_softmax.out", x, 1, False)
    yield case("aten::_log_softmax.out", x, -1, False)
    yield case("aten::native_group_norm.out", floats(2, 6, 4), floats(6), floats(6), 2, 6, 4, 3, 1e-5)
    yield case("aten::native_layer_norm.out", x, [5], floats(5), floats(5), 1e-5)
    yield case("aten::native_layer_norm.out", x, [4, 5], None, None, 1e-5)


def batch_norms():
    w, b, mean, var = floats(3), floats(3), floats(3), floats(3, low=0.5)
    x = floats(4, 3, 5, 6)
    name = "aten::_native_batch_norm_legit_no_training.out"
    for dtype in (F32, F64):
        moved = [t.to(dtype) for t in (x, w, b, mean, var)]
        yield case(name, *moved, 0.1, 1e-5, out=dtype)
    yield case(name, floats(4, 3), None, None, mean, var, 0.1, 1e-5)
    yield case("aten::_native_batch_norm_legit.no_stats_out", x, w, b, True, 0.1, 1e-5)
    for training in (False, True):
        yield case("aten::_native_batch_norm_legit.out", x, w, b, mean, var, training, 0.1, 1e-5)


def shapes():
    x = floats(3, 4, 5)
    yield case("aten::cat.out", [x, floats(3, 2, 5)], 1)
    yield case("aten::cat.out", [x, ints(3, 2, 5)], 1)
    yield case("aten::stack.out", [x, x + 1], 1)
    for op in ("alias_copy", "detach_copy", "lift_fresh_copy", "clone"):
        yield case(f"aten::{op}.out", x)
    yield case("aten::clone.out", ints(7), out=I64)
    yield case("aten::t_copy.out", floats(3, 4))
    yield case("aten::as_strided_copy.out", floats(20), [3, 2], [5, 2], 1)
    yield case("aten::constant_pad_nd.out", x, [1, 2, 0, 1], 0.5)
    yield case("aten::diagonal_copy.out", x, 1, 0, 2)
    yield case("aten::expand_copy.out", floats(4, 1), [2, -1, 3])
    yield case("aten::flip.out", x, [0, 2])
    yield case("aten::narrow_copy.out", x, 1, 1, 2)
    yield case("aten::permute_copy.out", x, [2, 0, 1])
    yield case("aten::pixel_shuffle.out", floats(2, 8, 3, 3), 2)
    yield case("aten::pixel_unshuffle.out", floats(2, 2, 4, 6), 2)
    yield case("aten::repeat.out", x, [2, 1, 3])
    yield case("aten::roll.out", x, [1, -2], [0, 2])
    yield case("aten::roll.out", x, [3])
    yield case("aten::select_copy.int_out", x, 1, -1)
    yield case("aten::select_scatter.out", x, floats(3, 5), 1, 2)
    yield case("aten::slice_copy.Tensor_out", x, 1, 1, 4, 2)
    yield case("aten::slice_copy.Tensor_out", x, -1, -3, None)
    yield case("aten::slice_scatter.out", x, floats(3, 2, 5), 1, 0, 4, 2)
    yield case("aten::split_copy.Tensor_out", x, 2, 1, out=[F32] * 2)
    yield case("aten::split_copy.Tensor_out", floats(7, 2), 3, out=[F32] * 3)
    yield case("aten::split_with_sizes_copy.out", x, [1, 0, 3], 1, out=[F32] * 3)
    yield case("aten::unbind_copy.int_out", x, 1, out=[F32] * 4)
    yield case("aten::unbind_copy.int_out", ints(3, 2), out=[I64] * 3)
    yield case("aten::unbind_copy.int_out", floats(12, 2), out=[F32] * 12)
    yield case("aten::squeeze_copy.dim_out", floats(3, 1, 2), 1)
    yield case("aten::squeeze_copy.dims_out", floats(1, 3, 1), [0, 2])
    yield case("aten::transpose_copy.int_out", x, 0, -1)
    yield case("aten::tril.out", floats(4, 5), 1)
    yield case("aten::unfold_copy.out", floats(3, 7), 1, 3, 2)
    yield case("aten::unsqueeze_copy.out", x, 1)
    yield case("aten::view_copy.out", x, [6, -1])
    yield case("aten::view_as_real_copy.out", torch.randn(3, 4, dtype=C64))


def indexing():
    x = floats(5, 6)
    yield case("aten::embedding.out", x, ints(2, 3, low=0, high=5))
    yield case("aten::gather.out", x, 1, ints(5, 2, low=0, high=6))
    yield case("aten::index.Tensor_out", x, [ints(3, low=0, high=5), ints(3, low=0, high=6)])
    yield case("aten::index.Tensor_out", x, [None, ints(4, low=0, high=6)])
    yield case("aten::index_put.out", x, [ints(3, low=0, high=5)], floats(3, 6), True)
    yield case("aten::index_put.out", x, [torch.tensor([0, 3])], floats(6))
    rows = torch.tensor([True, False, True, True, False])
    yield case("aten::index.Tensor_out", x, [rows], bounds=[[5, 6]], name="mask")
    yield case("aten::index.Tensor_out", x, [None, flags(6)], bounds=[[5, 6]], name="mask")
    yield case("aten::index.Tensor_out", x, [flags(5, 6)], bounds=[[30]], name="mask")
    yield case("aten::index_put.out", x, [rows], torch.tensor(7.0), name="mask")
    yield case("aten::index_put.out", x, [rows], torch.tensor([7.0]), True, name="mask")
    yield case("aten::index_put.out", x, [rows], floats(3, 6), name="mask")
    yield case("aten::index_select.out", x, 1, torch.tensor([0, 5, 2]))
    yield case("aten::masked_scatter.out", x, flags(5, 6), floats(30))
    yield case("aten::masked_select.out", x, flags(5, 6), bounds=[[30]])
    yield case("aten::nonzero.out", ints(4, 5, low=0, high=2), out=I64, bounds=[[20, 2]])
    yield case("aten::scatter.src_out", x, 1, ints(5, 1, low=0, high=6), floats(5, 6))
    yield case("aten::scatter.value_out", x, 0, ints(2, 3, low=0, high=5), 7)
    yield case("aten::scatter_add.out", x, 1, ints(5, 4, low=0, high=6), floats(5, 4))
    yield case("aten::repeat_interleave.Tensor_out", torch.tensor([2, 0, 3]), out=I64, bounds=[[9]])
    yield case("aten::repeat_interleave.Tensor_out", torch.tensor([2, 0, 3], dtype=I32), output_size=5, out=I32)


def products():
    yield case("aten::mm.out", floats(4, 5), floats(5, 3))
    yield case("aten::mm.out", floats(4, 5, dtype=F64), floats(5, 3, dtype=F64), out=F64)
    yield case("aten::bmm.out", floats(2, 4, 5), floats(2, 5, 3))
    yield case("aten::addmm.out", floats(3), floats(4, 5), floats(5, 3), beta=0.5, alpha=2)
    yield case("aten::linear.out", floats(2, 4, 5), floats(3, 5), floats(3))
    yield case("aten::_cdist_forward.out", floats(4, 5), floats(3, 5), 2.0, None)
    yield case("aten::_pdist_forward.out", floats(4, 5), 2.0)
    x, w = floats(2, 4, 7, 8), floats(6, 2, 3, 3)
    yield case("aten::convolution.out", x, w, floats(6), [2, 1], [1, 1], [1, 1], False, [0, 0], 2)
    yield case("aten::convolution.out", floats(2, 4, 9), floats(4, 1, 3), None, [1], [1], [2], False, [0], 4)
    yield case("aten::convolution.out", x, floats(4, 3, 3, 3), None, [2, 2], [1, 1], [1, 1], True, [1, 0], 1)
    y = torch.convolution(x, w, None, [2, 1], [1, 1], [1, 1], False, [0, 0], 2)
    args = [torch.randn_like(y), x, w, [6], [2, 1], [1, 1], [1, 1], False, [0, 0], 2]
    yield case("aten::convolution_backward.out", *args, [True, True, True])
    wide = torch.conv_transpose2d(x, floats(4, 3, 3, 3), stride=2, padding=1)
    args = [torch.randn_like(wide), x, floats(4, 3, 3, 3), [3], [2, 2], [1, 1], [1, 1], True, [0, 0], 1]
    yield case("aten::convolution_backward.out", *args, [True, True, True])
    for size in ((2, 3, 6, 7), (3, 6, 7)):
        x = floats(*size)
        y, i = torch.nn.functional.max_pool2d(x, 2, 2, return_indices=True)
        yield case("aten::max_pool2d_with_indices.out", x, [2, 2], [2, 2], out=[F32, I64])
        yield case("aten::max_pool2d_with_indices_backward.grad_input", torch.randn_like(y), x, [2, 2], [2, 2], [0, 0], [1, 1], False, i)
        yield case("aten::avg_pool2d.out", x, [3, 2], [2, 1], [1, 1])
        yield case("aten::_adaptive_avg_pool2d.out", x, [3, 3])
    x = floats(2, 3, 6, 7)
    yield case("aten::upsample_nearest2d.vec_out", x, [9, 5], None)
    yield case("aten::upsample_nearest2d.vec_out", x, None, [1.5, 2.0])
    yield case("aten::upsample_bilinear2d.vec_out", x, [9, 5], True, None)
    yield case("aten::upsample_bilinear2d.vec_out", x, None, False, [1.5, 2.0])
    yield case("aten::_upsample_bilinear2d_aa.out", x, [3, 5], False)
    yield case("aten::grid_sampler_2d.out", x, floats(2, 4, 5, 2, low=-1, high=1), 0, 0, False)
    for d, sizes in ((1, (2, 5)), (2, (2, 5, 6)), (3, (2, 4, 5, 6))):
        for kind in ("reflection", "replication"):
            yield case(f"aten::{kind}_pad{d}d.out", floats(2, *sizes), [1, 2] * d)
    # beyond the library: the exporter writes calls of them all the same
    yield case("aten::gcd.out", ints(9, low=1), ints(9, low=1), out=I64)
    yield case("aten::__lshift__.Scalar_out", ints(9), 2, out=I64)
    yield case("aten::__rshift__.Scalar_out", ints(9), 2, out=I64)
    yield case("aten::sort.values", floats(4, 5), 1, True, out=[F32, I64])
    yield case("aten::fmax.out", floats(9), floats(9))
    yield case("aten::cumprod.out", floats(3, 4), 1)
    yield case("aten::complex.out", floats(3, 4), floats(3, 4), out=C64)
    yield case("aten::polar.out", floats(3, 4), floats(3, 4), out=C64)
    yield case("aten::max_pool3d_with_indices.out", floats(2, 3, 4, 5, 6), [2, 2, 2], [2, 2, 2], out=[F32, I64])
    yield case("aten::_fft_r2c.out", floats(3, 8), [1], 0, True, out=C64)
    yield case("aten::_fft_c2r.out", torch.randn(3, 5, dtype=C64), [1], 0, 8)


def written(op, args, *wanted, **more):
    return Case(op, args, list(wanted), **more)


def forms():
    """Operators whose out says what the functional one is told, and those that PyTorch does not have."""
    x = floats(2, 3, 4, 5)
    last = [0, 2, 3, 1]
    for dtype in (F32, F16, I64):
        yield written("aten::_to_copy.out", [x * 3, False, None], (x * 3).to(dtype))
        yield written("dim_order_ops::_to_dim_order_copy.out", [x * 3, False, [0, 1, 2, 3]], (x * 3).to(dtype))
    yield written("dim_order_ops::_to_dim_order_copy.out", [x, False, last], x, orders=[last], name="to channels last")
    yield written("dim_order_ops::_to_dim_order_copy.out", [x, False, [0, 1, 2, 3]], x, input_orders={0: last}, name="from channels last")
    yield written("dim_order_ops::_clone_dim_order.out", [x, False, last], x, orders=[last])
    yield written("dim_order_ops::_clone_dim_order.out", [x, False, None], x)
    yield written("dim_order_ops::_empty_dim_order.out", [[2, 3], None], None)
    yield written("et_copy::_h2d_copy.out", [x], x)
    yield written("et_copy::_d2h_copy.out", [x], x)
    yield written("aten::empty.out", [[2, 3], None], None)
    yield written("aten::zeros.out", [[2, 3]], torch.zeros(2, 3))
    yield written("aten::ones.out", [[2, 3]], torch.ones(2, 3, dtype=I64))
    yield written("aten::full.out", [[2, 3], 2.5], torch.full((2, 3), 2.5))
    yield written("aten::full_like.out", [x, 2, None], torch.full_like(x, 2))
    yield written("aten::fill.Scalar_out", [x, 2.5], torch.full_like(x, 2.5))
    yield written("aten::fill.Tensor_out", [x, torch.tensor(3)], torch.full_like(x, 3))
    yield written("aten::scalar_tensor.out", [7], torch.tensor(7.0))
    yield written("aten::arange.out", [7], torch.arange(7))
    yield written("aten::arange.out", [2.5], torch.arange(2.5))
    yield written("aten::arange.start_out", [1, 9, 2], torch.arange(1, 9, 2))
    yield written("aten::arange.start_out", [1.0, 0.0, -0.25], torch.arange(1.0, 0.0, -0.25))
    yield written("aten::copy.out", [x, floats(5, dtype=F64) * 0 + 2, False], torch.full_like(x, 2))
    y = floats(4, 5)
    yield written("aten::copy.out", [x, y, False], y.expand_as(x))
    yield written("aten::copy_", [x, y, False], y.expand_as(x), in_place=True)
    yield written("aten::copy_", [x, ints(2, 3, 4, 5), False], None, in_place=True, name="other dtype")
    places, values = torch.tensor([1, 0]), floats(2, 5)
    yield written("aten::index_put_", [y, [places], values, False], y.index_put((places,), values), in_place=True)
    yield written("aten::index_put_", [y, [places], values, True], y.index_put((places,), values, accumulate=True), in_place=True)
    chosen = y > 0
    yield written("aten::index_put_", [y, [chosen], torch.tensor(0.5), False], y.index_put((chosen,), torch.tensor(0.5)), in_place=True)
    yield written("aten::native_dropout.out", [x, 0.5, False], x, torch.ones_like(x, dtype=BOOL))
    yield written("aten::native_dropout.out", [x, 1.0, True], torch.zeros_like(x), torch.zeros_like(x, dtype=BOOL))


def layouts():
    """Channels-last among inputs and outs: sizes that tell the dimensions apart."""
    last = [0, 2, 3, 1]
    x, w = floats(2, 4, 6, 5), floats(3, 4, 3, 3)
    both = dict(orders=[last], input_orders={0: last})
    yield case("aten::add.out", x, floats(2, 4, 6, 5), name="channels last", **both)
    yield case("aten::relu.out", x, name="channels last", **both)
    yield case("aten::gelu.out", x, approximate="none", name="channels last", **both)
    yield case("aten::mul.out", x, floats(4, 1, 1), name="channels last", **both)
    yield case("aten::convolution.out", x, w, floats(3), [1, 1], [1, 1], [1, 1], False, [0, 0], 1, name="channels last", **both)
    yield case("aten::convolution.out", x, w, floats(3), [1, 1], [1, 1], [1, 1], False, [0, 0], 1,
               name="weight channels last", orders=[last], input_orders={0: last, 1: last})
    yield case("aten::convolution.out", x, w, floats(3), [1, 1], [1, 1], [1, 1], False, [0, 0], 1,
               name="input channels last", input_orders={0: last})
    yield case("aten::max_pool2d_with_indices.out", x, [2, 2], [2, 2], out=[F32, I64],
               name="channels last", orders=[last, last], input_orders={0: last})
    yield case("aten::avg_pool2d.out", x, [2, 2], name="channels last", **both)
    yield case("aten::_adaptive_avg_pool2d.out", x, [3, 2], name="channels last", **both)
    yield case("aten::_native_batch_norm_legit_no_training.out", x, floats(4), floats(4), floats(4), floats(4, low=0.5), 0.1, 1e-5,
               name="channels last",
               orders=[last, None, None], input_orders={0: last})
    yield case("aten::upsample_nearest2d.vec_out", x, [9, 5], None, name="channels last", **both)
    yield case("aten::upsample_bilinear2d.vec_out", x, [9, 5], False, None, name="channels last", **both)
    yield case("aten::cat.out", [x, x + 1], 1, name="channels last", orders=[last])
    yield case("aten::mean.out", x, [2, 3], True, name="channels last", **both)
    yield case("aten::sum.IntList_out", x, [1], name="channels last", input_orders={0: last})
    yield case("aten::_softmax.out", x, 1, False, name="channels last", **both)
    yield case("aten::view_copy.out", x, [2, 120], name="channels last", input_orders={0: last})
    yield case("aten::permute_copy.out", x, [0, 2, 3, 1], name="channels last", input_orders={0: last})
    yield case("aten::select_copy.int_out", x, 1, 2, name="channels last", input_orders={0: last})
    yield case("aten::constant_pad_nd.out", x, [1, 1, 2, 0], 0.5, name="channels last", **both)
    yield case("aten::slice_copy.Tensor_out", x, 1, 1, 3, name="channels last", **both)
    yield case("aten::split_copy.Tensor_out", x, 2, 1, out=[F32] * 2, name="channels last", orders=[last, last], input_orders={0: last})
    yield case("aten::unbind_copy.int_out", x, 1, out=[F32] * 4, name="channels last", input_orders={0: last})
    yield case("aten::glu.out", x, 1, name="channels last", **both)
    yield case("aten::argmax.out", x, 1, out=I64, name="channels last", input_orders={0: last})
    yield case("aten::native_group_norm.out", x, floats(4), floats(4), 2, 4, 30, 2, 1e-5,
               name="channels last", orders=[last, None, None], input_orders={0: last})
    yield case("aten::clamp.out", x, -0.5, 0.5, name="channels last", **both)
    yield case("aten::linear.out", floats(2, 3, 4, 5), floats(3, 5), None, name="channels last", **both)
    yield case("aten::repeat.out", x, [1, 2, 1, 1], name="channels last", **both)
    yield case("aten::pixel_shuffle.out", x, 2, name="channels last", **both)
    yield case("aten::grid_sampler_2d.out", x, floats(2, 4, 5, 2, low=-1, high=1), 0, 0, False, name="channels last", **both)
    yield case("aten::index.Tensor_out", x, [None, torch.tensor([3, 0])], name="channels last", orders=[last], input_orders={0: last})
    yield written("aten::full_like.out", [x, 2.5, None], torch.full_like(x, 2.5), name="channels last", **both)
    # a result that is wider than the operator's own
    yield case("aten::sum.IntList_out", floats(3, 4), [1], dtype=F32, dtypes=[F64], name="into f64")
    yield case("aten::mm.out", floats(3, 4), floats(4, 2), dtypes=[F64], name="into f64")
    yield case("aten::eq.Tensor_out", ints(9), ints(9), out=BOOL, dtypes=[F32], name="into f32")
    yield case("aten::argmax.out", floats(3, 4), 1, out=I64, dtypes=[F32], name="into f32")
    yield case("aten::nonzero.out", ints(9, low=0, high=2), out=I64, bounds=[[9, 1]], dtypes=[F32], name="into f32")


def cases():
    torch.manual_seed(7)
    for group in (unary, binary, reductions, batch_norms, shapes, indexing, products, forms, layouts):
        yield from group()
