"""Portfire beside the runtimes that people would use instead: all take turns, each turn in a fresh process. Writes
docs/benchmarks.md and docs/benchmarks.svg. scripts/bench calls it.

Usage: compare.py FOLDER [--rounds 3] [--seconds 1] [--only MODEL,...] [--threads 1,2] [--binary build/release/portfire] [--docs docs]
FOLDER comes from models.py --onnx --executorch. A figure is the median over rounds.
"""

import argparse, datetime, importlib.metadata, json, math, os, pathlib, platform, statistics, subprocess, sys, time

import chart
import machine

PEERS = ["onnxruntime", "openvino_f32", "executorch", "eager"]
BF16_PEER = "openvino"  # where the CPU computes bf16, its default
HERE = pathlib.Path(__file__).parent


class Runner:
    def __init__(self, o):
        self.o, self.failed, self.programs = o, set(), {}

    def portfire(self, model, threads, precision):
        program = self.o.folder / f"{model}.{precision}.pte"
        if program not in self.programs:
            start = time.perf_counter()
            words = [self.o.binary, "compile", self.o.folder / f"{model}.pt2", "-o", program, "--precision", precision]
            done = subprocess.run(words, capture_output=True, text=True)
            if done.returncode:
                return self.fail(f"portfire {precision}", model, done.stderr)
            self.programs[program] = time.perf_counter() - start
        inputs = [w for x in sorted(self.o.folder.glob(f"{model}.0.x*.npy")) for w in ("--input", x)]
        bench = self.run([self.o.binary, "bench", program, "--threads", threads, "--seconds", self.o.seconds, "--json", *inputs], "portfire", model)
        if not bench:
            return None
        expected = self.o.folder / f"{model}.0.y0.npy"
        text = subprocess.run([self.o.binary, "run", program, "--tolerance", "1", "--expect", expected, *inputs], capture_output=True, text=True).stdout
        error = float(text.split("relative ")[1].split()[0])
        return {"ms": bench["median_ms"], "first_ms": bench["load_ms"] + bench["first_ms"], "own_mib": bench["peak_rss_mib"],
                "all_mib": bench["peak_rss_mib"], "error": error, "compile_s": self.programs[program]}

    def peer(self, runtime, model, threads):
        return self.run([sys.executable, HERE / "peer.py", runtime, self.o.folder, model, threads, self.o.seconds], runtime, model)

    def run(self, words, runtime, model):
        done = subprocess.run([str(w) for w in words], capture_output=True, text=True)
        lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
        return json.loads(lines[-1]) if done.returncode == 0 and lines else self.fail(runtime, model, done.stderr)

    def fail(self, runtime, model, why):
        if (runtime, model) not in self.failed:
            print(f"\n{runtime} on {model}: {(why.strip().splitlines() or ['no answer'])[-1][:160]}", file=sys.stderr)
        self.failed.add((runtime, model))
        return None

    def turn(self, runtime, model, threads):
        if (runtime, model) in self.failed:
            return None
        if runtime.startswith("portfire"):
            return self.portfire(model, threads, "bf16" if runtime.endswith("bf16") else "f32")
        return self.peer(runtime, model, threads)


def measure(o, runtimes):
    """{(model, runtime, threads): {figure: median}}"""
    runner, turns, results = Runner(o), [], {}
    for threads in o.threads:
        for model in o.models:
            for r in range(o.rounds):
                turns += [(model, runtime, threads) for runtime in runtimes]
    start = time.time()
    for i, (model, runtime, threads) in enumerate(turns):
        left = (time.time() - start) / max(1, i) * (len(turns) - i)
        print(f"\r[{i + 1}/{len(turns)}, {left / 60:.0f} min left] {model} {runtime} {threads} thread(s)".ljust(78), end="", file=sys.stderr, flush=True)
        figures = runner.turn(runtime, model, threads)
        if figures:
            results.setdefault((model, runtime, threads), []).append(figures)
    print(file=sys.stderr)
    return {key: {f: statistics.median(r[f] for r in rounds) for f in rounds[0]} for key, rounds in results.items()}


def geomean(values):
    values = [v for v in values if v]
    return math.exp(sum(map(math.log, values)) / len(values)) if values else float("nan")


def table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows]) + "\n"


