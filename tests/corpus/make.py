"""Write the corpus: small exported programs with inputs and answers, for tests without PyTorch and as seeds for fuzzing.

Usage: make.py [DIR]    DIR defaults to this folder. Needs torch 2.13; two runs write the same bytes.

CASES.txt  name <tab> calls <tab> tolerance
NAME.pt2, NAME.K.xI.npy, NAME.K.yI.npy   as tests/torch/module_cases.py writes them

The archives hold what a compiler reads and no more: sample inputs are left out, and of the metadata all but the
innermost line of Python.
"""

import json
import pathlib
import re
import sys
import warnings
import zipfile
import zlib

import torch
from torch import nn
from torch._higher_order_ops import scan, while_loop
from torch.export import Dim

HERE = pathlib.Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "torch"))
import module_cases  # noqa: E402
from modules.registry import Case, Function, randoms  # noqa: E402

CASES = {}


def case(function):
    CASES[function.__name__] = function
    return function


@case
def linear_relu():
    return Case(nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 3)), [randoms((4, 6))])


@case
def conv_norm():
    layers = [nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(4, 4, 3, groups=4), nn.Hardswish()]
    net = nn.Sequential(*layers)
    net[1].running_mean.normal_()
    net[1].running_var.uniform_(0.5, 2)
    return Case(net.eval(), [randoms((2, 3, 8, 8))])


@case
def attention():
    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.norm, self.qkv, self.out = nn.LayerNorm(8), nn.Linear(8, 24), nn.Linear(8, 8)

        def forward(self, x):
            q, k, v = self.qkv(self.norm(x)).view(x.shape[0], x.shape[1], 3, 2, 4).permute(2, 0, 3, 1, 4)
            y = torch.nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True)
            return x + self.out(y.transpose(1, 2).flatten(2))

    return Case(Block(), [randoms((2, 5, 8))])


@case
def lstm():
    return Case(nn.LSTM(3, 4, batch_first=True), [randoms((2, 5, 3))])


@case
def mlp_gelu():
    net = nn.Sequential(nn.Linear(4, 8), nn.GELU(), nn.Linear(8, 4), nn.Tanh(), nn.Softmax(-1))
    return Case(net, [randoms((3, 4))])


@case
def dynamic_batch():
    return Case(nn.Sequential(nn.Linear(5, 4), nn.SiLU()), [randoms((n, 5)) for n in (3, 1, 8, 2)], ({0: Dim("n", max=8)},))


@case
def dynamic_pair():
    def f(x, y):
        return torch.cat([x, y * 2], 0).sum(1, keepdim=True), x.shape[0] * 2 + y.shape[0]

    dims = ({0: Dim("a", max=6)}, {0: Dim("b", max=9)})
    return Case(Function(f), [randoms((a, 3), (b, 3)) for a, b in ((2, 3), (6, 9), (4, 2))], dims)


@case
def unbounded():
    return Case(Function(lambda x: (x.cumsum(0) * 2, x.flatten())), [randoms((n, 2)) for n in (3, 40, 7)], ({0: Dim("n")},))


@case
def state():
    class Mean(nn.Module):
        def __init__(self):
            super().__init__()
            self.register_buffer("total", torch.zeros(3))
            self.register_buffer("count", torch.zeros((), dtype=torch.int64))

        def forward(self, x):
            self.total += x
            self.count += 1
            return self.total / self.count

    return Case(Mean(), [randoms((3,)) for _ in range(3)])


@case
def input_mutation():
    def f(x, y):
        x[:, 0] += y
        return x.sum(1)

    return Case(Function(f), [randoms((3, 4), (3,)) for _ in range(2)])


@case
def branch():
    def f(x):
        return torch.cond(x.sum() > 0, lambda x: x.sin() * 2, lambda x: x - 1, (x,))

    return Case(Function(f), [(torch.full((3, 2), v),) for v in (1.0, -1.0)])


@case
def loop():
    def f(n, x):
        return while_loop(lambda n, x: n > 0, lambda n, x: (n - 1, x * 1.5), (n, x))

    return Case(Function(f), [(torch.tensor(n), *randoms((3,))) for n in (3, 1, 6)])


@case
def scan_sums():
    def f(init, xs):
        return scan(lambda c, x: (c + x, c * x), init, xs)

    return Case(Function(f), [randoms((3,), (5, 3))])


@case
def nonzero():
    return Case(Function(lambda x: x.nonzero()), [(torch.tensor(v),) for v in ([[1, 0, 2], [0, 0, 3]], [[0, 0, 0], [0, 5, 0]])])


