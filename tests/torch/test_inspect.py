"""`portfire inspect` of every case, as an archive and compiled: inputs and outputs keep names, nesting, types and sizes.
And its exit codes."""
import re
import subprocess

import pytest

from test_dumps import BINARY, MODELS


def inspect(path, code=0):
    done = subprocess.run([BINARY, "inspect", str(path)], capture_output=True, text=True, timeout=60)
    assert done.returncode == code, done.stderr
    return done.stdout if code == 0 else done.stderr


def interface(text):
    """The lines that an archive and its program must share. Plain numbers among the outputs keep only their kind."""
    kinds = {"True": "bool", "False": "bool"}
    for line in text.splitlines():
        if re.match(r"  (input |output|takes |gives )", line) and " is written to" not in line:
            # Sizes that depend on data: the program knows them by their bounds.
            line = re.sub(r"\bu\d+|<=\d+", "?", line)
            if literal := re.match(r"(  output\S* : )(True|False|-?[\d.]+(e-?\d+)?|inf|-inf|nan|int .*)$", line):
                value = literal[2]
                kind = kinds.get(value) or ("int" if re.fullmatch(r"-?\d+|int .*", value) else "float")
                yield literal[1] + kind
            elif number := re.match(r"(  input .* : int) .*$", line):
                yield number[1]
            elif text := re.match(r"(  output\S* : )\"", line):
                yield text[1] + "string"
            else:
                yield line


@pytest.mark.parametrize("model", MODELS, ids=lambda m: m.stem)
def test_archive_and_program_agree(tmp_path, model):
    program = tmp_path / "program.pte"
    if subprocess.run([BINARY, "compile", str(model), "-o", str(program)], capture_output=True).returncode != 0:
        pytest.skip("the case does not compile")
    assert list(interface(inspect(program))) == list(interface(inspect(model)))


def test_what_is_no_program(tmp_path):
    unknown, data = tmp_path / "unknown.pte", tmp_path / "weights.ptd"
    unknown.write_bytes(b"no program at all")
    data.write_bytes(b"\0\0\0\0FT01" + bytes(64))
    assert "unknown format" in inspect(unknown, 3)
    assert "expected FH01" in inspect(data, 3)
    assert "No such file" in inspect(tmp_path / "absent.pte", 3)
    assert subprocess.run([BINARY, "inspect"], capture_output=True).returncode == 2
