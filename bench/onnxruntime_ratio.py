"""Latency beside ONNX Runtime: the two take turns, each round a fresh process. Prints a Markdown table.

Usage: onnxruntime_ratio.py FOLDER [--threads 1] [--rounds 5] [--seconds 1.5] [--only NAME,NAME] [--binary build/release/portfire]
FOLDER comes from models.py --onnx. A figure is the median over rounds of each round's median, of the call alone.
"""
import argparse, json, pathlib, statistics, subprocess, sys, tempfile, time


def onnxruntime_ms(model, inputs, threads, seconds):
    import numpy as np
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    feed = {i.name: np.load(x) for i, x in zip(session.get_inputs(), inputs)}
    times, end = [], time.perf_counter() + seconds
    while len(times) < 5 or time.perf_counter() < end:
        start = time.perf_counter()
        session.run(None, feed)
        times.append((time.perf_counter() - start) * 1e3)
    return statistics.median(times[2:])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1.5)
    parser.add_argument("--only", default="")
    parser.add_argument("--binary", default="build/release/portfire")
    parser.add_argument("--one", nargs="+", help=argparse.SUPPRESS)  # MODEL INPUT...: this process is ONNX Runtime's turn
    o = parser.parse_args()
    if o.one:
        return print(onnxruntime_ms(o.one[0], o.one[1:], o.threads, o.seconds))

    def output(words):
        return subprocess.run([str(w) for w in words], check=True, capture_output=True, text=True).stdout

    print(f"| model, {o.threads} thread{'s' * (o.threads > 1)} | portfire ms | ONNX Runtime ms | theirs / ours | compile s | load ms | arena KiB | peak MiB |")
    print("|---|---|---|---|---|---|---|---|", flush=True)
    names = o.only.split(",") if o.only else sorted(f.stem for f in o.folder.glob("*.onnx"))
    with tempfile.TemporaryDirectory() as scratch:
        for name in names:
            program = pathlib.Path(scratch) / f"{name}.pte"
            start = time.perf_counter()
            output([o.binary, "compile", o.folder / f"{name}.pt2", "-o", program])
            compile_s = time.perf_counter() - start
            inputs = sorted(o.folder.glob(f"{name}.0.x*.npy"))
            ours, theirs = [], []
            for _ in range(o.rounds):
                words = [o.binary, "bench", program, "--threads", o.threads, "--seconds", o.seconds, "--json"]
                ours.append(json.loads(output(words + [w for x in inputs for w in ("--input", x)])))
                theirs.append(float(output([sys.executable, __file__, o.folder, "--threads", o.threads, "--seconds", o.seconds,
                                            "--one", o.folder / f"{name}.onnx", *inputs])))
            mine, other = statistics.median(r["median_ms"] for r in ours), statistics.median(theirs)
            load = statistics.median(r["load_ms"] for r in ours)
            print(f"| {name} | {mine:.2f} | {other:.2f} | {other / mine:.2f} | {compile_s:.2f} | {load:.2f} | "
                  f"{ours[0]['arena_mib'] * 1024:.0f} | {ours[0]['peak_rss_mib']:.0f} |", flush=True)


main()
