"""How far bf16 is from f32, ours and OpenVINO's: over random inputs, the largest difference from PyTorch's f32 answer as a
share of its largest value. One input says little where a model has two outputs.

Usage: precision.py FOLDER [--inputs 12] [--only MODEL,...] [--binary build/release/portfire]    FOLDER comes from models.py --onnx
"""
import argparse, math, pathlib, subprocess, tempfile, warnings

warnings.filterwarnings("ignore")
import numpy as np
import openvino
import torch


def random_like(x, rng):
    """Numbers as in x: normal ones, or indices up to its largest; masks stay."""
    if x.dtype.kind == "f":
        return rng.standard_normal(x.shape).astype(x.dtype)
    return x if x.max() <= 1 else rng.integers(0, int(x.max()) + 1, x.shape).astype(x.dtype)


def our_error(o, program, inputs, expected, scratch):
    words = [o.binary, "run", program, "--tolerance", "inf"]
    for i, x in enumerate(inputs):
        np.save(scratch / f"x{i}.npy", x)
        words += ["--input", scratch / f"x{i}.npy"]
    np.save(scratch / "y.npy", expected)
    done = subprocess.run([*words, "--expect", scratch / "y.npy"], capture_output=True, text=True)
    return float(done.stdout.split("relative ")[1].split()[0])


def measure(o, model, scratch):
    program = scratch / "program.pte"
    subprocess.run([o.binary, "compile", o.folder / f"{model}.pt2", "-o", program, "--precision", "bf16"], check=True, capture_output=True)
    module = torch.export.load(o.folder / f"{model}.pt2").module()
    core = openvino.Core()
    theirs = core.compile_model(core.read_model(o.folder / f"{model}.onnx"), "CPU", {"INFERENCE_PRECISION_HINT": "bf16"})
    given, rng, errors = [np.load(p) for p in sorted(o.folder.glob(f"{model}.0.x*.npy"))], np.random.default_rng(3), []
    for _ in range(o.inputs):
        inputs = [random_like(x, rng) for x in given]
        y = module(*map(torch.from_numpy, inputs))
        y = (y[0] if isinstance(y, (tuple, list)) else y).detach().numpy()
        answer = next(iter(theirs(inputs).values()))
        errors.append((our_error(o, program, inputs, y, scratch), float(np.abs(answer - y).max() / np.abs(y).max())))
    return errors


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--inputs", type=int, default=12)
    parser.add_argument("--only", default="")
    parser.add_argument("--binary", default="build/release/portfire")
    o = parser.parse_args()
    models = o.only.split(",") if o.only else sorted(p.stem for p in o.folder.glob("*.onnx"))
    print("| model | ours, root mean square | largest | OpenVINO's | largest |\n|---|---|---|---|---|")
    for model in models:
        with tempfile.TemporaryDirectory() as scratch:
            columns = list(zip(*measure(o, model, pathlib.Path(scratch))))
        figures = [f(c) for c in columns for f in (lambda c: math.sqrt(sum(e * e for e in c) / len(c)), max)]
        print(f"| {model} | " + " | ".join(f"{e:.1e}" for e in figures) + " |", flush=True)


main()