def text_of(o, results, runtimes):
    def figure(model, runtime, threads, name):
        return results.get((model, runtime, threads), {}).get(name)

    def show(v, digits=2):
        return "-" if v is None else f"{v:.{digits}f}"

    peers = [r for r in runtimes if r in PEERS]
    versions = ", ".join(f"{p} {importlib.metadata.version(p)}" for p in ("onnxruntime", "openvino", "executorch", "torch"))
    out = ["# Benchmarks\n", "Made by `scripts/bench`; do not edit. All runtimes take turns, each turn a fresh process; a figure is the median of\n"
           f"{o.rounds} rounds of {o.seconds:g} s. Take the ratios: other work on the machine moves the milliseconds.\n",
           f"{machine.CPU}, {os.cpu_count()} cores, {machine.ISA}; {platform.system()}; {versions}; {datetime.date.today()}.\n",
           "![their time over ours](benchmarks.svg)\n"]
    for threads in o.threads:
        rows, ratios = [], []
        for m in o.models:
            ours = figure(m, "portfire", threads, "ms")
            best = min((v for p in peers if (v := figure(m, p, threads, "ms"))), default=None)
            ratios.append(best / ours if best and ours else None)
            rows.append([m, show(ours)] + [show(figure(m, p, threads, "ms")) for p in peers] + [show(ratios[-1])])
        out += [f"## f32, {threads} thread{'s' * (threads > 1)}: ms\n", table(["model", "portfire", *peers, "fastest peer / ours"], rows),
                f"Geometric mean {geomean(ratios):.2f}, least {min((r for r in ratios if r), default=float('nan')):.2f}.\n"]
    if "portfire_bf16" in runtimes:
        for threads in o.threads:
            rows, ratios = [], []
            for m in o.models:
                ours, theirs = figure(m, "portfire_bf16", threads, "ms"), figure(m, BF16_PEER, threads, "ms")
                ratios.append(theirs / ours if ours and theirs else None)
                rows.append([m, show(ours), show(theirs), show(ratios[-1])] + [f"{e:.1e}" if (e := figure(m, r, threads, "error")) else "-" for r in ("portfire_bf16", BF16_PEER)])
            out += [f"## bf16, {threads} thread{'s' * (threads > 1)}: ms\n", table(["model", "portfire", "OpenVINO", "theirs / ours", "our error", "their error"], rows),
                    f"Geometric mean {geomean(ratios):.2f}.\n"]
    if len(o.threads) > 1:
        first, last = o.threads[0], o.threads[-1]
        speed_up = lambda m, r: (a / b if (a := figure(m, r, first, "ms")) and (b := figure(m, r, last, "ms")) else None)
        out += [f"## Threads: time with {first} over time with {last}\n", table(["model", "portfire", *peers], [[m] + [show(speed_up(m, r)) for r in ["portfire", *peers]] for m in o.models])]
    first = o.threads[0]
    out += ["## Load and first answer: ms\n", table(["model", "portfire", *peers], [[m] + [show(figure(m, r, first, "first_ms"), 1) for r in ["portfire", *peers]] for m in o.models]),
            "## Peak memory of one inference: MiB\n",
            "Ours: the whole process. Theirs: what the process took beyond Python and the imported library.\n",
            table(["model", "portfire", *peers], [[m] + [show(figure(m, r, first, "own_mib"), 0) for r in ["portfire", *peers]] for m in o.models]),
            "## Compiling: s, and error against PyTorch\n",
            table(["model", "compile s", "error"], [[m, show(figure(m, "portfire", first, "compile_s")), f"{figure(m, 'portfire', first, 'error') or float('nan'):.1e}"] for m in o.models])]
    svg = chart.ratio_chart(f"f32, {first} thread, {machine.ISA}", o.models, peers,
                            lambda m, r: (t / u if (t := figure(m, r, first, "ms")) and (u := figure(m, "portfire", first, "ms")) else None))
    return "\n".join(out), svg


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=1)
    parser.add_argument("--only", default="")
    parser.add_argument("--threads", default="1,2")
    parser.add_argument("--binary", default="build/release/portfire")
    parser.add_argument("--docs", type=pathlib.Path, default=pathlib.Path("docs"))
    o = parser.parse_args()
    o.threads = [int(t) for t in o.threads.split(",")]
    o.models = o.only.split(",") if o.only else sorted(f.stem for f in o.folder.glob("*.onnx"))
    bf16 = ["portfire_bf16", BF16_PEER] if "avx512_bf16" in machine.FLAGS or "amx_bf16" in machine.FLAGS else []
    runtimes = ["portfire", *PEERS, *bf16]
    text, svg = text_of(o, measure(o, runtimes), runtimes)
    (o.docs / "benchmarks.md").write_text(text)
    (o.docs / "benchmarks.svg").write_text(svg)
    print(text)


main()
