"""What ExecuTorch writes beside a plain program, run here: weights in data files, state (shared by methods, with and without a beginning),
several arenas, constant methods, memory left to the caller, bundles. Skipped where the wheel `executorch` is not installed."""
import os
import pathlib
import subprocess
import warnings

import numpy as np
import pytest
import torch
from torch import nn

pytest.importorskip("executorch")
warnings.filterwarnings("ignore")
from executorch.exir import EdgeCompileConfig, ExecutorchBackendConfig, to_edge  # noqa: E402
from executorch.exir.passes import MemoryPlanningPass  # noqa: E402
from executorch.exir.passes.init_mutable_pass import InitializedMutableBufferPass  # noqa: E402

ROOT = pathlib.Path(__file__).parents[2]
BINARY = os.environ.get("PORTFIRE_BINARY", str(ROOT / "build/release/portfire"))


def portfire(*words, code=0):
    done = subprocess.run([BINARY, *map(str, words)], capture_output=True, text=True, timeout=120)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout if code in (0, 1) else done.stderr


def write(folder, methods, constants=None, **config):
    """The program of NAME: (module, inputs), and its data files beside it."""
    exported = {name: torch.export.export(module, inputs) for name, (module, inputs) in methods.items()}
    edge = to_edge(exported, constant_methods=constants, compile_config=EdgeCompileConfig(_check_ir_validity=False))
    program = edge.to_executorch(ExecutorchBackendConfig(**config))
    (folder / "model.pte").write_bytes(program.buffer)
    program.write_tensor_data_to_file(str(folder))
    return folder / "model.pte"


def save(folder, name, tensor):
    np.save(folder / name, tensor.detach().numpy())
    return folder / name


