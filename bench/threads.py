"""One thread against several, on a quiet machine and beside a busy neighbour. Usage: threads.py MODEL.pte... [--threads 2]

Prints a Markdown table of median times, a fresh process for each figure, the four kinds in turn, medians over rounds. The
neighbour is a process that never rests, pinned to the last core. Inputs NAME.0.xI.npy beside a program are used.
"speed-up" is one thread / several on the quiet machine, "beside a neighbour" the same ratio with it running (one thread has
a core to itself then: below 1 the threads do harm), and "worst" is the 99th percentile beside the neighbour by one thread's
median.
"""
import argparse, contextlib, json, os, pathlib, statistics, subprocess, sys, time


@contextlib.contextmanager
def neighbour(there):
    process = None
    if there:
        core = max(os.sched_getaffinity(0))
        process = subprocess.Popen([sys.executable, "-c", f"import os; os.sched_setaffinity(0, {{{core}}})\nwhile True: pass"])
        time.sleep(0.2)
    yield
    if process:
        process.kill()
        process.wait()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("models", nargs="+", type=pathlib.Path)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1)
    parser.add_argument("--binary", default="build/release/portfire")
    o = parser.parse_args()

    def bench(model, threads, busy):
        name = model.name.split(".")[0]
        inputs = [w for x in sorted(model.parent.glob(f"{name}.0.x*.npy")) for w in ("--input", x)]
        with neighbour(busy):
            words = [o.binary, "bench", model, *inputs, "--threads", threads, "--seconds", o.seconds, "--json"]
            return json.loads(subprocess.run([str(w) for w in words], check=True, capture_output=True, text=True).stdout)

    print(f"| model | 1 thread ms | {o.threads} threads ms | speed-up | 1 thread, neighbour ms | {o.threads} threads, neighbour ms | "
          "beside a neighbour | worst |\n|---|---|---|---|---|---|---|---|", flush=True)
    kinds = [(1, False), (o.threads, False), (1, True), (o.threads, True)]
    for model in o.models:
        runs = {kind: [] for kind in kinds}
        for _ in range(o.rounds):
            for kind in kinds:
                runs[kind].append(bench(model, *kind))
        one, many, one_busy, many_busy = (statistics.median(r["median_ms"] for r in runs[kind]) for kind in kinds)
        worst = statistics.median(r["p99_ms"] for r in runs[kinds[3]])
        print(f"| {model.stem} | {one:.3f} | {many:.3f} | {one / many:.2f} | {one_busy:.3f} | {many_busy:.3f} | {one_busy / many_busy:.2f} | "
              f"{worst / one:.2f} |", flush=True)


main()
