"""Every operator of ExecuTorch's portable library, called as its programs call it, beside PyTorch's own variants that write to
`out`; then numbers, jumps, moves and views that are elided. Skipped where the wheel `executorch` is not installed."""
import os
import pathlib
import subprocess

import numpy as np
import pytest
import torch

pytest.importorskip("executorch")
from portable_calls import cases, variant  # noqa: E402
from portable_program import BoolList, IntList, Method, TensorList, method_of, program_of  # noqa: E402,F401

ROOT = pathlib.Path(__file__).parents[2]
BINARY = os.environ.get("PORTFIRE_BINARY", str(ROOT / "build/release/portfire"))
NAMES = (ROOT / "tests/portable_operators.txt").read_text().split()
CASES = list(cases())
RANDOM = {"aten::rand.out", "aten::randn.out"}
TOLERANCE = {torch.float16: "4e-3", torch.bfloat16: "3e-2"}


def types_of(op):
    try:
        return [str(a.type) for a in variant(op)._schema.arguments]
    except AttributeError:
        return []


def identifiers():
    seen = {}
    for c in CASES:
        words = " ".join([c.op, *([c.name] if c.name else [])])
        seen[words] = seen.get(words, 0) + 1
        yield f"{words} {seen[words]}"


IDS = list(identifiers())


def save(path, t):
    t = t.detach()
    np.save(path, (t.float() if t.dtype == torch.bfloat16 else t).contiguous().numpy())
    return str(path)


def run(program, method, leaves, wanted, *flags, check=False):
    folder = program.parent
    given = ",".join(save(folder / f"x{i}.npy", t) for i, t in enumerate(leaves))
    words = [BINARY, "run", str(program), "--method", method, *flags]
    expected = "" if wanted is None else "=" + ",".join(save(folder / f"y{i}.npy", t) for i, t in enumerate(wanted))
    words += ["--call", given + expected]
    environment = {**os.environ, "PORTFIRE_CHECK_REFERENCE": str(int(check))}
    return subprocess.run(words, capture_output=True, text=True, timeout=60, env=environment)


@pytest.fixture(scope="session")
def calls(tmp_path_factory):
    folder = tmp_path_factory.mktemp("calls")
    made = [method_of(c, f"m{i}", types_of(c.op)) for i, c in enumerate(CASES)]
    path = folder / "calls.pte"
    path.write_bytes(program_of([m for m, _ in made]))
    return path, [leaves for _, leaves in made]


@pytest.mark.parametrize("i", range(len(CASES)), ids=IDS)
def test_operator(calls, i):
    path, leaves = calls
    wanted = CASES[i].wanted if CASES[i].wanted[0] is not None else None
    if CASES[i].name == "other dtype":  # copy_ converts
        wanted = [leaves[i][1].to(leaves[i][0].dtype)]
    tolerance = TOLERANCE.get(wanted[0].dtype if wanted else None, "1e-4")
    done = run(path, f"m{i}", leaves[i], wanted, "--tolerance", tolerance)
    assert done.returncode == 0, done.stderr + done.stdout


LAYOUTS = [i for i, c in enumerate(CASES) if c.name.endswith("last")]


@pytest.mark.parametrize("i", LAYOUTS, ids=[IDS[i] for i in LAYOUTS])
def test_kernels_of_layouts_give_what_references_give(calls, i):
    path, leaves = calls
    done = run(path, f"m{i}", leaves[i], CASES[i].wanted, "--tolerance", "1e-4", check=True)
    assert done.returncode == 0, done.stderr + done.stdout


def test_all_names_are_called():
    numbers = {"aten::sym_size.int", "aten::sym_numel", "aten::_local_scalar_dense"}
    called = {c.op for c in CASES} | RANDOM | {op for op, *_ in NUMBERS} | numbers | {P + "et_copy_index.tensor", P + "et_view.default"}
    assert not set(NAMES) - called, sorted(set(NAMES) - called)


def test_the_list_is_the_librarys():
    from executorch.runtime import Runtime

    spaces = ("aten", "dim_order_ops", "et_copy", "executorch_prim")
    portable = [n for n in Runtime.get().operator_registry.operator_names if n.split("::")[0] in spaces]
    assert sorted(NAMES) == sorted(portable)


