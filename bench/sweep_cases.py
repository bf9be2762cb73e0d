"""The operators that sweep.py times: name, function, inputs for about n elements, dtypes, sizes."""
import math

import torch
import torch.nn.functional as F

F32, F64, F16, BF16, I64, I32, U8, BOOL = (torch.float32, torch.float64, torch.float16, torch.bfloat16, torch.int64,
                                           torch.int32, torch.uint8, torch.bool)
FLOATS, INTS = (F32, F64, F16, BF16), (I64, I32, U8)
ALL = FLOATS + INTS
WIDE = (F32, F64)
NAMES = {F32: "f32", F64: "f64", F16: "f16", BF16: "bf16", I64: "i64", I32: "i32", U8: "u8", BOOL: "bool"}
SMALL, MIDDLE, LARGE = 10_000, 300_000, 4_000_000
SIZES = (SMALL, MIDDLE, LARGE)


def fill(dtype, *shape):
    """Seeded numbers: floats of a normal distribution, integers of [-100, 100), bytes and booleans of what they hold."""
    if dtype == BOOL:
        return torch.rand(shape) > 0.5
    if dtype.is_floating_point or dtype.is_complex:
        return torch.randn(shape, dtype=torch.complex64 if dtype == torch.complex64 else F32).to(dtype)
    return torch.randint(0 if dtype == U8 else -100, 100, shape, dtype=dtype)


class Case:
    def __init__(self, name, f, make, dtypes, sizes):
        self.name, self.f, self.make, self.dtypes, self.sizes = name, f, make, dtypes, sizes

    def runs(self):
        """The first dtype at every size, the others at the middle one."""
        for i, dtype in enumerate(self.dtypes):
            for size in self.sizes:
                if i == 0 or size == MIDDLE or MIDDLE not in self.sizes:
                    yield dtype, size


CASES = []


def add(name, f, make, dtypes=(F32,), sizes=SIZES):
    CASES.append(Case(name, f, make, dtypes, sizes))


def flat(t, n):
    return (fill(t, n),)


def pair(t, n):
    return fill(t, n), fill(t, n)


def positive(t, n):
    return (fill(t, n).abs() + 1,)


