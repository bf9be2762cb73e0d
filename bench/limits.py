"""How close products, convolutions and attention come to what one core can do: writes the tables docs/limits.md.

Usage: limits.py [--rounds 3] [--seconds 0.25] [--under CMD] [--binary build/release/portfire] [--docs docs]
Products are those of portfire_gemm_bench (ninja -C build/release portfire_gemm_bench portfire), beside the binary; operators
are one-operator modules, exported into build/limits and profiled. A figure is the best of the rounds, each a fresh process,
against the best roof that any process measured. --under goes before each command that measures, as in --under "taskset -c 1".
"""
import argparse, datetime, json, logging, os, pathlib, platform, re, statistics, subprocess, sys, warnings

warnings.filterwarnings("ignore")
import torch

import machine

logging.disable(logging.WARNING)
ROOT = pathlib.Path(__file__).parents[1]
M, N, K = (1, 4, 32, 128, 1024), (384, 1536, 4096), (384, 1536, 4096)
FLOPS_BAR, BYTES_BAR = 0.90, 0.85  # M >= 32: of the FMA peak; M = 1: of the memory's rate
BENCH = {"f32": ("product", 4), "bf16": ("bf16", 2)}  # its name in gemm_bench.cc; bytes of a weight


class Convolution(torch.nn.Module):
    """Channels last outside, so that nothing but the convolution is left to do."""

    def __init__(self, size, inputs, outputs, kernel, stride=1, groups=1):
        super().__init__()
        self.conv = torch.nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups)
        self.inputs = (torch.randn(1, size, size, inputs),)
        side = (size - 1) // stride + 1
        self.flops = 2 * side * side * outputs * (inputs // groups) * kernel * kernel
        what = f"depthwise {kernel}x{kernel}" if groups > 1 else f"{kernel}x{kernel}"
        self.name = f"{what}{f', stride {stride}' * (stride > 1)}: {size}x{size}, {inputs}{f' to {outputs}' * (groups == 1)}"

    def forward(self, x):
        return self.conv(x.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)


class Attention(torch.nn.Module):
    def __init__(self, heads, rows, width, causal=False):
        super().__init__()
        self.causal, self.flops = causal, None
        self.inputs = tuple(torch.randn(1, heads, rows, width) for _ in range(3))
        self.name = f"attention{', causal' * causal}: {heads} heads, {rows}x{width}"

    def forward(self, q, k, v):
        return torch.nn.functional.scaled_dot_product_attention(q, k, v, is_causal=self.causal)


def depthwise(size, channels, stride=1):
    return Convolution(size, channels, channels, 3, stride, channels)


def cases():
    return [Convolution(28, 256, 256, 1), Convolution(14, 96, 576, 1), Convolution(14, 576, 96, 1),
            Convolution(56, 64, 64, 3), Convolution(28, 128, 128, 3), Convolution(14, 256, 256, 3), Convolution(7, 512, 512, 3),
            Convolution(56, 64, 128, 3, 2), Convolution(28, 128, 256, 3, 2), Convolution(224, 3, 64, 7, 2),
            depthwise(112, 96, 2), depthwise(56, 144), depthwise(14, 576), depthwise(7, 960),
            Attention(12, 128, 32), Attention(3, 197, 64), Attention(8, 512, 64), Attention(8, 512, 64, True)]


def output(words):
    done = subprocess.run([str(w) for w in words], capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{words[0]}: {done.stderr.strip()}")
    return done.stdout


class Roof:
    """The best that any process measured; and all, since the clock wanders."""

    def __init__(self):
        self.all = {}

    def saw(self, process, flops, bytes):
        self.all[process] = flops, bytes
        self.flops, self.bytes = (max(x) for x in zip(*self.all.values()))

    def median(self):
        return tuple(statistics.median(x) for x in zip(*self.all.values()))


def products(o, dtype, roof, best):
    """Adds the seconds that each product took to best: {(dtype, m, n, k): seconds}"""
    name, size = BENCH[dtype]
    any_of = lambda numbers: "(" + "|".join(map(str, numbers)) + ")"
    sizes = f"^{name}/m:{any_of(M)}/n:{any_of(N)}/k:{any_of(K)}/"
    text = output([*o.under, o.binary.parent / "portfire_gemm_bench", "--benchmark_format=json", f"--benchmark_filter={sizes}"])
    process = len(roof.all)
    for row in json.loads(text)["benchmarks"]:
        m, n, k = (int(x) for x in re.findall(r"[mnk]:(\d+)", row["name"]))
        seconds = row["cpu_time"] * 1e-6
        roof.saw(process, 2 * m * n * k / seconds / row["peak"], n * k * size / seconds / row["memory"])
        best[dtype, m, n, k] = min(seconds, best.get((dtype, m, n, k), seconds))


def operator(o, program, roof, best):
    """Puts the profile's row of the operator into best[program] where it took less time than the one there."""
    profile = json.loads(output([*o.under, o.binary, "profile", program, "--threads", 1, "--seconds", o.seconds, "--json"]))
    roof.saw(len(roof.all), profile["roof_gflops"] * 1e9, profile["roof_gbs"] * 1e9)
    row = max((r for r in profile["instructions"] if r["flops"]), key=lambda r: r["flops"])
    if program not in best or row["us"] < best[program]["us"]:
        best[program] = row | {"rest": sum(r["us"] for r in profile["instructions"]) - row["us"]}


def percent(x):
    return f"{100 * x:.0f}"


def table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|---|" + "---:|" * (len(head) - 1)]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows]) + "\n"


def product_table(dtype, roof, best):
    peak, size = roof.flops * (2 if dtype == "bf16" else 1), BENCH[dtype][1]
    share = lambda m, n, k: (n * k * size / roof.bytes if m == 1 else 2 * m * n * k / peak) / best[dtype, m, n, k]
    rows = [[f"{m}, of {'memory' if m == 1 else 'peak'}"] + [percent(share(m, n, k)) for n in N for k in K] for m in M]
    every = [(share(m, n, k), m, n, k) for m in M for n in N for k in K]
    below = [f"{m}x{n}x{k} {100 * s:.1f}" for s, m, n, k in every if s < (BYTES_BAR if m == 1 else FLOPS_BAR) and (m == 1 or m >= 32)]
    rule = f"Below {percent(FLOPS_BAR)} % of the peak with M >= 32 or {percent(BYTES_BAR)} % of memory's rate with M = 1 (MxNxK): {', '.join(below) or 'none'}.\n"
    return [table(["M \\ NxK", *(f"{n}x{k}" for n in N for k in K)], rows), rule]


def operator_table(dtype, roof, best, programs):
    rows, rest = [], []
    for case, program in programs[dtype]:
        row = best[program]
        if dtype == "bf16" and "bf16" not in row["op"] + row["types"]:
            continue
        peak, seconds = roof.flops * (2 if dtype == "bf16" else 1), row["us"] * 1e-6
        arithmetic, memory = row["flops"] / peak / seconds, row["bytes"] / roof.bytes / seconds
        filtered = row["op"] == "portfire::winograd_conv2d"
        rows.append([case.name, row["op"].split("::")[1], f"{row['us']:.1f}", f"{row['flops'] / seconds * 1e-9:.0f}", percent(arithmetic), percent(memory),
                     percent(max(arithmetic, memory)), percent(case.flops / peak / seconds) if filtered else "-"])
        rest += [f"{case.name}: {row['rest']:.1f} us"] if row["rest"] > 0.02 * row["us"] else []
    head = ["operator", "run as", "us", "GFLOP/s", "% of peak", "% of memory", "% of roof", "as a direct convolution"]
    return [table(head, rows)] + ([f"Left out, what the program does beside it: {'; '.join(rest)}.\n"] if rest else [])


@torch.no_grad()
def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=0.25)
    parser.add_argument("--under", type=str.split, default=[])
    parser.add_argument("--binary", type=pathlib.Path, default=ROOT / "build/release/portfire")
    parser.add_argument("--docs", type=pathlib.Path, default=ROOT / "docs")
    o = parser.parse_args()
    folder = ROOT / "build/limits"
    folder.mkdir(parents=True, exist_ok=True)
    dtypes = ["f32"] + ["bf16"] * ("avx512_bf16" in machine.FLAGS)
    torch.manual_seed(0)
    programs = {d: [] for d in dtypes}
    for i, case in enumerate(cases()):
        torch.export.save(torch.export.export(case.eval(), case.inputs), folder / f"{i}.pt2")
        for d in dtypes:
            programs[d].append((case, folder / f"{i}.{d}.pte"))
            output([o.binary, "compile", folder / f"{i}.pt2", "-o", folder / f"{i}.{d}.pte", "--precision", d])
    roof, times, rows = Roof(), {}, {}
    for r in range(o.rounds):
        for d in dtypes:
            print(f"round {r + 1} of {o.rounds}, {d}", file=sys.stderr, flush=True)
            products(o, d, roof, times)
            for _, program in programs[d]:
                operator(o, program, roof, rows)
    flops, bytes = roof.median()
    out = ["# How close to the machine's limit\n",
           f"Made by `bench/limits.py`; do not edit. One thread; a figure is the best of {o.rounds} processes, by the best roof that any of them measured:\n"
           f"{roof.flops * 1e-9:.0f} GFLOP/s of f32 fused multiply-adds in registers (the peak), {roof.bytes * 1e-9:.1f} GB/s read from DRAM (memory). The clock wanders: the\n"
           f"median process measured {flops * 1e-9:.0f} and {bytes * 1e-9:.1f}, by which figures would be {percent(roof.flops / flops - 1)} and {percent(roof.bytes / bytes - 1)} % larger.\n",
           f"{machine.CPU}, {os.cpu_count()} cores, {machine.ISA}; {platform.system()}; {datetime.date.today()}.\n",
           "In bf16 the peak is twice that of f32: an instruction (`vdpbf16ps`) multiplies and adds twice as many. Shares of memory count operands\n"
           "and results as if each came from DRAM; where they lie in caches, as small weights and most images do, they may pass 100 %.\n"]
    for d in dtypes:
        out += [f"## Products in {d}, weights packed: per cent\n"] + product_table(d, roof, times)
    out += ["M = 4 does eight operations for a weight that it reads: how fast weights come from caches or memory is its limit, not the peak.\n"]
    for d in dtypes:
        out += [f"## Operators in {d}\n"] + operator_table(d, roof, rows, programs)
    out += ["The roof is the nearer of the two limits. Minimal filtering (`winograd_conv2d`) is counted by the products that it does, without its\n"
            "transforms; the last column counts what a direct convolution would have done in that time, and may pass 100 %. Attention is counted\n"
            "by its two products, without the softmax between them." + " What `--precision bf16` leaves in f32 is not listed in bf16." * (len(dtypes) > 1) + "\n"]
    (o.docs / "limits.md").write_text("\n".join(out))
    print("\n".join(out))


main()
