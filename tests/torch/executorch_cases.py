"""Write cases whose programs ExecuTorch made: the modules in tests/torch/modules/, exported by it to NAME.pte.

Usage: executorch_cases.py DIR [--only SUBSTR] [--xnnpack] [--list]

CASES.txt  name <tab> calls <tab> tolerance <tab> what ExecuTorch's own runtime made of it: right, wrong or failed
NAME.K.xI.npy, NAME.K.yI.npy: inputs and eager PyTorch's answers of call K, as module_cases.py writes them
FAILED.txt  the modules that ExecuTorch does not export, and why

Some of what it writes is kept in tests/corpus/executorch, as portable-NAME.pte and xnnpack-NAME.pte.
"""

import argparse
import collections
import contextlib
import copy
import importlib
import io
import pathlib
import sys
import warnings
import zlib

import torch
import torch.utils._pytree as pytree

from module_cases import FILES, differ, export, save
from modules.registry import CASES
from sample import EVERY, taken


def lowered(program, xnnpack):
    """The bytes of a `.pte`."""
    from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner
    from executorch.exir import EdgeCompileConfig, to_edge_transform_and_lower

    partitioner = [XnnpackPartitioner()] if xnnpack else []
    edge = to_edge_transform_and_lower(program, partitioner=partitioner, compile_config=EdgeCompileConfig(_check_ir_validity=False))
    return edge.to_executorch().buffer


def their_answers(method, args):
    return [leaf for leaf in method.execute(args) if leaf is not None]


def write(name, case, folder, xnnpack):
    from executorch.runtime import Runtime

    program = lowered(export(case), xnnpack)
    (folder / f"{name}.pte").write_bytes(program)
    verdict = "right"
    try:
        # Operators beyond the portable library are registered by importing these.
        import executorch.kernels.quantized  # noqa: F401

        method = Runtime.get().load_program(program).load_method("forward")
    except Exception:
        method, verdict = None, "failed"
    for k, args in enumerate(case.calls):
        mine, words = copy.deepcopy(args), copy.deepcopy(case.kwargs)
        leaves = [leaf for leaf in pytree.tree_leaves((copy.deepcopy(args), copy.deepcopy(case.kwargs))) if leaf is not None]
        expected = [leaf for leaf in pytree.tree_leaves(case.module(*mine, **words)) if leaf is not None]
        for i, value in enumerate(leaves):
            if not isinstance(value, str):
                save(folder / f"{name}.{k}.x{i}.npy", value)
        for i, value in enumerate(expected):
            save(folder / f"{name}.{k}.y{i}.npy", value)
        if method and verdict == "right":
            try:
                answers = their_answers(method, leaves)
                if len(answers) != len(expected) or any(map(differ, answers, expected, [case.tolerance] * len(expected))):
                    verdict = "wrong"
            except Exception:
                verdict = "failed"
    return verdict


def main(argv):
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("dir", type=pathlib.Path)
    p.add_argument("--only", default="", help="cases whose name holds this, or one of these: A,B")
    p.add_argument("--xnnpack", action="store_true", help="what the XNNPACK backend takes is delegated to it")
    p.add_argument("--list", action="store_true", help="print the names and write nothing")
    o = p.parse_args(argv)
    for file in FILES:
        importlib.import_module(f"modules.{file}")
    every = EVERY if o.xnnpack else max(1, EVERY // 2)
    names = [n for n in CASES if any(part in n for part in o.only.split(",")) and taken(n, every)]
    if o.list:
        print(*names, sep="\n")
        return 0
    o.dir.mkdir(parents=True, exist_ok=True)
    warnings.filterwarnings("ignore")
    torch.set_num_threads(1)
    lines, failed = [], []
    for name in names:
        torch.manual_seed(zlib.crc32(name.encode()))
        try:
            with torch.no_grad(), contextlib.redirect_stdout(io.StringIO()):
                case = CASES[name]()
                verdict = write(name, case, o.dir, o.xnnpack)
            lines.append(f"{name}\t{len(case.calls)}\t{case.tolerance:g}\t{verdict}\n")
        except Exception as e:
            failed.append(f"{name}: {type(e).__name__}: {' '.join(str(e).split())[:300]}\n")
    (o.dir / "CASES.txt").write_text("".join(lines))
    (o.dir / "FAILED.txt").write_text("".join(failed))
    verdicts = collections.Counter(line.split()[-1] for line in lines)
    print(f"{len(lines)} cases, {len(failed)} not exported; in their own runtime", ", ".join(f"{n} {v}" for v, n in verdicts.items()))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
