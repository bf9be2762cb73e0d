"""Dumps read back: from every dump of every case (folders in PORTFIRE_CASES, or .pt2 files of PORTFIRE_MODELS) the
compiler makes the same program, byte for byte, and writes the same text again."""
import os
import pathlib
import re
import subprocess

import pytest
from sample import taken

ROOT = pathlib.Path(__file__).parents[2]
BINARY = os.environ.get("PORTFIRE_BINARY", str(ROOT / "build/release/portfire"))
FOLDERS = [pathlib.Path(p) for p in os.environ.get("PORTFIRE_CASES", "").split(":") if p]
# One call of an operator is much like another: each twentieth is read back.
MODELS = [m for f in FOLDERS for m in sorted(f.glob("*.pt2")) if f.name not in ("opinfo", "core") or taken(m.stem, 20)]
MODELS = [m for m in MODELS if taken(m.stem + " dumps") or m.parent.name == "models"]


def compile_to(source, program, dumps):
    words = [BINARY, "compile", str(source), "-o", str(program), "--dump", str(dumps)]
    return subprocess.run(words, capture_output=True, text=True, timeout=300)


def text_of(dump):
    """Without the places of constants: their file holds what is new at a dump behind what came before it."""
    return re.sub(r"= @\d+$", "= @", dump.read_text(), flags=re.MULTILINE)


@pytest.mark.parametrize("model", MODELS, ids=lambda m: m.stem)
def test_dumps_read_back(tmp_path, model):
    straight = tmp_path / "straight.pte"
    if compile_to(model, straight, tmp_path / "dumps").returncode != 0:
        pytest.skip("the case does not compile")
    dumps = sorted((tmp_path / "dumps").glob("[0-9]*.txt"))
    assert len(dumps) >= 2
    for dump in dumps:
        program, again = tmp_path / "again.pte", tmp_path / "again"
        done = compile_to(dump, program, again)
        assert done.returncode == 0, done.stderr
        assert program.read_bytes() == straight.read_bytes(), f"{dump.name} gives another program"
        written = sorted(again.glob("[0-9]*.txt"))
        assert [d.name for d in written] == [d.name for d in dumps if d.name >= dump.name]
        assert text_of(written[0]) == text_of(dump), f"{dump.name} does not come out as it went in"
