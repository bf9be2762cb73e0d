"""Our programs in ExecuTorch's runtime. Usage: their_runtime.py FOLDER... [--only SUBSTR] [--sample N] [--flags FLAG ...] [--verbose]

Compiles each case of the folders (CASES.txt, see module_cases.py) with --target executorch, runs it there, and prints how many were right,
refused when compiled (by reason), failed to load or to run, and wrong. Exits 1 where any failed or was wrong. --sample N takes every N-th, by a hash of its name.

The runtime lives in another process (`--worker`), which forks for each program, since one may end it. It takes a line of JSON for each,
{"program": path, "calls": [[path of an input, ...], ...]}, and answers {"answers": [[path, ...], ...]} or {"failed": where and why}.
"""
import argparse
import collections
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile

import numpy as np
import sample

ROOT = pathlib.Path(__file__).parents[2]
BINARY = os.environ.get("PORTFIRE_BINARY", str(ROOT / "build/release/portfire"))
SECONDS = 120  # for a compile, and for the calls of a program: portable kernels are slow


# --- the worker ---


def types():
    """ExecuTorch's scalar types, by number."""
    import torch

    return {0: torch.uint8, 1: torch.int8, 2: torch.int16, 3: torch.int32, 4: torch.int64, 5: torch.float16, 6: torch.float32, 7: torch.float64, 11: torch.bool, 15: torch.bfloat16}


def taken(meta, k, path):
    """The input as the program takes it: files of bf16 hold f32, and numbers lie in files of rank 0."""
    import torch

    array = np.load(path)
    value = torch.from_numpy(array) if array.size else torch.empty(array.shape, dtype=torch.from_numpy(array).dtype)
    try:
        info = meta.input_tensor_meta(k)
    except Exception:  # no tensor
        return value.item()
    return value.to(types()[info.dtype()])


def saved(path, value):
    import torch

    value = torch.as_tensor(value, dtype=torch.float64) if isinstance(value, float) else torch.as_tensor(value)
    np.save(path, (value.float() if value.dtype == torch.bfloat16 else value).numpy())
    return path


def run(program, calls, folder):
    from executorch.extension.pybindings.portable_lib import _load_for_executorch_from_buffer

    try:
        module = _load_for_executorch_from_buffer(program)
        meta = module.method_meta("forward")
    except Exception as e:
        return {"failed": f"load: {e}"}
    answers = []
    for k, call in enumerate(calls):
        try:
            results = module.forward([taken(meta, i, path) for i, path in enumerate(call)])
        except Exception as e:
            return {"failed": f"call {k}: {e}"}
        answers.append([saved(f"{folder}/{k}.{i}.npy", value) for i, value in enumerate(results) if value is not None])
    return {"answers": answers}


def work():
    import torch
    from executorch.extension.pybindings import portable_lib  # noqa: F401

    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # the runtime's messages go to stdout
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        answer = pathlib.Path(folder) / "answer.json"
        for line in sys.stdin:
            task = json.loads(line)
            answer.unlink(missing_ok=True)
            child = os.fork()
            if child == 0:
                signal.alarm(SECONDS)
                answer.write_text(json.dumps(run(pathlib.Path(task["program"]).read_bytes(), task["calls"], folder)))
                os._exit(0)
            status = os.waitpid(child, 0)[1]
            print(answer.read_text() if status == 0 else json.dumps({"failed": f"the process ended with status {status}"}), file=out, flush=True)


# --- who gives it work ---