@case
def dtypes():
    def f(h, b, i, m, u):
        return h * 2 + 1, b.exp(), i // 3 + m, m & (i > 0), (u + 250).to(torch.int32)

    args = randoms((4,), dtype=torch.float16) + randoms((4,), dtype=torch.bfloat16)
    return Case(Function(f), [args + (torch.arange(-2, 2), torch.tensor([True, False, True, True]), torch.arange(4, dtype=torch.uint8))], tolerance=2e-2)


@case
def embedding_bag():
    class Bag(nn.Module):
        def __init__(self):
            super().__init__()
            self.table = nn.Embedding(10, 4)

        def forward(self, ids, weights):
            return (self.table(ids) * weights.softmax(-1)[..., None]).sum(1)

    return Case(Bag(), [(torch.randint(0, 10, (3, 5)), *randoms((3, 5)))])


@case
def indexing():
    def f(x, i, v):
        y = x.index_put((i,), v, accumulate=True)
        return y.gather(1, i[:2, None].expand(2, 4) % 3), x.scatter_add(0, i[:, None].expand(3, 4), x), y.index_select(0, i.flip(0))

    return Case(Function(f), [(*randoms((3, 4)), torch.tensor([2, 0, 2]), *randoms((3, 4)))])


@case
def views():
    def f(x):
        return x.as_strided((2, 3), (1, 4), 2) + 1, x.unfold(1, 3, 2).sum(-1), x.diagonal(1).flip(0), x.permute(1, 0)[::2].contiguous()

    return Case(Function(f), [randoms((4, 6))])


@case
def ordering():
    return Case(Function(lambda x: (*x.sort(1), *x.topk(2, 1), x.argmax(0))), [randoms((3, 7))])


@case
def resampling():
    def f(x):
        y = torch.nn.functional.interpolate(x, scale_factor=2, mode="bilinear")
        return torch.nn.functional.pad(y, (1, 2, 1, 0), mode="reflect"), torch.nn.functional.avg_pool2d(x, 3, 2, 1)

    return Case(Function(f), [randoms((1, 2, 4, 5))])


@case
def statistics():
    return Case(Function(lambda x: (x.var(1), x.norm(dim=0), x.logsumexp(1), torch.cdist(x, x + 1))), [randoms((3, 4))])


@case
def nested():
    def f(batch, scale):
        a, (b, c) = batch["a"], batch["rest"]
        return {"sum": a + b * scale, "list": [c.relu(), None, 3], "pair": (a.neg(), b.abs())}

    tensors = randoms((2, 2), (2, 2), (3,))
    return Case(Function(f), [({"a": tensors[0], "rest": [tensors[1], tensors[2]]}, 2)])


@case
def methods_encode():
    torch.manual_seed(1)  # the same weights as methods_decode
    return Case(nn.Linear(4, 3), [randoms((2, 4))])


@case
def methods_decode():
    torch.manual_seed(1)
    layer = nn.Linear(4, 3)

    class Decode(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = layer

        def forward(self, y):
            return (y - self.layer.bias) @ self.layer.weight

    return Case(Decode(), [randoms((2, 3))])


def innermost(trace):
    """Of a stack trace: its last frame, under this file's name."""
    frames = re.findall(r'File "[^"]*", line (\d+), in (\S+)\n\s*([^\n]*)', trace)
    return 'File "make.py", line {}, in {}\n    {}\n'.format(*frames[-1]) if frames else ""


def slim(path):
    """Rewrite an archive with only what a compiler reads. Torch numbers symbols (s77) by hashes of source lines, which are stable."""
    with zipfile.ZipFile(path) as z:
        entries = {name.split("/", 1)[1]: z.read(name) for name in z.namelist()}
    model = json.loads(entries["models/model.json"])

    def walk(value):
        if isinstance(value, dict):
            if "stack_trace" in (metadata := value.get("metadata") or {}):
                value["metadata"] = {"stack_trace": innermost(metadata["stack_trace"])}
            elif "metadata" in value:
                value["metadata"] = {}
            for v in value.values():
                walk(v)
        elif isinstance(value, list):
            for v in value:
                walk(v)

    walk(model["graph_module"]["graph"])
    entries["models/model.json"] = json.dumps(model, separators=(",", ":")).encode()
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as z:
        for name, data in sorted(entries.items()):
            if name.startswith(("models/", "data/weights/", "data/constants/")) or name in ("archive_format", "byteorder"):
                z.writestr(zipfile.ZipInfo(f"{path.stem}/{name}"), data)


def main(folder):
    warnings.filterwarnings("ignore")
    torch.set_num_threads(1)
    lines = []
    for name, make in CASES.items():
        torch.manual_seed(zlib.crc32(name.encode()))
        with torch.no_grad():
            made = make()
            module_cases.write(name, made, folder)
        slim(folder / f"{name}.pt2")
        lines.append(f"{name}\t{len(made.calls)}\t{made.tolerance:g}\n")
    (folder / "CASES.txt").write_text("".join(lines))


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else HERE)
