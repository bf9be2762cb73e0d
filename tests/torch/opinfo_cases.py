"""Turn PyTorch's OpInfo samples into a folder of cases for check.py: exported programs, inputs, eager answers.

Usage: opinfo_cases.py DIR [--only SUBSTR] [--dtype float32 ...] [--samples 3] [--other-samples 1] [--decomposed]
                       [--seed 0] [--max-bytes N (inputs and outputs)] [--timeout SECONDS (a sample)] [--workers 1]

A sample of an OpInfo is a call op(input, *args, **kwargs). Its tensor leaves become the program's inputs (made
contiguous: .npy cannot say strides), its other leaves are constants of the program. A case is kept only where the
decomposed graph is core ATen and the answer is determined; `make_case` says what is left out and why.
The same flags and seed write the same cases; the lists below hold the last run only.

CASES.txt     name <tab> calls (1) <tab> tolerance; name is OPINFO-DTYPE-INDEX, INDEX as in op.sample_inputs()
NAME.pt2, NAME.0.xI.npy, NAME.0.yI.npy   flattened (pytree) order; bf16 as f32; a program may have no inputs
TARGETS.json  {name: {"saved": [target ...], "decomposed": [target ...]}}, distinct, in order of appearance
SKIPPED.tsv   what has no case: OpInfo, dtype, index, reason, detail
"""

import argparse
import collections
import concurrent.futures
import json
import multiprocessing
import pathlib
import random
import signal
import warnings

import numpy as np
import torch
import torch.utils._pytree as pytree

import quick_export  # noqa: F401
from sample import taken

DTYPES = [torch.float32, torch.float64, torch.float16, torch.bfloat16,
          torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8, torch.bool]

# Relative to max |y|. The 16-bit formats keep 11 and 8 bits, and eager rounds to them at each operator.
TOLERANCE = collections.defaultdict(lambda: 1e-3, {torch.float16: 5e-3, torch.bfloat16: 2e-2})

# The values of these are whatever the memory held.
UNINITIALISED = {"empty", "empty_like", "new_empty", "empty_strided", "new_empty_strided", "empty_permuted"}

# Not tagged core, yet left in decomposed graphs: symbolic sizes, and checks that compute nothing.
BESIDE_CORE = {"aten.sym_size.int", "aten._assert_scalar.default", "aten._assert_async.msg",
               "aten._assert_tensor_metadata.default", "aten.sym_constrain_range_for_size.default"}


class Skip(Exception):
    """Why a sample has no case: (reason, detail)."""


class Call(torch.nn.Module):
    """The call a sample makes; its tensors come as inputs, its outputs go as a flat tuple."""

    def __init__(self, op, sample):
        super().__init__()
        self.op = op
        self.leaves, self.tree = pytree.tree_flatten((sample.input, sample.args, sample.kwargs))
        self.tensors = [leaf for leaf in self.leaves if isinstance(leaf, torch.Tensor)]

    def forward(self, *tensors):
        rest = iter(tensors)
        leaves = [next(rest) if isinstance(leaf, torch.Tensor) else leaf for leaf in self.leaves]
        input, args, kwargs = pytree.tree_unflatten(leaves, self.tree)
        result = self.op(input, *args, **kwargs)
        # torch.export.save refuses the named tuples of sort, topk, max, ...
        return result if isinstance(result, torch.Tensor) else tuple(pytree.tree_leaves(result))


def attempt(reason, function, *args, **kwargs):
    try:
        return function(*args, **kwargs)
    except Skip:
        raise
    except Exception as e:
        raise Skip(reason, " ".join(f"{type(e).__name__}: {e}".split())[:200]) from e


def target_name(target):
    ours = isinstance(target, (torch._ops.OpOverload, torch._ops.HigherOrderOperator))
    return str(target) if ours else f"{target.__module__}.{target.__name__}"


def distinct_targets(program):
    """What the nodes of a program call, sub-graphs included."""
    graphs = [m.graph for m in program.graph_module.modules() if isinstance(m, torch.fx.GraphModule)]
    return list(dict.fromkeys(n.target for g in graphs for n in g.nodes if n.op == "call_function"))


