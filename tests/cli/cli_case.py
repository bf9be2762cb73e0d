"""What tests of the command line share: running it, .npy and .pt2 files without NumPy or PyTorch."""

import json
import os
import pathlib
import re
import resource
import struct
import subprocess
import tempfile
import unittest
import zipfile

ROOT = pathlib.Path(__file__).parents[2]
CORPUS = ROOT / "tests/corpus"
BINARY = os.environ.get("PORTFIRE_BINARY", str(ROOT / "build/release/portfire"))

SANITIZED = os.environ.get("PORTFIRE_SANITIZED") == "1"  # shadow memory knows no limit of address space

DONE, FAILED, WRONG_CALL, BAD_FILE = 0, 1, 2, 3


def npy(path, descr, shape, data, order=False):
    """Write an array; `data` is its bytes."""
    header = str({"descr": descr, "fortran_order": order, "shape": tuple(shape)}).encode()
    header += b" " * (-(len(header) + 11) % 64) + b"\n"
    path.write_bytes(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + data)
    return path


def floats(path, *shape):
    count = 1
    for size in shape:
        count *= size
    return npy(path, "<f4", shape, struct.pack("<f", 0.5) * count)


def entries(path):
    """The entries of an archive, by their name without the root folder."""
    with zipfile.ZipFile(path) as z:
        return {name.split("/", 1)[1]: z.read(name) for name in z.namelist()}


def archive(path, content, method=zipfile.ZIP_STORED):
    with zipfile.ZipFile(path, "w", method) as z:
        for name, data in content.items():
            z.writestr(f"model/{name}", data)
    return path


class CliCase(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.dir = pathlib.Path(folder.name)

    def portfire(self, *words, file_limit=None, memory_limit=None, stdout=subprocess.PIPE):
        def limit():
            if file_limit is not None:
                resource.setrlimit(resource.RLIMIT_FSIZE, (file_limit, file_limit))
            if memory_limit is not None and not SANITIZED:
                resource.setrlimit(resource.RLIMIT_AS, (memory_limit, memory_limit))

        words = [BINARY, *map(str, words)]
        return subprocess.run(words, stdout=stdout, stderr=subprocess.PIPE, text=True, timeout=60 if SANITIZED else 20, preexec_fn=limit, errors="replace")

    def expect(self, code, *words, says="", **limits):
        """The call ends with `code`, and its last line of errors has the form of the contract."""
        done = self.portfire(*words, **limits)
        where = f"portfire {' '.join(map(str, words))}\nexit {done.returncode}\n{done.stderr}"
        codes = code if isinstance(code, tuple) else (code,)
        self.assertIn(done.returncode, codes, where)
        if done.returncode == DONE:
            return done
        lines = done.stderr.splitlines()
        self.assertTrue(lines, where)
        self.assertRegex(lines[-1], r"^portfire: \S.*: \S", where)
        self.assertIsNotNone(re.search(says, done.stderr), f"expected /{says}/\n{where}")
        return done

    def compiled(self, name):
        program = self.dir / f"{name}.pte"
        self.expect(DONE, "compile", CORPUS / f"{name}.pt2", "-o", program)
        return program

    def inputs(self, name, call=0):
        words = []
        while (path := CORPUS / f"{name}.{call}.x{len(words) // 2}.npy").exists():
            words += ["--input", path]
        return words

    def left_behind(self, *expected):
        """Nothing stands in the test's folder but `expected`."""
        self.assertEqual(sorted(p.name for p in self.dir.iterdir()), sorted(p.name for p in expected))

    def model(self, name, change):
        """A corpus archive with its model.json changed in place by `change`, checksums right."""
        content = entries(CORPUS / f"{name}.pt2")
        program = json.loads(content["models/model.json"])
        change(program)
        content["models/model.json"] = json.dumps(program).encode()
        return archive(self.dir / "changed.pt2", content)


def main():
    unittest.main(verbosity=1)
