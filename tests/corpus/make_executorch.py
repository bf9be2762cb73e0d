"""Write the corpus's programs that ExecuTorch made: seeds for fuzzing, and tests that need neither it nor PyTorch.

Usage: make_executorch.py [DIR]    DIR defaults to this folder. Needs torch 2.13 and executorch 1.4.1.

external.pte, external.ptd   a method that gives two weights that lie in the data file, and constant methods
linear.bpte                  a program with three test sets, the last of which has no answers
executorch/portable-llm-*    decoders of tests/torch/test_quantized_programs.py, with the answers of ExecuTorch's runtime, and the rows of
                             a mask that stand at positions which the call gives, as a decoder without a cache operator takes them
"""

import pathlib
import sys
import warnings

import numpy as np
import torch
from executorch.devtools import BundledProgram
from executorch.devtools.bundled_program.config import MethodTestCase, MethodTestSuite
from executorch.devtools.bundled_program.serialize import serialize_from_bundled_program_to_flatbuffer
from executorch.exir import ExecutorchBackendConfig, to_edge

HERE = pathlib.Path(__file__).parent


class Weights(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.w = torch.nn.Parameter(torch.arange(6.0).reshape(2, 3))
        self.v = torch.nn.Parameter(torch.arange(3.0) - 1)

    def forward(self):
        return self.w, self.v


def external(folder):
    constants = {"width": 3, "rate": 2.5, "flag": True, "about": "two weights", "sizes": [1, 2, 3], "table": torch.eye(2)}
    program = to_edge(torch.export.export(Weights(), ()), constant_methods=constants).to_executorch(
        ExecutorchBackendConfig(external_constants=lambda node: "external"))
    (folder / "external.pte").write_bytes(program.buffer)
    program.write_tensor_data_to_file(str(folder))


def bundle(folder):
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.ReLU())
    inputs = [torch.randn(2, 4) for _ in range(3)]
    program = to_edge(torch.export.export(model, (inputs[0],))).to_executorch()
    with torch.no_grad():
        sets = [MethodTestCase((x,), (model(x),) if k < 2 else None) for k, x in enumerate(inputs)]
    bundled = BundledProgram(program, [MethodTestSuite("forward", sets)])
    (folder / "linear.bpte").write_bytes(serialize_from_bundled_program_to_flatbuffer(bundled))


class MaskRows(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("mask", torch.full((8, 8), -1e4).triu(1))

    def forward(self, x, positions):
        start = positions[0].item()
        torch._check(start >= 0)
        torch._check(start + x.shape[0] <= 8)
        return x + self.mask.narrow(0, start, x.shape[0])


def mask_rows(folder):
    torch.manual_seed(0)
    n = torch.export.Dim("n", min=1, max=7)
    calls = [(torch.randn(b - a, 8), torch.arange(a, b)) for a, b in ((0, 5), (5, 6), (6, 8))]
    program = torch.export.export(MaskRows(), calls[0], strict=True, dynamic_shapes=({0: n}, {0: n}))
    base = folder / "portable-llm-mask_rows"
    pathlib.Path(f"{base}.pte").write_bytes(to_edge(program).to_executorch().buffer)
    for k, (x, positions) in enumerate(calls):
        np.save(f"{base}.{k}.x0.npy", x.numpy())
        np.save(f"{base}.{k}.x1.npy", positions.numpy())
        np.save(f"{base}.{k}.y0.npy", MaskRows()(x, positions).numpy())


def decoders(folder):
    sys.path.insert(0, str(HERE.parent / "torch"))
    import test_quantized_programs as programs

    n, ids = torch.export.Dim("n", min=1, max=15), torch.arange(10).reshape(1, 10) * 7 % 20
    calls = [(ids[:, a:b].contiguous(), torch.arange(a, b)) for a, b in ((0, 5), (5, 6), (6, 10))]
    for cache in ("quantized", "attention"):
        torch.manual_seed(0)
        program = programs.exported(programs.Decoder(cache, width=32), calls[0], strict=True, dynamic_shapes=({1: n}, {0: n}))
        data = programs.lowered(program)
        base = folder / f"portable-llm-{cache}_cache"
        pathlib.Path(f"{base}.pte").write_bytes(data)
        for k, (call, answers) in enumerate(zip(calls, programs.theirs(data, calls), strict=True)):
            for letter, tensors in (("x", call), ("y", answers)):
                for i, t in enumerate(tensors):
                    np.save(f"{base}.{k}.{letter}{i}.npy", t.numpy())


if __name__ == "__main__":
    warnings.filterwarnings("ignore")
    to = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else HERE
    external(to)
    bundle(to)
    (to / "executorch").mkdir(exist_ok=True)
    mask_rows(to / "executorch")
    decoders(to / "executorch")
