"""Write cases for check.py from the modules in tests/torch/modules/: exported programs, inputs, eager answers.

Usage: module_cases.py DIR [--only SUBSTR] [--list]

CASES.txt  name <tab> calls <tab> tolerance; name is FILE-FUNCTION[-VARIANT]
NAME.pt2, NAME.K.xI.npy, NAME.K.yI.npy: inputs and answers of call K, flattened (pytree) order

Only what a program takes when it runs is written: tensors, and numbers that the export left symbolic. None
among the outputs has no file; plain numbers have 0-d ones. bf16 is written as f32. The calls of a case go to one
module in order, so that state carries over. Every module is seeded by its name: two runs write the same cases.
"""

import argparse
import copy
import importlib
import pathlib
import sys
import traceback
import warnings
import zlib

import numpy as np
import torch
import torch.utils._pytree as pytree

import quick_export  # noqa: F401
from modules.registry import CASES

FILES = (
    "dynamic",
    "state",
    "mutation",
    "control_flow",
    "structure",
    "dtypes",
    "nets",
    "transformers",
    "recurrent",
    "layout",
    "data_dependent",
    "gradients",
    "decomposed",
)


def export(case):
    """The program of a case; the module keeps its state."""
    module = copy.deepcopy(case.module)
    args, kwargs = copy.deepcopy(case.example or case.calls[0]), copy.deepcopy(case.kwargs)
    program = torch.export.export(
        module, args, kwargs, dynamic_shapes=case.dynamic_shapes, strict=case.strict
    )
    return program if case.decompositions is None else case.decompositions(program)


def taken(program, args, kwargs):
    """The leaves of a call that the program takes when it runs: not those that are baked into it."""
    leaves = pytree.tree_leaves((args, kwargs))
    specs = [s for s in program.graph_signature.input_specs if s.kind.name == "USER_INPUT"]
    baked = torch.export.graph_signature.ConstantArgument
    return [leaf for leaf, spec in zip(leaves, specs, strict=True) if not isinstance(spec.arg, baked)]


def save(path, value):
    t = torch.as_tensor(value, dtype=torch.float64) if isinstance(value, float) else torch.as_tensor(value)
    t = t.detach().resolve_conj().resolve_neg()
    np.save(path, (t.float() if t.dtype == torch.bfloat16 else t).numpy().copy(order="C"))


def differ(a, b, tolerance):
    a, b = torch.as_tensor(a).double(), torch.as_tensor(b).double()
    if a.shape != b.shape:
        return True
    scale = max(1e-6, b[b.isfinite()].abs().max().item()) if b.isfinite().any() else 1.0
    return not torch.allclose(a, b, rtol=0, atol=tolerance * scale, equal_nan=True)


def write(name, case, folder):
    """Write one case; the exported program must answer as the module does."""
    program = export(case)
    torch.export.save(program, folder / f"{name}.pt2")
    runs = program.module()
    for k, args in enumerate(case.calls):
        answers = []
        for callee in (case.module, runs):
            mine, words = copy.deepcopy(args), copy.deepcopy(case.kwargs)
            answers.append([leaf for leaf in pytree.tree_leaves(callee(*mine, **words)) if leaf is not None])
        expected, exported = answers
        if len(expected) != len(exported) or any(
            map(differ, exported, expected, [case.tolerance] * len(expected))
        ):
            raise AssertionError("the exported program differs from the module")
        for i, value in enumerate(taken(program, args, case.kwargs)):
            save(folder / f"{name}.{k}.x{i}.npy", value)
        for i, value in enumerate(expected):
            save(folder / f"{name}.{k}.y{i}.npy", value)


def main(argv):
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("dir", type=pathlib.Path)
    p.add_argument("--only", default="", help="cases whose name holds this")
    p.add_argument("--list", action="store_true", help="print the names and write nothing")
    o = p.parse_args(argv)
    for file in FILES:
        importlib.import_module(f"modules.{file}")
    names = [n for n in CASES if o.only in n]
    if o.list:
        print(*names, sep="\n")
        return 0
    o.dir.mkdir(parents=True, exist_ok=True)
    warnings.filterwarnings("ignore")
    torch.set_num_threads(1)
    lines, failed = [], 0
    for name in names:
        torch.manual_seed(zlib.crc32(name.encode()))
        try:
            with torch.no_grad():
                case = CASES[name]()
                write(name, case, o.dir)
            lines.append(f"{name}\t{len(case.calls)}\t{case.tolerance:g}\n")
        except Exception as e:
            failed += 1
            traceback.print_exc(limit=-2)
            print(f"{name}: {type(e).__name__}: {' '.join(str(e).split())[:300]}", file=sys.stderr)
    (o.dir / "CASES.txt").write_text("".join(lines))
    print(f"{len(lines)} cases, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
