"""ExecuTorch's programs, recompiled, beside those of the same models' `.pt2`: time by one thread, size, and how long compiling took.

Usage: recompiled.py FOLDER [--rounds N] [--only NAME,NAME]    FOLDER as `models.py FOLDER --executorch` writes it

The programs take turns, N times each; printed are the best and the median of the medians, and both over those of the `.pt2`.
"""
import argparse
import json
import pathlib
import statistics
import subprocess
import tempfile
import time

BINARY = pathlib.Path(__file__).parents[1] / "build/release/portfire"
SOURCES = {"pt2": ".pt2", "portable": ".portable.pte", "xnnpack": ".executorch.pte"}


def compiled(source, program):
    start = time.time()
    subprocess.run([BINARY, "compile", source, "-o", program], check=True)
    return time.time() - start


def median_ms(program):
    done = subprocess.run([BINARY, "bench", program, "--threads", "1", "--json"], check=True, capture_output=True, text=True)
    return json.loads(done.stdout)["median_ms"]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only")
    o = parser.parse_args()
    names = o.only.split(",") if o.only else sorted(f.stem for f in o.folder.glob("*.pt2"))
    with tempfile.TemporaryDirectory() as folder:
        for name in names:
            programs = {kind: pathlib.Path(folder) / f"{name}.{kind}.pte" for kind in SOURCES}
            seconds = {kind: compiled(o.folder / (name + end), programs[kind]) for kind, end in SOURCES.items()}
            times = {kind: [] for kind in SOURCES}
            for _ in range(o.rounds):
                for kind, program in programs.items():
                    times[kind].append(median_ms(program))
            best, middle = min(times["pt2"]), statistics.median(times["pt2"])
            for kind, program in programs.items():
                mine, median = min(times[kind]), statistics.median(times[kind])
                print(f"{name} {kind}: best {mine:.3f} ms ({mine / best:.2f}), median {median:.3f} ms ({median / middle:.2f}), "
                      f"{program.stat().st_size} bytes, compiled in {seconds[kind]:.2f} s", flush=True)


if __name__ == "__main__":
    main()
