"""Every operator beside PyTorch eager, one thread each: writes the table docs/operator_speed.md.

Usage: sweep.py [--only SUBSTR,SUBSTR] [--again] [--slow RATIO] [--part 1/4] [--archives] [--seconds 0.1]
One-operator modules (sweep_cases.py) are exported once into build/sweep, compiled, checked against PyTorch's answer, then the
two take turns twice; a figure is the lesser of the two turns' medians. Results are kept in build/sweep/results.json: a sweep
that stops goes on where it was, --only measures again what it names (the table keeps the others), --again measures all, --slow
what was below a ratio, --part every so-manieth of these. --archives exports and measures nothing: a machine that is quiet for a
minute only need not wait for that.
"""
import argparse, datetime, hashlib, json, logging, os, pathlib, statistics, subprocess, sys, time, warnings

warnings.filterwarnings("ignore")
import numpy as np
import torch

logging.disable(logging.WARNING)
sys.path.insert(0, str(pathlib.Path(__file__).parent))
import machine
from sweep_cases import BF16, CASES, F16, NAMES

ROOT = pathlib.Path(__file__).parents[1]
CACHE, TABLE = ROOT / "build/sweep", ROOT / "docs/operator_speed.md"
TOLERANCE = {"f64": 1e-6, "f32": 2e-4, "f16": 6e-3, "bf16": 4e-2}  # relative to the largest value


class Module(torch.nn.Module):
    def __init__(self, f):
        super().__init__()
        self.f = f

    def forward(self, *inputs):
        return self.f(*inputs)


