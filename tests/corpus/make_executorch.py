"""Write the corpus's programs that ExecuTorch made: seeds for fuzzing, and tests that need neither it nor PyTorch.

Usage: make_executorch.py [DIR]    DIR defaults to this folder. Needs torch 2.13 and executorch 1.4.1.

external.pte, external.ptd   a method that gives two weights that lie in the data file, and constant methods
linear.bpte                  a program with three test sets, the last of which has no answers
"""

import pathlib
import sys
import warnings

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


if __name__ == "__main__":
    warnings.filterwarnings("ignore")
    to = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else HERE
    external(to)
    bundle(to)