def rows(width):
    return lambda t, n: (fill(t, n // width, width),)


def image(t, n, channels=16):
    side = max(8, int(math.sqrt(n / channels)))
    return (fill(t, 1, channels, side, side),)


def line(t, n):
    return (fill(t, 2, 16, n // 32),)


def volume(t, n):
    side = max(4, round((n / 8) ** (1 / 3)))
    return (fill(t, 1, 8, side, side, side),)


def square(t, n):
    side = {SMALL: 100, MIDDLE: 512, LARGE: 1536}[n]
    return fill(t, side, side), fill(t, side, side)


def index(n, limit):
    return torch.randint(0, limit, (n,) if isinstance(n, int) else n)


# --- element-wise ---

MID = (MIDDLE,)
for op in "neg abs sign square".split():
    add(op, getattr(torch, op), flat, ALL if op != "neg" else FLOATS + (I64, I32))
for op in ("exp sin cos tanh sigmoid erf ceil floor round trunc frac tan sinh cosh atan asinh expm1 exp2 erfc "
           "rsqrt sqrt log log2 log10 log1p reciprocal acosh lgamma digamma i0").split():
    add(op, getattr(torch, op), positive if op in ("rsqrt", "sqrt", "log", "log2", "log10", "log1p", "reciprocal", "acosh", "lgamma", "digamma") else flat,
        FLOATS if op not in ("lgamma", "digamma", "i0") else WIDE, SIZES if op in "exp tanh sigmoid sqrt log".split() else MID)
add("exp of integers", torch.exp, lambda t, n: (fill(t, n) // 4,), (I64, I32), MID)
for op in "asin acos atanh erfinv".split():
    add(op, getattr(torch, op), lambda t, n: (fill(t, n).clamp(-2, 2) / 3,), FLOATS, MID)
for op in "add sub mul maximum minimum eq lt".split():
    add(op, getattr(torch, op), pair, ALL, SIZES)
for op in "div atan2 fmax fmod hypot copysign nextafter logaddexp".split():
    add(op, getattr(torch, op), pair, {"nextafter": WIDE, "logaddexp": FLOATS}.get(op, FLOATS), SIZES if op == "div" else MID)
add("div of integers", torch.div, lambda t, n: (fill(t, n), fill(t, n).abs() + 1), INTS, MID)
add("floor_divide", lambda a, b: torch.div(a, b, rounding_mode="floor"), lambda t, n: (fill(t, n), fill(t, n).abs() + 1), ALL, MID)
add("trunc_divide", lambda a, b: torch.div(a, b, rounding_mode="trunc"), lambda t, n: (fill(t, n), fill(t, n).abs() + 1), ALL, MID)
add("remainder", torch.remainder, lambda t, n: (fill(t, n), fill(t, n).abs() + 1), ALL, MID)
add("pow", torch.pow, lambda t, n: (fill(t, n).abs() + 1, fill(t, n)), FLOATS, MID)
add("pow by 3", lambda a: a ** 3, flat, ALL, MID)
add("pow by 2.5", lambda a: a ** 2.5, positive, FLOATS, MID)
for op in "bitwise_and bitwise_or bitwise_xor".split():
    add(op, getattr(torch, op), pair, INTS + (BOOL,), MID)
add("shift left", torch.bitwise_left_shift, lambda t, n: (fill(t, n), fill(t, n) % 7), INTS, MID)
add("logical_and", torch.logical_and, pair, (BOOL, F32, I64), MID)
add("logical_not", torch.logical_not, flat, (BOOL, F32, I64), MID)
add("isnan", torch.isnan, flat, FLOATS, MID)
add("nan_to_num", torch.nan_to_num, flat, FLOATS, MID)
add("where", lambda a, b: torch.where(a > 0, a, b), pair, ALL)
add("clamp", lambda a: a.clamp(-1, 1), flat, FLOATS + (I64, I32))
add("lerp", lambda a, b: torch.lerp(a, b, 0.3), pair, FLOATS, MID)
add("addcmul", lambda a, b: torch.addcmul(a, a, b, value=2), pair, ALL[:6], MID)
add("broadcast row", lambda a, b: a + b, lambda t, n: (fill(t, n // 250, 250), fill(t, 250)), ALL)
add("broadcast column", lambda a, b: a * b, lambda t, n: (fill(t, n // 250, 250), fill(t, n // 250, 1)), ALL)
add("add of a transpose", lambda a, b: a + b.t(), lambda t, n: (fill(t, int(n ** 0.5), int(n ** 0.5)), fill(t, int(n ** 0.5), int(n ** 0.5))), ALL)
for op in "relu gelu silu mish softplus elu selu celu hardtanh hardswish hardsigmoid leaky_relu logsigmoid relu6 softsign tanhshrink softshrink hardshrink".split():
    add(op, getattr(F, op), flat, FLOATS, SIZES if op in "relu gelu silu".split() else MID)
add("gelu tanh", lambda a: F.gelu(a, approximate="tanh"), flat, FLOATS, MID)
add("glu", F.glu, rows(256), FLOATS, MID)
add("prelu", F.prelu, lambda t, n: image(t, n) + (fill(t, 16),), FLOATS, MID)
add("threshold", lambda a: F.threshold(a, 0.1, 2.0), flat, FLOATS + (I64,), MID)
for to in (F64, F16, BF16, I64, I32, U8, BOOL):
    add(f"f32 to {NAMES[to]}", lambda a, to=to: a.to(to), lambda t, n: (fill(t, n).abs() * 10,), (F32,), MID)
for to in (F32, I32, U8):
    add(f"to {NAMES[to]}", lambda a, to=to: a.to(to), flat, tuple(t for t in (F64, F16, BF16, I64, I32, U8) if t != to), MID)
add("complex mul", lambda a, b: torch.view_as_real(torch.view_as_complex(a) * torch.view_as_complex(b)), lambda t, n: (fill(t, n // 2, 2), fill(t, n // 2, 2)), WIDE, MID)
add("complex abs", lambda a: torch.view_as_complex(a).abs(), lambda t, n: (fill(t, n // 2, 2),), WIDE, MID)

# --- reductions ---

for op in "sum mean amax amin".split():
    types = FLOATS if op == "mean" else ALL
    add(f"{op} all", lambda a, f=getattr(torch, op): f(a), rows(250), types)
    add(f"{op} rows", lambda a, f=getattr(torch, op): f(a, -1), rows(250), types)
    add(f"{op} columns", lambda a, f=getattr(torch, op): f(a, 0), rows(250), types)
add("sum middle", lambda a: a.sum(1), lambda t, n: (fill(t, 8, n // 400, 50),), ALL, MID)
for op in "argmax argmin".split():
    add(f"{op} rows", lambda a, f=getattr(torch, op): f(a, -1), rows(250), ALL if op == "argmax" else (F32,))
add("argmax all", lambda a: torch.argmax(a), rows(250), ALL)
add("argmax columns", lambda a: torch.argmax(a, 0), rows(250), ALL)
add("max dim", lambda a: torch.max(a, -1).values, rows(250), ALL)
add("min dim columns", lambda a: torch.min(a, 0).values, rows(250), ALL, MID)
add("aminmax", lambda a: tuple(torch.aminmax(a, dim=-1)), rows(250), ALL, MID)
add("prod rows", lambda a: torch.prod(a, -1), rows(50), ALL, MID)
add("var rows", lambda a: torch.var(a, -1), rows(250), FLOATS)
add("std all", lambda a: torch.std(a), rows(250), FLOATS, MID)
add("var_mean columns", lambda a: torch.var_mean(a, 0), rows(250), FLOATS, MID)
add("norm 2 rows", lambda a: torch.linalg.vector_norm(a, 2, -1), rows(250), FLOATS)
add("norm 1", lambda a: torch.linalg.vector_norm(a, 1), rows(250), FLOATS, MID)
add("norm 3 rows", lambda a: torch.linalg.vector_norm(a, 3, -1), rows(250), FLOATS, MID)
add("logsumexp", lambda a: torch.logsumexp(a, -1), rows(250), FLOATS)
add("any rows", lambda a: (a > 1).any(-1), rows(250), ALL, MID)
add("all columns", lambda a: (a > -1000).all(0), rows(250), FLOATS, MID)
add("count_nonzero", lambda a: torch.count_nonzero(a, -1), rows(250), ALL, MID)
add("nansum", lambda a: torch.nansum(a, -1), rows(250), FLOATS, MID)
add("median rows", lambda a: torch.median(a, -1).values, rows(250), ALL, MID)
add("mode rows", lambda a: torch.mode(a, -1).values, rows(250), (F32, I64), MID)
add("kthvalue", lambda a: torch.kthvalue(a, 20, -1).values, rows(250), ALL, MID)

# --- order and scans ---

add("sort rows", lambda a: tuple(torch.sort(a, dim=-1, stable=True)), rows(250), ALL)
add("sort flat", lambda a: tuple(torch.sort(a, dim=-1, stable=True)), flat, ALL, (SMALL, MIDDLE))
add("sort columns", lambda a: tuple(torch.sort(a, dim=0, stable=True)), rows(50), (F32, I64), MID)
add("argsort rows", lambda a: torch.argsort(a, dim=-1, stable=True, descending=True), rows(250), (F32, I64), MID)
add("topk rows", lambda a: torch.topk(a, 10, -1).values, rows(250), ALL)
add("topk flat", lambda a: torch.topk(a, 50, -1).values, flat, ALL)
def near_one(t, n):
    return (1 + fill(t, n // 100, 100) / 500 if t.is_floating_point else fill(t, n // 100, 100),)


for op in "cumsum cumprod cummax logcumsumexp".split():
    scan, first = getattr(torch, op), (lambda y: y.values) if op == "cummax" else (lambda y: y)
    made = near_one if op == "cumprod" else rows(250)
    add(f"{op} rows", lambda a, f=scan, g=first: g(f(a, -1)), made, ALL if op != "logcumsumexp" else FLOATS, SIZES if op == "cumsum" else MID)
    add(f"{op} columns", lambda a, f=scan, g=first: g(f(a.reshape(100, -1), 0)), made if op == "cumprod" else flat,
        (F32, I64) if op in ("cumsum", "cummax") else (F32,), MID)
add("unique", lambda a: torch.unique(a), lambda t, n: (torch.randint(0, 100, (n,)).to(t),), (F32, I64, U8), (SMALL, MIDDLE))
add("unique_consecutive", lambda a: torch.unique_consecutive(a), lambda t, n: (torch.randint(0, 2, (n,)).to(t),), (F32, I64), MID)
add("nonzero", lambda a: torch.nonzero(a > 0), rows(250), ALL)
add("masked_select", lambda a: torch.masked_select(a, a > 0), rows(250), ALL)
add("masked_fill", lambda a: a.masked_fill(a > 0, 1), rows(250), ALL, MID)
add("masked_scatter", lambda a, b: a.masked_scatter(a > 0, b), pair, ALL, MID)
add("bucketize", lambda a: torch.bucketize(a, torch.arange(-4.0, 4.0, 0.25).to(a.dtype)), flat, (F32, F64, I64))
add("searchsorted", lambda s, a: torch.searchsorted(s, a), lambda t, n: (fill(t, 1000).sort().values, fill(t, n)), (F32, F64, I64))
add("bincount", lambda a: torch.bincount(a, minlength=100), lambda t, n: (index(n, 100),), (I64,), MID)
add("histc", lambda a: torch.histc(a, 50, -3.0, 3.0), flat, WIDE, MID)
add("one_hot", lambda a: F.one_hot(a, 64), lambda t, n: (index(n // 64, 64),), (I64,))
add("isin", lambda a, b: torch.isin(a, b), lambda t, n: (fill(t, n), fill(t, 20)), (F32, I64), MID)

# --- indexing ---

add("gather", lambda a, i: torch.gather(a, 1, i), lambda t, n: (fill(t, n // 250, 250), index((n // 250, 250), 250)), ALL)
add("gather columns", lambda a, i: torch.gather(a, 0, i), lambda t, n: (fill(t, n // 250, 250), index((n // 250, 250), n // 250)), ALL, MID)
add("scatter", lambda a, i, s: torch.scatter(a, 1, i, s), lambda t, n: (fill(t, n // 250, 250), torch.argsort(torch.rand(n // 250, 250), 1), fill(t, n // 250, 250)), ALL)
add("scatter_add", lambda a, i, s: torch.scatter_add(a, 1, i, s), lambda t, n: (fill(t, n // 250, 250), index((n // 250, 250), 250), fill(t, n // 250, 250)), ALL)
add("scatter_reduce amax", lambda a, i, s: torch.scatter_reduce(a, 1, i, s, "amax"), lambda t, n: (fill(t, n // 250, 250), index((n // 250, 250), 250), fill(t, n // 250, 250)), ALL, MID)
add("scatter_reduce mean", lambda a, i, s: torch.scatter_reduce(a, 1, i, s, "mean"), lambda t, n: (fill(t, n // 250, 250), index((n // 250, 250), 250), fill(t, n // 250, 250)), FLOATS, MID)
add("index_select", lambda a, i: torch.index_select(a, 0, i), lambda t, n: (fill(t, n // 64, 64), index(n // 64, n // 64)), ALL)
add("index_select inner", lambda a, i: torch.index_select(a, 1, i), lambda t, n: (fill(t, n // 64, 64), index(64, 64)), ALL, MID)
add("index", lambda a, i: a[i], lambda t, n: (fill(t, n // 64, 64), index(n // 64, n // 64)), ALL, MID)
add("index of two", lambda a, i, j: a[i, j], lambda t, n: (fill(t, n // 64, 64), index(n, n // 64), index(n, 64)), ALL, MID)
add("index around", lambda a, i, j: a[i, :, j], lambda t, n: (fill(t, 20, n // 400, 20), index(20, 20), index(20, 20)), ALL, MID)
add("index of a mask", lambda a: a[a > 0], flat, ALL, MID)
add("index_put", lambda a, i, v: torch.index_put(a, (i,), v), lambda t, n: (fill(t, n // 64, 64), torch.randperm(n // 64)[: n // 128], fill(t, n // 128, 64)), ALL, MID)
add("index_put add", lambda a, i, v: torch.index_put(a, (i,), v, accumulate=True), lambda t, n: (fill(t, n // 64, 64), index(n // 64, n // 64), fill(t, n // 64, 64)), ALL, MID)
add("index_add", lambda a, i, v: torch.index_add(a, 0, i, v), lambda t, n: (fill(t, n // 64, 64), index(n // 64, n // 64), fill(t, n // 64, 64)), ALL, MID)
add("index_copy", lambda a, i, v: torch.index_copy(a, 0, i, v), lambda t, n: (fill(t, n // 64, 64), torch.randperm(n // 64), fill(t, n // 64, 64)), ALL, MID)
add("index_fill", lambda a, i: torch.index_fill(a, 0, i, 3), lambda t, n: (fill(t, n // 64, 64), index(n // 128, n // 64)), ALL, MID)
add("take", lambda a, i: torch.take(a, i), lambda t, n: (fill(t, n), index(n, n)), ALL, MID)
add("embedding", lambda w, i: F.embedding(i, w), lambda t, n: (fill(t, 1000, 64), index(n // 64, 1000)), FLOATS)
for mode in "sum mean max".split():
    add(f"embedding_bag {mode}", lambda w, i, m=mode: F.embedding_bag(i, w, mode=m), lambda t, n: (fill(t, 1000, 64), index((n // 640, 10), 1000)), FLOATS if mode != "max" else (F32,), MID)

# --- layout ---

add("clone of a transpose", lambda a: a.t().contiguous(), rows(500), ALL)
add("permute", lambda a: a.permute(0, 2, 3, 1).contiguous(), lambda t, n: image(t, n), ALL)
add("cat", lambda a, b: torch.cat([a, b]), pair, ALL)
add("cat inner", lambda a, b: torch.cat([a, b], 1), lambda t, n: (fill(t, n // 64, 32), fill(t, n // 64, 32)), ALL, MID)
add("stack inner", lambda a, b: torch.stack([a, b], -1), pair, ALL, MID)
add("roll", lambda a: torch.roll(a, 7, -1), rows(250), ALL, MID)
add("flip", lambda a: torch.flip(a, (-1,)), rows(250), ALL)
add("flip outer", lambda a: torch.flip(a, (0,)), rows(250), ALL, MID)
add("rot90", lambda a: torch.rot90(a), rows(500), (F32, I64, U8), MID)
add("repeat", lambda a: a.repeat(2, 3), lambda t, n: (fill(t, n // 600, 100),), ALL, MID)
add("repeat_interleave", lambda a: torch.repeat_interleave(a, 3, 1), lambda t, n: (fill(t, n // 300, 100),), ALL, MID)
add("tile expand", lambda a: a.expand(30, -1, -1).contiguous(), lambda t, n: (fill(t, 1, n // 3000, 100),), ALL, MID)
add("slice step", lambda a: a[:, ::2].contiguous(), rows(500), ALL, MID)
add("tril", torch.tril, rows(500), ALL, MID)
add("triu", torch.triu, rows(500), ALL, MID)
add("diagonal", lambda a: torch.diag_embed(a), lambda t, n: (fill(t, n // 2500, 50),), ALL, MID)
add("pad", lambda a: F.pad(a, (2, 3, 1, 1)), image, ALL)
for mode in "reflect replicate circular".split():
    add(f"pad {mode}", lambda a, m=mode: F.pad(a, (2, 3, 1, 1), mode=m), image, FLOATS if mode != "circular" else ALL, MID)
add("pixel_shuffle", lambda a: F.pixel_shuffle(a, 2), image, ALL)
add("pixel_unshuffle", lambda a: F.pixel_unshuffle(a, 2), lambda t, n: (fill(t, 1, 4, 2 * int((n / 16) ** 0.5), 2 * int((n / 16) ** 0.5)),), ALL, MID)
add("channel_shuffle", lambda a: F.channel_shuffle(a, 4), image, FLOATS, MID)
add("unfold", lambda a: F.unfold(a, 3, padding=1), lambda t, n: image(t, n // 9, 4), FLOATS)
add("fold", lambda a: F.fold(a, (int((a.shape[2] - 0) ** 0.5), int(a.shape[2] ** 0.5)), 3, padding=1), lambda t, n: (fill(t, 1, 36, int((n / 36) ** 0.5) ** 2),), FLOATS, MID)
add("tensor unfold", lambda a: a.unfold(-1, 20, 5).contiguous(), rows(500), ALL, MID)
add("zeros_like", lambda a: torch.zeros_like(a) + a[0], flat, (F32, I64), MID)
add("arange", lambda a: torch.arange(a.shape[0]) + a, flat, (F32, I64), MID)
add("meshgrid", lambda a, b: torch.meshgrid(a, b, indexing="ij")[0].contiguous(), lambda t, n: (fill(t, 500), fill(t, n // 500)), (F32, I64), MID)

# --- products ---

MOST = FLOATS + (I64, I32, U8)
add("mm", torch.mm, square, MOST)
add("mm of a transpose", lambda a, b: a @ b.t(), square, MOST, (SMALL, MIDDLE))
add("mm transposed left", lambda a, b: a.t() @ b, square, MOST, (SMALL, MIDDLE))
add("mm thin", torch.mm, lambda t, n: (fill(t, n // 64, 64), fill(t, 64, 8)), MOST, (SMALL, MIDDLE))
add("bmm", torch.bmm, lambda t, n: (fill(t, n // 1024, 32, 32), fill(t, n // 1024, 32, 32)), MOST, (SMALL, MIDDLE))
add("baddbmm", lambda a, b: torch.baddbmm(a, a, b, beta=0.5, alpha=2), lambda t, n: (fill(t, n // 1024, 32, 32), fill(t, n // 1024, 32, 32)), FLOATS, MID)
add("addmm", lambda a, b: torch.addmm(a, a, b), square, MOST, (SMALL, MIDDLE))
add("linear", lambda a, w, b: F.linear(a, w, b), lambda t, n: (fill(t, n // 256, 256), fill(t, 256, 256), fill(t, 256)), MOST, (SMALL, MIDDLE))
add("linear one row", lambda a, w, b: F.linear(a, w, b), lambda t, n: (fill(t, 1, 500), fill(t, n // 500, 500), fill(t, n // 500)), MOST, SIZES)
add("mv", torch.mv, lambda t, n: (fill(t, n // 500, 500), fill(t, 500)), MOST, SIZES)
add("dot", torch.dot, pair, MOST, MID)
add("outer", torch.outer, lambda t, n: (fill(t, n // 500), fill(t, 500)), MOST, MID)
add("einsum", lambda a, b: torch.einsum("bij,bkj->bik", a, b), lambda t, n: (fill(t, n // 2048, 32, 64), fill(t, n // 2048, 32, 64)), MOST, MID)
add("matmul batch", torch.matmul, lambda t, n: (fill(t, 4, n // 4096, 1024), fill(t, 1024, 64)), FLOATS, MID)
add("bilinear", F.bilinear, lambda t, n: (fill(t, 64, 32), fill(t, 64, 32), fill(t, 32, 32, 32)), FLOATS, MID)
add("cdist", torch.cdist, lambda t, n: (fill(t, int(n ** 0.5), 16), fill(t, int(n ** 0.5), 16)), WIDE)
add("cdist 1", lambda a, b: torch.cdist(a, b, p=1), lambda t, n: (fill(t, int(n ** 0.5), 16), fill(t, int(n ** 0.5), 16)), WIDE, MID)
add("cdist 64", torch.cdist, lambda t, n: (fill(t, int(n ** 0.5), 64), fill(t, int(n ** 0.5), 64)), WIDE, MID)
add("cdist inf", lambda a, b: torch.cdist(a, b, p=float("inf")), lambda t, n: (fill(t, int(n ** 0.5), 16), fill(t, int(n ** 0.5), 16)), WIDE, MID)
add("cdist 3", lambda a, b: torch.cdist(a, b, p=3.0), lambda t, n: (fill(t, int((n / 3) ** 0.5), 16), fill(t, int((n / 3) ** 0.5), 16)), WIDE, MID)
add("pdist", F.pdist, lambda t, n: (fill(t, int(n ** 0.5), 16),), WIDE, MID)
add("cosine_similarity", lambda a, b: F.cosine_similarity(a, b, -1), lambda t, n: (fill(t, n // 250, 250), fill(t, n // 250, 250)), FLOATS, MID)
add("pairwise_distance", F.pairwise_distance, lambda t, n: (fill(t, n // 250, 250), fill(t, n // 250, 250)), FLOATS, MID)

# --- transforms ---

for n_fft in (256, 1000, 1024, 509, 4096):
    add(f"rfft {n_fft}", lambda a: torch.view_as_real(torch.fft.rfft(a)), rows(n_fft), WIDE, SIZES if n_fft == 1024 else MID)
add("fft 1024", lambda a: torch.view_as_real(torch.fft.fft(torch.view_as_complex(a))), lambda t, n: (fill(t, n // 2048, 1024, 2),), WIDE, MID)
add("fft 480", lambda a: torch.view_as_real(torch.fft.fft(torch.view_as_complex(a))), lambda t, n: (fill(t, n // 960, 480, 2),), WIDE, MID)
add("ifft 1024", lambda a: torch.view_as_real(torch.fft.ifft(torch.view_as_complex(a))), lambda t, n: (fill(t, n // 2048, 1024, 2),), WIDE, MID)
add("irfft 1024", lambda a: torch.fft.irfft(torch.view_as_complex(a)), lambda t, n: (fill(t, n // 1026, 513, 2),), WIDE, MID)
add("fft2", lambda a: torch.view_as_real(torch.fft.fft2(a)), lambda t, n: (fill(t, 4, int((n / 4) ** 0.5) // 2 * 2, int((n / 4) ** 0.5) // 2 * 2),), WIDE, MID)
add("rfft2 256", lambda a: torch.view_as_real(torch.fft.rfft2(a)), lambda t, n: (fill(t, 4, 256, 256),), WIDE, MID)
add("rfft columns", lambda a: torch.view_as_real(torch.fft.rfft(a, dim=0)), lambda t, n: (fill(t, 512, n // 512),), WIDE, MID)
add("rfft long", lambda a: torch.view_as_real(torch.fft.rfft(a)), lambda t, n: (fill(t, {SMALL: 10_000, MIDDLE: 262144, LARGE: 4_000_000}[n]),), (F32,), SIZES)
add("stft", lambda a: torch.view_as_real(torch.stft(a, 512, 128, window=torch.hann_window(512), return_complex=True)), flat, (F32,), (SMALL, MIDDLE))

# --- convolutions, pools, resampling ---

add("conv1d", lambda a, w, b: F.conv1d(a, w, b, padding=1), lambda t, n: line(t, n) + (fill(t, 16, 16, 3), fill(t, 16)), FLOATS, (SMALL, MIDDLE))
add("conv2d", lambda a, w, b: F.conv2d(a, w, b, padding=1), lambda t, n: image(t, n) + (fill(t, 16, 16, 3, 3), fill(t, 16)), FLOATS, (SMALL, MIDDLE))
add("conv2d depthwise", lambda a, w: F.conv2d(a, w, padding=1, groups=16), lambda t, n: image(t, n) + (fill(t, 16, 1, 3, 3),), FLOATS, (SMALL, MIDDLE))
add("conv3d", lambda a, w: F.conv3d(a, w, padding=1), lambda t, n: volume(t, n) + (fill(t, 8, 8, 3, 3, 3),), FLOATS, (SMALL, MIDDLE))
add("conv_transpose1d", lambda a, w: F.conv_transpose1d(a, w, stride=2), lambda t, n: line(t, n) + (fill(t, 16, 16, 4),), (F32, F64), MID)
add("conv_transpose2d", lambda a, w: F.conv_transpose2d(a, w, stride=2), lambda t, n: image(t, n // 4) + (fill(t, 16, 16, 2, 2),), (F32, F64, BF16), MID)
add("conv_transpose3d", lambda a, w: F.conv_transpose3d(a, w, stride=2), lambda t, n: volume(t, n // 8) + (fill(t, 8, 8, 2, 2, 2),), (F32, F64), MID)
for d, make in ((1, line), (2, image), (3, volume)):
    add(f"max_pool{d}d", lambda a, f=getattr(F, f"max_pool{d}d"): f(a, 2), make, FLOATS)
    add(f"max_pool{d}d 3 by 2", lambda a, f=getattr(F, f"max_pool{d}d"): f(a, 3, 2, 1), make, (F32,), MID)
    add(f"avg_pool{d}d", lambda a, f=getattr(F, f"avg_pool{d}d"): f(a, 2), make, FLOATS)
    add(f"avg_pool{d}d 3 by 1", lambda a, f=getattr(F, f"avg_pool{d}d"): f(a, 3, 1, 1), make, (F32,), MID)
    add(f"adaptive_avg_pool{d}d", lambda a, f=getattr(F, f"adaptive_avg_pool{d}d"): f(a, 7), make, FLOATS, MID)
    add(f"adaptive_avg_pool{d}d 1", lambda a, f=getattr(F, f"adaptive_avg_pool{d}d"): f(a, 1), make, FLOATS, MID)
    add(f"adaptive_max_pool{d}d", lambda a, f=getattr(F, f"adaptive_max_pool{d}d"): f(a, 7), make, WIDE, MID)
add("lp_pool2d", lambda a: F.lp_pool2d(a, 2.0, 2), image, (F32,), MID)
for mode, make in (("nearest", line), ("linear", line), ("nearest", image), ("bilinear", image), ("bicubic", image), ("nearest-exact", image), ("nearest", volume), ("trilinear", volume)):
    d = {line: 1, image: 2, volume: 3}[make]
    types = FLOATS + ((U8,) if mode in ("nearest", "bilinear", "bicubic") and d == 2 else ())
    add(f"interpolate {mode} {d}d", lambda a, m=mode: F.interpolate(a, scale_factor=2, mode=m), lambda t, n, f=make, d=d: f(t, n // 2 ** d), types)
    add(f"interpolate {mode} {d}d down", lambda a, m=mode: F.interpolate(a, scale_factor=0.4, mode=m), make, (F32,), MID)
for mode in ("bilinear", "bicubic"):
    add(f"interpolate {mode} antialias", lambda a, m=mode: F.interpolate(a, scale_factor=0.4, mode=m, antialias=True), image, (F32, U8), MID)
    add(f"interpolate {mode} aligned", lambda a, m=mode: F.interpolate(a, scale_factor=2, mode=m, align_corners=True), lambda t, n: image(t, n // 4), (F32,), MID)
for mode in ("bilinear", "nearest", "bicubic"):
    add(f"grid_sample {mode}", lambda a, g, m=mode: F.grid_sample(a, g, mode=m, align_corners=False), lambda t, n: (fill(t, 1, 16, int((n / 16) ** 0.5), int((n / 16) ** 0.5)), (torch.rand(1, int((n / 16) ** 0.5), int((n / 16) ** 0.5), 2) * 2 - 1).to(t)), WIDE, SIZES if mode == "bilinear" else MID)
add("grid_sample 3d", lambda a, g: F.grid_sample(a, g, align_corners=False), lambda t, n: volume(t, n) + (torch.rand(1, 30, 30, 30, 3).to(t) * 2 - 1,), WIDE, MID)
add("affine_grid", lambda a: F.affine_grid(a, (1, 3, 380, 380), align_corners=False), lambda t, n: (fill(t, 1, 2, 3),), WIDE, MID)

# --- norms, attention, losses, recurrent ---

add("softmax", lambda a: torch.softmax(a, -1), rows(250), FLOATS)
add("softmax columns", lambda a: torch.softmax(a, 0), rows(250), FLOATS, MID)
add("log_softmax", lambda a: torch.log_softmax(a, -1), rows(250), FLOATS)
add("layer_norm", lambda a, w, b: F.layer_norm(a, (256,), w, b), lambda t, n: (fill(t, n // 256, 256), fill(t, 256), fill(t, 256)), FLOATS)
add("rms_norm", lambda a, w: F.rms_norm(a, (256,), w), lambda t, n: (fill(t, n // 256, 256), fill(t, 256)), FLOATS, MID)
add("group_norm", lambda a, w, b: F.group_norm(a, 4, w, b), lambda t, n: image(t, n) + (fill(t, 16), fill(t, 16)), FLOATS)
add("instance_norm", lambda a: F.instance_norm(a), image, FLOATS, MID)
add("batch_norm", lambda a, m, v: F.batch_norm(a, m, v), lambda t, n: image(t, n) + (fill(t, 16), fill(t, 16).abs() + 1), FLOATS)
add("batch_norm training", lambda a: F.batch_norm(a, None, None, training=True), image, FLOATS, MID)
add("local_response_norm", lambda a: F.local_response_norm(a, 5), image, (F32,), MID)
add("normalize", lambda a: F.normalize(a, dim=-1), rows(250), FLOATS, MID)
add("attention", lambda q, k, v: F.scaled_dot_product_attention(q, k, v), lambda t, n: tuple(fill(t, 1, 4, n // 256 if n < LARGE else 2048, 64) for _ in range(3)), FLOATS, (SMALL, MIDDLE))
add("attention causal", lambda q, k, v: F.scaled_dot_product_attention(q, k, v, is_causal=True), lambda t, n: tuple(fill(t, 1, 4, n // 256, 64) for _ in range(3)), FLOATS, (SMALL, MIDDLE))
add("mse_loss", F.mse_loss, pair, FLOATS)
add("l1_loss", F.l1_loss, pair, FLOATS, MID)
add("smooth_l1_loss", F.smooth_l1_loss, pair, FLOATS, MID)
add("huber_loss", F.huber_loss, pair, FLOATS, MID)
add("bce", lambda a, b: F.binary_cross_entropy(a.sigmoid(), b.sigmoid()), pair, WIDE, MID)
add("bce with logits", lambda a, b: F.binary_cross_entropy_with_logits(a, b.sigmoid()), pair, FLOATS, MID)
add("cross_entropy", F.cross_entropy, lambda t, n: (fill(t, n // 250, 250), index(n // 250, 250)), FLOATS)
add("nll_loss", F.nll_loss, lambda t, n: (fill(t, n // 250, 250), index(n // 250, 250)), FLOATS, MID)
add("kl_div", lambda a, b: F.kl_div(a, b.abs() + 0.1, reduction="sum"), pair, FLOATS, MID)
add("cosine_embedding_loss", lambda a, b: F.cosine_embedding_loss(a, b, torch.ones(a.shape[0])), lambda t, n: (fill(t, n // 250, 250), fill(t, n // 250, 250)), WIDE, MID)


class Recurrent(torch.nn.Module):
    def __init__(self, kind):
        super().__init__()
        torch.manual_seed(1)  # weights that the archive made before has too
        self.layer = getattr(torch.nn, kind)(64, 64, batch_first=True)

    def forward(self, x):
        return self.layer(x)[0]


for kind in ("LSTM", "GRU", "RNN"):
    add(kind, Recurrent(kind), lambda t, n: (fill(t, 4, n // 1024, 64),), (F32,), (SMALL, MIDDLE))
