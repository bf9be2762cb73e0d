"""Programs that ExecuTorch made (executorch_cases.py), of the folders in PORTFIRE_EXECUTORCH_CASES (colon-separated), run as
they are, by `portfire run`, without the compiler where they hold no delegate; and recompiled, by `portfire compile`. Where the file itself is
wrong, NOT_IN_THE_FILE says why."""
import os
import pathlib
import subprocess

import pytest

ROOT = pathlib.Path(__file__).parents[2]
BINARY = os.environ.get("PORTFIRE_BINARY", str(ROOT / "build/release/portfire"))
FOLDERS = [pathlib.Path(p) for p in os.environ.get("PORTFIRE_EXECUTORCH_CASES", "").split(":") if p]

# ExecuTorch leaves the initial values of state out of its programs unless it is told to write them; a size without a bound is
# bounded by the example's; a number that the caller gives is None in the file.
STATE = "the initial values of state are not in the file"
BOUND = "the file has room for as many rows as the example had"
NOT_IN_THE_FILE = {
    "state-two_states": STATE,
    "state-half_written": STATE,
    "state-momentum_step": STATE,
    "decomposed-functional-state-momentum_step": STATE,
    "dynamic-batch_unbounded": BOUND,
    "dynamic-batch_auto": BOUND,
    "control_flow-map_dynamic": BOUND,
    "dynamic-number_input": "the number that the caller gives is not in the file",
}

# What the compiler knows of and the file does not tell.
COMPILED = {"dynamic-number_input"}


def cases():
    for folder in FOLDERS:
        for line in (folder / "CASES.txt").read_text().splitlines():
            name, calls, tolerance, _ = line.split("\t")
            # With a delegate the program is compiled, and the compiler knows that the number is one.
            strict = name not in COMPILED
            marks = [pytest.mark.xfail(reason=NOT_IN_THE_FILE[name], strict=strict)] if name in NOT_IN_THE_FILE else []
            yield pytest.param(folder, name, int(calls), tolerance, id=name, marks=marks)


def arrays(folder, name, call, letter):
    found = {int(p.name[:-4].rsplit(letter, 1)[1]): p for p in folder.glob(f"{name}.{call}.{letter}*.npy")}
    return ",".join(str(found[i]) for i in sorted(found))  # a string among the inputs has no file


@pytest.mark.skipif(not FOLDERS, reason="PORTFIRE_EXECUTORCH_CASES is not set")
@pytest.mark.parametrize("folder,name,calls,tolerance", list(cases()))
def test_program(folder, name, calls, tolerance):
    run(folder / f"{name}.pte", folder, name, calls, tolerance)


@pytest.mark.skipif(not FOLDERS, reason="PORTFIRE_EXECUTORCH_CASES is not set")
@pytest.mark.parametrize("folder,name,calls,tolerance", [p for p in cases() if p.values[1] not in COMPILED])
def test_recompiled(tmp_path, folder, name, calls, tolerance):
    program = tmp_path / "new.pte"
    words = [BINARY, "compile", str(folder / f"{name}.pte"), "-o", str(program)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    run(program, folder, name, calls, tolerance)


def run(program, folder, name, calls, tolerance):
    words = [BINARY, "run", str(program), "--tolerance", tolerance]
    for k in range(calls):
        words += ["--call", arrays(folder, name, k, "x") + "=" + arrays(folder, name, k, "y")]
    done = subprocess.run(words, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr + done.stdout
