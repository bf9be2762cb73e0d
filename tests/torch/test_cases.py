"""Every case of the folders in PORTFIRE_CASES (colon-separated; see opinfo_cases.py, module_cases.py) through the
command line: compile, run each call, compare. Cases named in known_failures.txt must fail, until they are struck out.
The models of bench/models.py also in bf16: largest error over the largest value, PyTorch's f32 being right."""
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


# About twice what came out, activations rounded or not. Under PyTorch's own autocast mobilenetv2, of seeded random weights,
# is off by 0.07.
BF16 = {"minilm": 0.02, "llama15m": 0.015, "lstm": 0.005, "mobilenetv2": 0.1, "resnet18": 0.05, "vit_tiny": 0.015}


def bf16_cases():
    for case in cases():
        folder, name, calls, _ = case.values
        if name in BF16:
            yield pytest.param(folder, name, calls, str(BF16[name]), id=name)


@pytest.mark.parametrize("folder,name,calls,tolerance", list(bf16_cases()))
def test_bf16(tmp_path, folder, name, calls, tolerance):
    test_case(tmp_path, folder, name, calls, tolerance, "bf16")


@pytest.mark.parametrize("folder,name,calls,tolerance", list(cases()))
def test_case(tmp_path, folder, name, calls, tolerance, precision="f32"):
    program = tmp_path / "program.pte"
    words = [BINARY, "compile", str(folder / f"{name}.pt2"), "-o", str(program), "--precision", precision]
    done = subprocess.run(words, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    words = [BINARY, "run", str(program), "--tolerance", tolerance]
    for k in range(calls):
        words += ["--call", arrays(folder, name, k, "x") + "=" + arrays(folder, name, k, "y")]
    done = subprocess.run(words, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr + done.stdout
