"""Every case of the folders in PORTFIRE_CASES (colon-separated; see opinfo_cases.py, module_cases.py) through the
command line: compile, run each call, compare. Cases named in known_failures.txt must fail, until they are struck out."""
import os
import pathlib
import subprocess

import pytest

ROOT = pathlib.Path(__file__).parents[2]
BINARY = os.environ.get("PORTFIRE_BINARY", str(ROOT / "build/release/portfire"))
FOLDERS = [pathlib.Path(p) for p in os.environ.get("PORTFIRE_CASES", "").split(":") if p]
KNOWN = {line.split("#")[0].strip() for line in (pathlib.Path(__file__).parent / "known_failures.txt").read_text().splitlines()}


def cases():
    for folder in FOLDERS:
        for line in (folder / "CASES.txt").read_text().splitlines():
            name, calls, *tolerance = line.split("\t")
            marks = [pytest.mark.xfail(strict=True)] if name in KNOWN else []
            yield pytest.param(folder, name, int(calls), tolerance[0] if tolerance else "1e-3", id=name, marks=marks)


def arrays(folder, name, call, letter):
    found = []
    while (path := folder / f"{name}.{call}.{letter}{len(found)}.npy").exists():
        found.append(str(path))
    return ",".join(found)


def test_there_are_cases():
    assert FOLDERS and all((f / "CASES.txt").exists() for f in FOLDERS), "set PORTFIRE_CASES"


@pytest.mark.parametrize("folder,name,calls,tolerance", list(cases()))
def test_case(tmp_path, folder, name, calls, tolerance):
    program = tmp_path / "program.pte"
    words = [BINARY, "compile", str(folder / f"{name}.pt2"), "-o", str(program)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    words = [BINARY, "run", str(program), "--tolerance", tolerance]
    for k in range(calls):
        words += ["--call", arrays(folder, name, k, "x") + "=" + arrays(folder, name, k, "y")]
    done = subprocess.run(words, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr + done.stdout
