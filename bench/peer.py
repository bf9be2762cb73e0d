"""One turn of another runtime in a process of its own. Prints a JSON object: ms (median of the calls), first_ms (load and
first answer, the library already imported), own_mib (peak memory over what the process held before it loaded the model:
without Python and the library), all_mib, error (largest difference over the largest value).

Usage: peer.py RUNTIME FOLDER MODEL THREADS SECONDS    RUNTIME: eager, onnxruntime, openvino (its default precision),
openvino_f32, executorch. FOLDER comes from models.py.
"""

import json, os, pathlib, statistics, sys, time, warnings

warnings.filterwarnings("ignore")


def eager(folder, model, inputs, threads):
    import torch

    torch.set_num_threads(threads)
    tensors = [torch.from_numpy(x) for x in inputs]

    def load():
        module = torch.export.load(folder / f"{model}.pt2").module()
        with torch.no_grad():
            module(*tensors)

        def call():
            with torch.no_grad():
                return module(*tensors).numpy()

        return call

    return load


def onnxruntime(folder, model, inputs, threads):
    import onnxruntime

    def load():
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
        session = onnxruntime.InferenceSession(folder / f"{model}.onnx", options, providers=["CPUExecutionProvider"])
        feed = {i.name: x for i, x in zip(session.get_inputs(), inputs)}
        return lambda: session.run(None, feed)[0]

    return load


def openvino(folder, model, inputs, threads, precision=None):
    import openvino

    def load():
        config = {"INFERENCE_NUM_THREADS": threads, "NUM_STREAMS": 1, "PERFORMANCE_HINT": "LATENCY"}
        if precision:
            config["INFERENCE_PRECISION_HINT"] = precision
        compiled = openvino.Core().compile_model(folder / f"{model}.onnx", "CPU", config)
        request = compiled.create_infer_request()
        return lambda: request.infer(inputs)[compiled.output(0)]

    return load


def openvino_f32(*args):
    return openvino(*args, precision="f32")


def executorch(folder, model, inputs, threads):
    import torch
    from executorch.extension.pybindings import portable_lib

    tensors = [torch.from_numpy(x) for x in inputs]

    def load():
        portable_lib._unsafe_reset_threadpool(threads)
        module = portable_lib._load_for_executorch(str(folder / f"{model}.executorch.pte"))
        return lambda: module.forward(tensors)[0].numpy()

    return load


RUNTIMES = {f.__name__: f for f in (eager, onnxruntime, openvino, openvino_f32, executorch)}


def memory_mib(name):
    """VmRSS (now) or VmHWM (the most so far) of this process."""
    with open("/proc/self/status") as f:
        return next(int(line.split()[1]) for line in f if line.startswith(name)) / 1024


def main():
    runtime, folder, model, threads, seconds = sys.argv[1:]
    os.environ["OMP_NUM_THREADS"] = os.environ["MKL_NUM_THREADS"] = threads
    import numpy as np

    folder = pathlib.Path(folder)
    inputs = [np.load(x) for x in sorted(folder.glob(f"{model}.0.x*.npy"))]
    expected = np.load(folder / f"{model}.0.y0.npy")
    load = RUNTIMES[runtime](folder, model, inputs, int(threads))
    with open("/proc/self/clear_refs", "w") as f:
        f.write("5")  # the peak begins anew
    before = memory_mib("VmRSS")
    start = time.perf_counter()
    call = load()
    answer = call()
    first = time.perf_counter() - start
    peak = memory_mib("VmHWM")
    error = np.abs(answer.astype("f8") - expected).max() / np.abs(expected).max()
    times, end = [], time.perf_counter() + float(seconds)
    while len(times) < 5 or time.perf_counter() < end:
        start = time.perf_counter()
        call()
        times.append((time.perf_counter() - start) * 1e3)
    print(json.dumps({"ms": statistics.median(times[1:]), "first_ms": first * 1e3, "own_mib": peak - before, "all_mib": peak, "error": float(error)}))


main()