@pytest.mark.parametrize("op", sorted(RANDOM))
def test_random_numbers(tmp_path, op):
    m = Method("forward")
    out = m.tensor(torch.float32, [4096])
    m.call(op, [m.value(IntList([m.number(4096)])), out, out])
    m.outputs = [out]
    path = tmp_path / "p.pte"
    path.write_bytes(program_of([m]))
    words = [BINARY, "run", str(path), "--output", str(tmp_path / "y.npy")]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    y = np.load(tmp_path / "y.npy")
    mean, deviation = (0.5, 12**-0.5) if op == "aten::rand.out" else (0, 1)
    assert abs(y.mean() - mean) < 0.1 and abs(y.std() - deviation) < 0.1


def test_dropout_that_trains(tmp_path):
    m = Method("forward")
    x, y, mask = m.input(torch.float32, [4096]), m.tensor(torch.float32, [4096]), m.tensor(torch.bool, [4096])
    m.call("aten::native_dropout.out", [x, m.number(0.25), m.number(True), y, mask, m.value(TensorList([y, mask]))])
    m.outputs = [y, mask]
    path = tmp_path / "p.pte"
    path.write_bytes(program_of([m]))
    np.save(tmp_path / "x.npy", np.full(4096, 3, np.float32))
    words = [BINARY, "run", str(path), "--input", str(tmp_path / "x.npy")]
    words += ["--output", str(tmp_path / "y.npy"), "--output", str(tmp_path / "m.npy")]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    y, kept = np.load(tmp_path / "y.npy"), np.load(tmp_path / "m.npy")
    assert abs(kept.mean() - 0.75) < 0.05 and np.allclose(y, np.where(kept, 4, 0))


P = "executorch_prim::"
NUMBERS = [
    (P + "add.Scalar", 7, 2.5, 9.5), (P + "add.Scalar", 7, 2, 9), (P + "sub.Scalar", 7, 2, 5),
    (P + "mul.Scalar", 7, 2, 14), (P + "floordiv.Scalar", -7, 2, -4), (P + "floordiv.int", 7, -2, -4),
    (P + "mod.Scalar", -7, 3, 2), (P + "mod.int", 7, 3, 1), (P + "truediv.Scalar", 7, 2, 3.5),
    (P + "eq.Scalar", 7, 7, True), (P + "gt.Scalar", 7, 2, True), (P + "ge.Scalar", 7, 7.5, False),
    (P + "lt.Scalar", 7, 2, False), (P + "le.Scalar", 2, 7, True), (P + "neg.Scalar", 7, -7),
    (P + "ceil.Scalar", 2.25, 3), (P + "round.Scalar", 2.75, 3), (P + "trunc.Scalar", -2.75, -2),
    (P + "sym_float.Scalar", 7, 7.0), (P + "sym_int.Scalar", 7.5, 7), (P + "sym_ite.Scalar", True, 3, 4, 3),
    (P + "sym_ite.Scalar", False, 3, 4.5, 4.5), (P + "sym_max.Scalar", 3, 4, 4), (P + "sym_min.Scalar", 3, 4, 3),
    (P + "sym_not.Scalar", False, True),
]  # fmt: skip


def test_numbers(tmp_path):
    """Results go where the file has an int, whatever kind they will be; predicates to a bool."""
    m, wanted = Method("forward"), []
    for op, *args, result in NUMBERS:
        out = m.number(False if isinstance(result, bool) else 0)
        m.call(op, [*(m.number(a) for a in args), out])
        m.outputs.append(out)
        wanted.append(torch.tensor(result, dtype=torch.float64 if isinstance(result, float) else None))
    x, i = m.input(torch.float32, [1]), m.input(torch.int64, [2, 3])
    for op, args, result in (
        ("aten::_local_scalar_dense", [x], 2.5), ("aten::sym_size.int", [i, m.number(-1)], 3), ("aten::sym_numel", [i], 6)
    ):  # fmt: skip
        out = m.number(0)
        m.call(op, [*args, out])
        m.outputs.append(out)
        wanted.append(torch.tensor(result, dtype=torch.float64 if isinstance(result, float) else None))
    path = tmp_path / "p.pte"
    path.write_bytes(program_of([m]))
    done = run(path, "forward", [torch.tensor([2.5]), torch.zeros(2, 3, dtype=torch.int64)], wanted, "--tolerance", "1e-9")
    assert done.returncode == 0, done.stderr + done.stdout