def output(words):
    done = subprocess.run([str(w) for w in words], capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(done.stderr.strip().splitlines()[-1] if done.stderr.strip() else f"exit {done.returncode}")
    return done.stdout


def save(path, t):
    np.save(path, (t.float() if t.dtype == BF16 else t).numpy())


def median_ms(f, seconds):
    f()
    times, end = [], time.perf_counter() + seconds
    while len(times) < 5 or time.perf_counter() < end:
        start = time.perf_counter()
        f()
        times.append((time.perf_counter() - start) * 1e3)
    return statistics.median(times)


def archive_of(case, dtype, size, o):
    """Where the exported module lies, with its inputs and itself."""
    torch.manual_seed(size)
    inputs, module = case.make(dtype, size), Module(case.f).eval()
    name = hashlib.sha1(f"{case.name} {NAMES[dtype]} {size}".encode()).hexdigest()[:12]
    archive = CACHE / f"{name}.pt2"
    if not archive.exists() or o.export:
        torch.export.save(torch.export.export(module, inputs), CACHE / "new.pt2")
        (CACHE / "new.pt2").rename(archive)
    return archive, inputs, module


def measure(case, dtype, size, o):
    archive, inputs, module = archive_of(case, dtype, size, o)
    program = archive.with_suffix(".pte")
    output([o.binary, "compile", archive, "-o", program])
    answers = module(*inputs)
    answers = list(answers) if isinstance(answers, (tuple, list)) else [answers]
    files = [CACHE / f"in{i}.npy" for i in range(len(inputs))], [CACHE / f"out{i}.npy" for i in range(len(answers))]
    for file, t in zip(files[0] + files[1], list(inputs) + answers):
        save(file, t)
    words = [w for f in files[0] for w in ("--input", f)]
    # Sums of many f16 or bf16 numbers have no other tolerance than their operands.
    floats = [NAMES[t.dtype] for t in list(inputs) + answers if NAMES.get(t.dtype) in TOLERANCE]
    tolerance = max((TOLERANCE[f] for f in floats), default=0)
    agrees = ""
    try:
        output([o.binary, "run", program, *words, "--tolerance", tolerance] + [w for f in files[1] for w in ("--expect", f)])
    except RuntimeError as e:
        agrees = str(e)
    ours, theirs = [], []
    for _ in range(2):
        ours.append(json.loads(output([o.binary, "bench", program, "--threads", 1, "--seconds", o.seconds, "--json", *words]))["median_ms"])
        theirs.append(median_ms(lambda: module(*inputs), o.seconds))
    program.unlink()
    return {"ours": min(ours), "torch": min(theirs), "differs": agrees}


def write_table(results):
    rows = [(r["torch"] / r["ours"], key.split("|"), r) for key, r in results.items() if "ours" in r]
    rows.sort(key=lambda row: row[0])
    failed = {k: r["error"] for k, r in results.items() if "error" in r}
    ratios = np.array([r[0] for r in rows])
    text = [
        "# Operators beside PyTorch", "",
        "Made by `bench/sweep.py`; do not edit. One-operator programs against PyTorch eager, one thread each, in turns;",
        "elements are those of the operands, about. A ratio above 1 says that ours is faster.", "",
        f"- {len(rows)} cases of {len(CASES)} operators: geometric mean of torch / ours **{np.exp(np.log(ratios).mean()):.2f}**;"
        f" slower than 2x: **{int((ratios < 0.5).sum())}**; slower at all: {int((ratios < 1).sum())}",
        f"- {machine.CPU} ({machine.ISA}), PyTorch {torch.__version__}, {datetime.date.today()}",
        f"- answers that differ from PyTorch's: {sum(bool(r['differs']) for _, _, r in rows)}; not measured: {len(failed)}", "",
        "| operator | dtype | elements | ours ms | torch ms | torch / ours |", "|---|---|---:|---:|---:|---:|"]
    for ratio, (name, dtype, size), r in rows:
        mark = " (differs)" if r["differs"] else ""
        text.append(f"| {name}{mark} | {dtype} | {size} | {r['ours']:.4g} | {r['torch']:.4g} | {ratio:.2f} |")
    TABLE.write_text("\n".join(text + [""]))
    return failed


@torch.no_grad()
def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--only", default="", help="parts of `name dtype size`")
    parser.add_argument("--again", action="store_true")
    parser.add_argument("--export", action="store_true", help="export anew")
    parser.add_argument("--slow", type=float, default=0, help="only what was below this ratio")
    parser.add_argument("--part", default="1/1", help="of what is to be measured")
    parser.add_argument("--archives", action="store_true", help="only export")
    parser.add_argument("--seconds", type=float, default=0.1)
    parser.add_argument("--binary", default=str(ROOT / "build/release/portfire"))
    o = parser.parse_args()
    torch.set_num_threads(1)
    CACHE.mkdir(parents=True, exist_ok=True)
    kept = CACHE / "results.json"
    before = json.loads(kept.read_text()) if kept.exists() else {}
    wanted, results = [w for w in o.only.split(",") if w], {}
    todo = []
    for case in CASES:
        for dtype, size in case.runs():
            key = f"{case.name}|{NAMES[dtype]}|{size}"
            old = before.get(key)
            if old:
                results[key] = old
            slow = old and (old["torch"] / old["ours"] < o.slow if "ours" in old else True)
            if o.slow and not slow:
                continue
            if any(w in key.replace("|", " ") for w in wanted) if wanted else (o.again or o.slow or not old):
                todo.append((key, case, dtype, size))
    part, parts = (int(p) for p in o.part.split("/"))
    todo = todo[part - 1 :: parts]
    if o.archives:
        for key, case, dtype, size in todo:
            try:
                archive_of(case, dtype, size, o)
            except Exception as e:
                print(f"{key}: {e}", file=sys.stderr)
        return
    for i, (key, case, dtype, size) in enumerate(todo):
        try:
            results[key] = measure(case, dtype, size, o)
            r = results[key]
            line = f"{r['torch'] / r['ours']:7.2f}  {r['ours']:.4g} {r['torch']:.4g} {r['differs']}"
        except Exception as e:
            results[key] = {"error": str(e).splitlines()[0] if str(e) else type(e).__name__}
            line = results[key]["error"]
        print(f"{i + 1}/{len(todo)} {key.replace('|', ' ')}: {line[:200]}", file=sys.stderr, flush=True)
        if i % 20 == 0 or i + 1 == len(todo):
            kept.write_text(json.dumps(results))
    for key, why in write_table(results).items():
        print(f"{key}: {why[:150]}", file=sys.stderr)


main()