class Runtime:
    """A worker, from the first program on."""

    def __init__(self):
        self.process, self.log = None, tempfile.TemporaryFile("w+")

    def run(self, program, calls):
        """The worker's answer. What the runtime said comes after "failed"."""
        if self.process is None:
            self.process = subprocess.Popen([sys.executable, __file__, "--worker"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.log, text=True)
        start = self.log.seek(0, os.SEEK_END)
        self.process.stdin.write(json.dumps({"program": str(program), "calls": calls}) + "\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        if "failed" in answer:
            self.log.seek(start)
            answer["failed"] += "\n" + self.log.read()
        return answer

    def close(self):
        if self.process:
            self.process.stdin.close()
            self.process.wait()
            self.process = None


def arrays(folder, name, call, letter):
    found = []
    while (path := folder / f"{name}.{call}.{letter}{len(found)}.npy").exists():
        found.append(str(path))
    return found


def difference(answer, right, tolerance):
    """None where `answer` is right: off by at most `tolerance` of the largest finite value, all else alike."""
    a, b = np.load(answer), np.load(right)
    if a.shape != b.shape:
        return f"is of shape {a.shape}, expected {b.shape}"
    kinds = {k: "number" for k in "biuf"}
    if kinds.get(a.dtype.kind) != kinds.get(b.dtype.kind) or (a.dtype != b.dtype and a.dtype.kind != b.dtype.kind):
        return f"is of {a.dtype}, expected {b.dtype}"
    a, b = a.astype(np.float64), b.astype(np.float64)
    finite = np.isfinite(b)
    if not np.array_equal(a[~finite], b[~finite], equal_nan=True):
        return "differs in what is not finite"
    off = np.abs(a[finite] - b[finite]).max(initial=0) if np.isfinite(a[finite]).all() else np.inf
    largest = max(1e-6, np.abs(b[finite]).max(initial=0))
    return f"is off by {off / largest:.3g}" if off > tolerance * largest else None


def verdict(runtime, folder, name, calls, tolerance, flags=(), exact=1e-5):
    """right, refused, failed or wrong, and why."""
    with tempfile.TemporaryDirectory() as scratch:
        program = pathlib.Path(scratch) / "program.pte"
        words = [BINARY, "compile", str(folder / f"{name}.pt2"), "-o", str(program), "--target", "executorch", *flags]
        try:
            done = subprocess.run(words, capture_output=True, text=True, timeout=SECONDS)
        except subprocess.TimeoutExpired:
            return "failed", f"compile: not done after {SECONDS} s"
        if done.returncode == 3:
            return "refused", done.stderr.strip()
        if done.returncode:
            return "failed", f"compile: {done.returncode} {done.stderr}"
        answer = runtime.run(program, [arrays(folder, name, k, "x") for k in range(calls)])
    if "failed" in answer:
        return "failed", answer["failed"]
    # Only types of 16 bits need more than `exact`.
    tolerance = tolerance if tolerance > 1e-3 else exact
    for k, results in enumerate(answer["answers"]):
        rights = arrays(folder, name, k, "y")
        if len(results) != len(rights):
            return "wrong", f"call {k} gave {len(results)} results, expected {len(rights)}"
        for i, (result, right) in enumerate(zip(results, rights)):
            if why := difference(result, right, tolerance):
                return "wrong", f"call {k}, result {i} {why}"
    return "right", ""


def cases(folders, only="", every=1):
    for folder in folders:
        for line in (folder / "CASES.txt").read_text().splitlines():
            name, calls, *tolerance = line.split("\t")
            if only in name and sample.taken(name, every):
                yield folder, name, int(calls), float(tolerance[0]) if tolerance else 1e-3


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("folders", nargs="*", type=pathlib.Path)
    p.add_argument("--only", default="")
    p.add_argument("--sample", type=int, default=1)
    p.add_argument("--flags", nargs="*", default=[])
    p.add_argument("--exact", type=float, default=1e-5)
    p.add_argument("--verbose", action="store_true")
    p.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    o = p.parse_args()
    if o.worker:
        return work()
    runtime, counts, reasons = Runtime(), collections.Counter(), collections.Counter()
    for folder, name, *rest in cases(o.folders, o.only, o.sample):
        kind, why = verdict(runtime, folder, name, *rest, o.flags, o.exact)
        counts[kind] += 1
        if kind == "refused":
            reasons[re.sub(r"\(at .*|%\S+|^(\S+: )*?\S+\.pt2: ", "", why).strip()] += 1
        if kind in ("failed", "wrong") or o.verbose:
            print(f"{kind}\t{name}\t{why if o.verbose else ' '.join(why.split())[:400]}", flush=True)
    runtime.close()
    print(*(f"{n:6d}  {kind}" for kind, n in counts.most_common()), sep="\n")
    print("refused:", *(f"{n:6d}  {why}" for why, n in reasons.most_common()), sep="\n")
    return 1 if counts["failed"] or counts["wrong"] else 0


if __name__ == "__main__":
    sys.exit(main())