def test_a_real_number_that_the_file_calls_an_int(tmp_path):
    m = Method("forward")
    x, y, n = m.input(torch.float32, [1]), m.tensor(torch.float32, [3]), m.number(0)
    z = m.input(torch.float32, [3])
    m.call("aten::_local_scalar_dense", [x, n])
    m.call("aten::mul.Scalar_out", [z, n, y, y])
    m.outputs = [y]
    path = tmp_path / "p.pte"
    path.write_bytes(program_of([m]))
    z = torch.tensor([1.0, 2.0, 4.0])
    for factor in (2.5, -0.125):
        done = run(path, "forward", [torch.tensor([factor]), z], [z * factor], "--tolerance", "1e-6")
        assert done.returncode == 0, done.stderr + done.stdout


def test_rows_of_a_loop(tmp_path):
    """map, as ExecuTorch emits it: rows are selected, computed and copied into a result that grows by one each time."""
    m = Method("forward")
    x = m.input(torch.float32, [4, 3])
    row, done, y = m.tensor(torch.float32, [3]), m.tensor(torch.float32, [3]), m.tensor(torch.float32, [4, 3], bounded=True)
    zero, one, at, size, last = m.number(0), m.number(1), m.number(0), m.number(0), m.number(False)
    m.call("aten::sym_size.int", [x, zero, size])
    m.call("aten::select_copy.int_out", [x, zero, at, row, row])
    m.call("aten::exp.out", [row, done, done])
    m.call("executorch_prim::et_copy_index.tensor", [y, done, at])
    m.call("executorch_prim::add.Scalar", [at, one, at])
    m.call("executorch_prim::eq.Scalar", [at, size, last])
    m.jump_false(last, 1)
    m.call("executorch_prim::sub.Scalar", [at, size, at])
    m.outputs = [y]
    path = tmp_path / "p.pte"
    path.write_bytes(program_of([m]))
    x = torch.randn(4, 3)
    done = run(path, "forward", [x], [x.exp()], "--tolerance", "1e-6")
    assert done.returncode == 0, done.stderr + done.stdout


def test_branches_and_views(tmp_path):
    """cond: each branch moves its result to one value. A view with the memory of its source is not called at all; one by
    et_view is."""
    m = Method("forward")
    x, yes = m.input(torch.float32, [2, 6]), m.input(torch.bool, [])
    a, b, c = (m.tensor(torch.float32, [2, 6]) for _ in range(3))
    elided = m.tensor(torch.float32, [3, 4], at=m.values[b].val.allocation_info.memory_offset_low)
    view, y = m.tensor(torch.float32, [4, 3], planned=False), m.tensor(torch.float32, [4, 3])
    twice = m.tensor(torch.float32, [3, 4])
    m.jump_false(yes, 4)
    m.call("aten::exp.out", [x, a, a])
    m.move(a, c)
    m.jump_false(m.number(False), 6)
    m.call("aten::neg.out", [x, a, a])
    m.move(a, c)
    m.call("aten::relu.out", [c, b, b])
    m.call("aten::mul.Scalar_out", [elided, m.number(2), twice, twice])
    m.call("executorch_prim::et_view.default", [twice, m.value(IntList([m.number(4), m.number(-1)])), view])
    m.call("aten::neg.out", [view, y, y])
    m.outputs = [y, y, x]
    path = tmp_path / "p.pte"
    path.write_bytes(program_of([m]))
    x = torch.randn(2, 6)
    for yes in (True, False):
        wanted = -(2 * (x.exp() if yes else -x).relu()).view(4, 3)
        done = run(path, "forward", [x, torch.tensor(yes)], [wanted, wanted, x], "--tolerance", "1e-6")
        assert done.returncode == 0, done.stderr + done.stdout
