"""What a call costs where the arithmetic costs nothing: chains of operators on 4 numbers, and a 64-128-10 MLP at batch 1.

Usage: small.py [--binary build/release/portfire]    needs torch, onnxruntime, onnx, onnxscript; builds portfire_call_times
Prints a Markdown table; for chains the time is also given for each operator. All on one thread but where it says two.
"""
import argparse, json, logging, pathlib, statistics, subprocess, tempfile, time, warnings

warnings.filterwarnings("ignore")
logging.disable(logging.WARNING)
import torch

LENGTH = 1000


class Adds(torch.nn.Module):
    """Each sum serves two others: the fuser leaves each an instruction of its own."""

    def forward(self, x, y):
        for _ in range(LENGTH // 2):
            x, y = x + y, x - y
        return x, y


class Others(torch.nn.Module):
    """A kernel and a reference by turns."""

    def forward(self, x):
        for i in range(LENGTH):
            x = x.cumsum(0) if i % 2 else x.flip(0)
        return x


def median_us(call, seconds=1.0):
    for _ in range(10):
        call()
    times, end = [], time.perf_counter() + seconds
    while time.perf_counter() < end:
        start = time.perf_counter()
        call()
        times.append((time.perf_counter() - start) * 1e6)
    return statistics.median(times)


def onnxruntime_us(model, inputs, folder):
    import numpy, onnxruntime

    path = folder / "model.onnx"
    torch.onnx.export(model, inputs, path, dynamo=True, optimize=False, verbose=False)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    feed = {i.name: x.numpy() for i, x in zip(session.get_inputs(), inputs)}
    return median_us(lambda: session.run(None, feed))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--binary", type=pathlib.Path, default=pathlib.Path("build/release/portfire"))
    parser.add_argument("--ours", action="store_true", help="leave out the comparisons")
    o = parser.parse_args()
    torch.manual_seed(0)
    torch.set_num_threads(1)
    subprocess.run(["cmake", "--build", o.binary.parent, "--target", "portfire_call_times"], check=True, stdout=subprocess.DEVNULL)
    mlp = torch.nn.Sequential(torch.nn.Linear(64, 128), torch.nn.ReLU(), torch.nn.Linear(128, 10))
    models = {
        "1000 adds": (Adds(), (torch.randn(4), torch.randn(4)), LENGTH),
        "1000 flips and cumsums": (Others(), (torch.randn(4),), LENGTH),
        "64-128-10 MLP": (mlp, (torch.randn(1, 64),), 0),
    }
    print("| model | Module::forward us | 2 threads | Method us | execute alone us | torch eager us | ONNX Runtime us |\n|---|---|---|---|---|---|---|")
    for name, (model, inputs, count) in models.items():
        with tempfile.TemporaryDirectory() as scratch, torch.inference_mode():
            folder = pathlib.Path(scratch)
            archive, program = folder / "model.pt2", folder / "model.pte"
            torch.export.save(torch.export.export(model.eval(), inputs), archive)
            subprocess.run([o.binary, "compile", archive, "-o", program], check=True)
            lines = subprocess.run([o.binary.parent / "portfire_call_times", program], check=True, capture_output=True, text=True).stdout
            one, two = map(json.loads, lines.splitlines())
            ours = [one["module_ns"], two["module_ns"], one["method_ns"], one["execute_ns"]]
            theirs = [] if o.ours else [median_us(lambda: model(*inputs)) * 1e3, onnxruntime_us(model, inputs, folder) * 1e3]

            def text(ns):
                return f"{ns / 1e3:.2f}" + (f" ({ns / one['instructions']:.0f} ns each of {one['instructions']})" if count else "")

            print(f"| {name} | " + " | ".join(map(text, ours + theirs)) + " |", flush=True)


main()