class Mlp(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(4, 3), nn.Linear(3, 2)
        self.register_buffer("scale", torch.full((2,), 2.0))

    def forward(self, x):
        return self.b(torch.relu(self.a(x))) * self.scale


def mlp(folder, **config):
    torch.manual_seed(0)
    model, x = Mlp(), torch.randn(2, 4)
    call = ["--input", save(folder, "x.npy", x), "--expect", save(folder, "y.npy", model(x))]
    return write(folder, {"forward": (model, (x,))}, **config), call


def test_all_weights_in_one_file(tmp_path):
    pte, call = mlp(tmp_path, external_constants=True)
    data = tmp_path / "_default_external_constant.ptd"
    assert "ok" in portfire("run", pte, "--data", data, *call)
    assert '"a.weight", f32[3,4], is outside of the program' in portfire("run", pte, *call, code=2)
    portfire("bench", pte, "--data", data, "--seconds", "0.01", "--threads", "1")
    portfire("profile", pte, "--data", data, "--seconds", "0.01", "--threads", "1")
    assert "a.weight : f32[3,4]" in portfire("inspect", pte, "--data", data)


def test_weights_by_tag(tmp_path):
    pte, call = mlp(tmp_path, external_constants=lambda n: "first" if "_a_" in n.name else "second" if "_b_" in n.name else None)
    files = ["--data", tmp_path / "first.ptd", "--data", tmp_path / "second.ptd"]
    assert "ok" in portfire("run", pte, *files, *call)
    message = portfire("run", pte, *files[:2], *call, code=2)
    assert '"b.weight", f32[2,3], is in no data file' in message and "first.ptd" in message
    assert "is in" in portfire("run", pte, *files, "--data", tmp_path / "first.ptd", *call, code=2)


def test_data_of_another_model(tmp_path):
    pte, call = mlp(tmp_path, external_constants=True)
    other = tmp_path / "other"
    other.mkdir()
    wide = nn.Sequential()
    wide.add_module("a", nn.Linear(5, 3))
    write(other, {"forward": (wide, (torch.randn(2, 5),))}, external_constants=True)
    message = portfire("run", pte, "--data", other / "_default_external_constant.ptd", *call, code=3)
    assert '"a.weight" is of another type (expected f32[3,4], got f32[3,5])' in message


class State(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("sum", torch.arange(3.0))
        self.register_buffer("calls", torch.zeros(1, dtype=torch.int64))
        self.register_buffer("one", torch.ones(1, dtype=torch.int64))


class Part(nn.Module):
    """One method of a model with state."""

    def __init__(self, model, kind):
        super().__init__()
        self.m, self.kind = model, kind

    def forward(self, *args):
        if self.kind == "add":
            self.m.sum.add_(args[0])
            self.m.calls.add_(self.m.one)
            return self.m.sum + self.m.sum
        if self.kind == "set":
            self.m.sum.copy_(args[0])
            return self.m.calls.clone()
        return self.m.sum.clone(), self.m.calls.clone()


def parts(names=("add", "get", "set")):
    model = State()
    return {n: (Part(model, n), () if n == "get" else (torch.ones(3),)) for n in names}


def run_app(folder, program, steps):
    """`steps`: (method, inputs, expected), as a bundle: methods by name, each with its calls in order, on one state."""
    from executorch.devtools import BundledProgram
    from executorch.devtools.bundled_program.config import MethodTestCase, MethodTestSuite
    from executorch.devtools.bundled_program.serialize import serialize_from_bundled_program_to_flatbuffer

    suites = {}
    for method, inputs, expected in steps:
        suites.setdefault(method, []).append(MethodTestCase(tuple(inputs), tuple(expected)))
    bundled = BundledProgram(None, [MethodTestSuite(m, cases) for m, cases in suites.items()], pte_file_path=str(program))
    (folder / "steps.bpte").write_bytes(serialize_from_bundled_program_to_flatbuffer(bundled))
    return portfire("verify", folder / "steps.bpte")


# A bundle runs methods by name: add twice, then get, then set. What is shared shows in "get".
@pytest.mark.parametrize("named", [False, True])
@pytest.mark.parametrize("initial", [False, True])
def test_methods_share_state(initial, named, tmp_path):
    passes = [InitializedMutableBufferPass(["sum"])] if initial else []
    pte = write(tmp_path, parts(), passes=passes, emit_mutable_buffer_names=named,
                memory_planning_pass=MemoryPlanningPass(share_mutable_buffers=True))
    begin = torch.arange(3.0) if initial else torch.zeros(3)
    x = torch.tensor([1.0, 2.0, 3.0])
    steps = [("add", [x], [2 * (begin + x)]), ("add", [x], [2 * (begin + 2 * x)]), ("get", [], [begin + 2 * x, torch.tensor([2])]),
             ("set", [x], [torch.tensor([2])])]
    assert "4 test sets, 0 differ" in run_app(tmp_path, pte, steps)
    portfire("compile", pte, "-o", tmp_path / "ours.pte")
    assert "4 test sets, 0 differ" in run_app(tmp_path, tmp_path / "ours.pte", steps)


@pytest.mark.parametrize("initial", [False, True])
def test_state_of_one_method(initial, tmp_path):
    passes = [InitializedMutableBufferPass(["sum"])] if initial else []
    pte = write(tmp_path, parts(), passes=passes)
    begin = torch.arange(3.0) if initial else torch.zeros(3)
    x = save(tmp_path, "x.npy", torch.ones(3))
    calls = []
    for k in (1, 2, 3):
        calls += ["--call", f"{x}={save(tmp_path, f'y{k}.npy', 2 * (begin + k))}"]
    assert portfire("run", pte, "--method", "add", *calls).count("ok") == 3


def test_state_that_is_not_planned(tmp_path):
    """Memory that ExecuTorch's caller would give: buffers by name, inputs and outputs."""
    planning = MemoryPlanningPass(alloc_mutable_buffers=False, alloc_graph_input=False, alloc_graph_output=False)
    pte = write(tmp_path, parts(["add"]), emit_mutable_buffer_names=True, memory_planning_pass=planning)
    x = save(tmp_path, "x.npy", torch.ones(3))
    calls = []
    for k in (1, 2):
        calls += ["--call", f"{x}={save(tmp_path, f'y{k}.npy', torch.full((3,), 2.0 * k))}"]
    assert portfire("run", pte, "--method", "add", *calls).count("ok") == 2


class SeveralArenas(MemoryPlanningPass):
    """Every second tensor that is planned lies in buffer 3."""

    def run(self, graph_module, graph_signature=None):
        for k, node in enumerate(graph_module.graph.nodes):
            spec = node.meta.get("spec")
            if node.op == "call_function" and k % 2 and hasattr(spec, "mem_id"):
                spec.mem_id = 3
        return super().run(graph_module, graph_signature)


def test_several_arenas(tmp_path):
    pte, call = mlp(tmp_path, memory_planning_pass=SeveralArenas())
    assert "ok" in portfire("run", pte, *call)


def test_constant_methods(tmp_path):
    constants = {"n": 7, "rate": 2.5, "yes": True, "word": 'say "hi"', "table": torch.arange(6.0).reshape(2, 3), "mixed": [1, (2.5, False)]}
    pte = write(tmp_path, {"forward": (Mlp(), (torch.randn(2, 4),))}, constants)
    expected = {"n": "i64[] 7", "rate": "f64[] 2.5", "yes": "bool[] true", "word": r'u8[8] "say \"hi\""', "table": "f32[2,3]"}
    for name, text in expected.items():
        assert portfire("run", pte, "--method", name) == f"output 0: {text}\n"
    assert portfire("run", pte, "--method", "mixed") == "output 0: i64[] 1\noutput 1: f64[] 2.5\noutput 2: bool[] false\n"
    assert "ok" in portfire("run", pte, "--method", "table", "--expect", save(tmp_path, "t.npy", constants["table"]))


def test_bundles(tmp_path):
    pte, _ = mlp(tmp_path)
    torch.manual_seed(0)
    model = Mlp()
    xs = [torch.randn(2, 4) for _ in range(3)]
    text = run_app(tmp_path, pte, [("forward", [x], [model(x).detach()]) for x in xs])
    assert text.count("relative") == 3 and "forward, test set 2: 1 input: f32[2,4]" in text and "3 test sets, 0 differ" in text
    bundle = tmp_path / "steps.bpte"
    assert "ok" in portfire("run", bundle, "--input", tmp_path / "x.npy", "--expect", tmp_path / "y.npy")
    assert "test sets of forward: 3" in portfire("inspect", bundle)
    portfire("bench", bundle, "--seconds", "0.01", "--threads", "1")
    # The last answer, changed in one number: one test set differs.
    data = bytearray(bundle.read_bytes())
    at = data.find(model(xs[2]).detach().numpy().tobytes())
    assert at > 0
    data[at + 3] ^= 0x40
    bundle.write_bytes(data)
    assert "1 differs" in portfire("verify", bundle, code=1)
    assert "0 differ" in portfire("verify", bundle, "--tolerance", "1e40", "--method", "forward")
    assert "not a .bpte bundle" in portfire("verify", pte, code=3)


def test_weights_of_a_delegate_in_a_data_file(tmp_path):
    """Its keys are found there: the program is inspected with its data."""
    from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner
    from executorch.exir import to_edge_transform_and_lower
    from executorch.exir.passes.external_constants_pass import delegate_external_constants_pass_unlifted

    program = torch.export.export(Mlp(), (torch.randn(2, 4),), strict=True)
    module = program.module()
    delegate_external_constants_pass_unlifted(module, lambda node: "delegate")
    program = torch.export.export(module, (torch.randn(2, 4),), strict=True)
    edge = to_edge_transform_and_lower(program, partitioner=[XnnpackPartitioner()])
    made = edge.to_executorch()
    (tmp_path / "model.pte").write_bytes(made.buffer)
    made.write_tensor_data_to_file(str(tmp_path))
    text = portfire("inspect", tmp_path / "model.pte", "--data", tmp_path / "delegate.ptd")
    assert "u8[" in text
