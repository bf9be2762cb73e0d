"""Gradients by `portfire compile --vjp` against torch.autograd, on the cases of the folders in PORTFIRE_CASES that have floating
inputs: seeds are drawn, both compute the products of seeds and Jacobian. Cases named in no_gradient.txt must fail, until they
are struck out. Skipped: what torch.autograd has no (finite) gradient of either."""
import os
import pathlib
import subprocess
import warnings

import numpy as np
import pytest
import torch
from torch.utils._pytree import tree_leaves

warnings.filterwarnings("ignore")
ROOT = pathlib.Path(__file__).parents[2]
BINARY = os.environ.get("PORTFIRE_BINARY", str(ROOT / "build/release/portfire"))
FOLDERS = [pathlib.Path(p) for p in os.environ.get("PORTFIRE_CASES", "").split(":") if p and pathlib.Path(p).name in ("opinfo", "modules")]
KNOWN = {line.split("#")[0].strip() for line in (pathlib.Path(__file__).parent / "no_gradient.txt").read_text().splitlines()}
TOLERANCE = {torch.float64: 1e-6, torch.float32: 2e-3, torch.float16: 2e-2, torch.bfloat16: 5e-2}  # relative to the largest value


def cases():
    for folder in FOLDERS:
        for line in (folder / "CASES.txt").read_text().splitlines():
            name = line.split("\t")[0]
            marks = [pytest.mark.xfail(strict=True)] if name in KNOWN else []
            yield pytest.param(folder, name, id=name, marks=marks)


def save(path, t):
    t = t.detach().clone().contiguous()
    np.save(path, (t.float() if t.dtype == torch.bfloat16 else t).numpy(force=True))
    return str(path)


def run(*words):
    done = subprocess.run([str(w) for w in words], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr + done.stdout


def by_autograd(program, inputs):
    """Outputs, a seed for each floating one, gradients of the floating inputs."""
    floating = [t.requires_grad_() for t in inputs if t.is_floating_point()]
    torch.manual_seed(0)
    outputs = tree_leaves(program.module()(*inputs))
    if not all(isinstance(t, torch.Tensor) for t in outputs):
        pytest.skip("an output is no tensor")
    real = [t for t in outputs if t.is_floating_point()]
    seeds = [torch.randn(t.shape, dtype=t.dtype) if t.requires_grad else torch.zeros_like(t) for t in real]
    wanted = [(t, s) for t, s in zip(real, seeds) if t.requires_grad]
    if not floating or not wanted:
        pytest.skip("nothing to differentiate")
    grads = torch.autograd.grad([t for t, _ in wanted], floating, [s for _, s in wanted], allow_unused=True)
    return outputs, seeds, [torch.zeros_like(x) if g is None else g for x, g in zip(floating, grads)]


@pytest.mark.parametrize("folder,name", list(cases()))
def test_gradient(tmp_path, folder, name):
    files = sorted(folder.glob(f"{name}.0.x*.npy"), key=lambda f: int(f.stem.rsplit("x", 1)[1]))
    try:
        program = torch.export.load(folder / f"{name}.pt2")
    except RuntimeError as e:
        pytest.skip(f"torch cannot load it: {str(e)[:60]}")
    users = [s.arg.name for s in program.graph_signature.input_specs if s.kind == torch.export.graph_signature.InputKind.USER_INPUT]
    metas = {n.name: n.meta.get("val") for n in program.graph.nodes if n.op == "placeholder"}
    if len(users) != len(files) or not all(isinstance(metas.get(u), torch.Tensor) for u in users) or program.call_spec.in_spec.num_children != 2:
        pytest.skip("inputs are no tensors")
    inputs = [torch.from_numpy(np.load(f)).to(metas[u].dtype) for f, u in zip(files, users)]
    try:
        args, kwargs = torch.utils._pytree.tree_unflatten(inputs, program.call_spec.in_spec)
        assert not kwargs and all(isinstance(a, torch.Tensor) for a in args)
        outputs, seeds, grads = by_autograd(program, inputs)
    except (RuntimeError, NotImplementedError, AssertionError, ValueError) as e:
        pytest.skip(f"torch: {str(e)[:80]}")
    if not all(g.isfinite().all() for g in grads):
        pytest.skip("gradients that are not finite")
    tolerance = max(TOLERANCE.get(t.dtype, 0) for t in outputs + grads)
    given = [w for i, t in enumerate(inputs + seeds) for w in ("--input", save(tmp_path / f"x{i}.npy", t))]
    expected = [w for i, t in enumerate(outputs + grads) for w in ("--expect", save(tmp_path / f"y{i}.npy", t))]
    run(BINARY, "compile", "--vjp", folder / f"{name}.pt2", "-o", tmp_path / "vjp.pte")
    run(BINARY, "run", tmp_path / "vjp.pte", *given, *expected, "--tolerance", tolerance)