def is_core(target):
    if isinstance(target, torch._ops.OpOverload):
        return torch.Tag.core in target.tags or str(target) in BESIDE_CORE
    return target_name(target).startswith(("_operator.", "math.", "torch.sym_"))


def refuse_tensors(what, leaves):
    for leaf in leaves:
        if not isinstance(leaf, torch.Tensor):
            raise Skip(f"{what} is not a tensor", type(leaf).__name__)
        if leaf.layout != torch.strided:
            raise Skip(f"{what} is not strided", leaf.layout)
        if leaf.dtype not in DTYPES:
            raise Skip(f"{what} is complex" if leaf.dtype.is_complex else f"{what} has a rare dtype", leaf.dtype)


def agree(a, b, tolerance):
    """Whether max |a-b| <= tolerance * max |b| over the finite values, all else alike: `portfire run`'s measure."""
    if a.shape != b.shape or a.dtype != b.dtype:
        return False
    a, b = a.double().numpy(), b.double().numpy()
    finite = np.isfinite(b)
    bound = tolerance * max(1e-6, np.abs(b[finite]).max(initial=0))
    return np.array_equal(a[~finite], b[~finite], equal_nan=True) and bool((np.abs(a - b)[finite] <= bound).all())


def make_case(op, sample, stem, options):
    """Write the case of one sample; its tolerance and targets, or Skip. Cheap refusals come before the export."""
    if op.name in UNINITIALISED:
        raise Skip("uninitialised", "")
    module = Call(op, sample)
    refuse_tensors("an input", module.tensors)
    inputs = [t.detach().resolve_neg().clone(memory_format=torch.contiguous_format) for t in module.tensors]

    def answer(function):  # Copies in and out: an operator may write into its inputs or return views of them.
        leaves = pytree.tree_leaves(function(*(t.clone() for t in inputs)))
        return [t.detach().clone() if isinstance(t, torch.Tensor) else t for t in leaves]

    outputs = attempt("eager failed", answer, module)
    refuse_tensors("an output", outputs)
    if not outputs or sum(t.nbytes for t in inputs + outputs) > options.max_bytes:
        raise Skip("too big" if outputs else "no output", "")
    if not all(map(agree, attempt("eager failed", answer, module), outputs, [0] * len(outputs))):
        raise Skip("random", "two eager runs differ")

    examples = tuple(t.clone() for t in inputs)
    program = attempt("export failed", torch.export.export, module, examples, strict=False)
    decomposed = attempt("decomposition failed", program.run_decompositions)
    targets = distinct_targets(decomposed)
    # Only here: before decomposition, sdpa and dropout carry the tag even where they draw nothing.
    if seeded := [t for t in targets if torch.Tag.nondeterministic_seeded in getattr(t, "tags", ())]:
        raise Skip("random", target_name(seeded[0]))
    if others := [t for t in targets if not is_core(t)]:
        raise Skip("not core ATen", " ".join(map(target_name, others)))

    saved = decomposed if options.decomposed else program
    tolerance = max(TOLERANCE[t.dtype] for t in inputs + outputs)
    again = attempt("exported program failed", answer, saved.module())
    if not all(map(agree, again, outputs, [tolerance] * len(outputs))):
        raise Skip("exported program differs from eager", "")
    attempt("save failed", torch.export.save, saved, f"{stem}.pt2")
    for letter, tensors in (("x", inputs), ("y", outputs)):
        for i, t in enumerate(tensors):
            np.save(f"{stem}.0.{letter}{i}.npy", (t.float() if t.dtype == torch.bfloat16 else t).numpy())
    return tolerance, {"saved": [target_name(t) for t in distinct_targets(saved)],
                       "decomposed": [target_name(t) for t in targets]}


def ring(*_):
    raise TimeoutError


def even(length, count):
    """At most `count` of range(length), evenly spread from the first to the last."""
    return list(dict.fromkeys(i * (length - 1) // max(1, count - 1) for i in range(count) if length))


def cases_of(op, options):
    """Write the cases of one OpInfo. Returns [(name, tolerance, targets)], [(dtype, index, reason, detail)]."""
    kept, skipped = [], []
    signal.signal(signal.SIGALRM, ring)
    for dtype in [t for t in DTYPES if t in op.supported_dtypes("cpu")]:
        label = str(dtype).removeprefix("torch.")
        if options.dtype and label not in options.dtype:
            continue
        random.seed(options.seed), np.random.seed(options.seed), torch.manual_seed(options.seed)
        try:
            samples = attempt("sampling failed", lambda: list(op.sample_inputs("cpu", dtype, requires_grad=False)))
        except Skip as s:
            skipped.append((label, "-", *s.args))
            continue
        left = options.samples if dtype == torch.float32 else options.other_samples
        picks = even(len(samples), left)
        if kept or not skipped:  # Others stand in for those refused, unless all of the dtypes before were.
            picks += even(len(samples), 3 * left)
        for index in dict.fromkeys(picks):
            name = f"{op.formatted_name}-{label}-{index}"
            signal.alarm(options.timeout)
            try:
                kept.append((name, *attempt("failed", make_case, op, samples[index], options.dir / name, options)))
                left -= 1
            except Skip as s:
                skipped.append((label, index, *s.args))
            signal.alarm(0)
            if not left:
                break
    return kept, skipped


def isolated(op, options):
    """cases_of in a forked child, so that a crash, a hang or a leak of one OpInfo stays its own."""
    fork = multiprocessing.get_context("fork")
    reader, writer = fork.Pipe(duplex=False)
    child = fork.Process(target=lambda: writer.send(cases_of(op, options)))
    child.start()
    writer.close()
    try:
        return (op, *reader.recv()) if reader.poll(options.timeout * 20) else (op, [], [("-", "-", "hung", "")])
    except EOFError:
        return op, [], [("-", "-", "crashed", "")]
    finally:
        child.kill()
        child.join()


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("dir", type=pathlib.Path)
    p.add_argument("--only", default="", help="OpInfos whose formatted name holds this")
    p.add_argument("--dtype", nargs="+", default=[], choices=[str(t).removeprefix("torch.") for t in DTYPES])
    p.add_argument("--samples", type=int, default=3, help="per OpInfo, of float32")
    p.add_argument("--other-samples", type=int, default=1, help="per OpInfo, of each other dtype")
    p.add_argument("--decomposed", action="store_true", help="save run_decompositions(), not the export as it is")
    for flag, value in (("seed", 0), ("max-bytes", 4 << 20), ("timeout", 60), ("workers", 1)):
        p.add_argument(f"--{flag}", type=int, default=value)
    options = p.parse_args()
    options.dir.mkdir(parents=True, exist_ok=True)
    warnings.filterwarnings("ignore")
    torch.set_num_threads(1)  # The tensors are tiny, and a fork after OpenMP made threads would hang.
    from torch.testing._internal.common_methods_invocations import op_db
    torch.export.export(torch.nn.ReLU(), (torch.ones(2),), strict=False).run_decompositions()  # imports, once

    ops = [op for op in op_db if options.only in op.formatted_name and taken(op.formatted_name)]
    targets, opinfos, reasons = {}, collections.Counter(), collections.Counter()
    with (concurrent.futures.ThreadPoolExecutor(options.workers) as pool,
          open(options.dir / "CASES.txt", "w") as cases, open(options.dir / "SKIPPED.tsv", "w") as skips):
        for i, (op, kept, skipped) in enumerate(pool.map(lambda op: isolated(op, options), ops)):
            targets |= {name: used for name, _, used in kept}
            cases.writelines(f"{name}\t1\t{tolerance:g}\n" for name, tolerance, _ in kept)
            skips.writelines("\t".join(map(str, (op.formatted_name, *row))) + "\n" for row in skipped)
            reasons.update(row[2] for row in skipped)
            opinfos["with cases" if kept else skipped[0][2] if skipped else "no dtype of those asked for"] += 1
            print(f"{i + 1}/{len(ops)} {op.formatted_name}: {len(kept)} kept, {len(skipped)} skipped", flush=True)
            cases.flush(), skips.flush()
    (options.dir / "TARGETS.json").write_text(json.dumps(targets, indent=1))
    print(f"\n{len(targets)} cases of {len(ops)} OpInfos")
    for title, table in (("OpInfos", opinfos), ("samples left out", reasons)):
        print(f"{title}:", *(f"{n:8d}  {what}" for what, n in table.most_common()), sep="\n")


if __name__ == "__main__":
    main()
