"""docs/operators.md is what `portfire operators` prints. Usage: operators_doc.py BINARY SOURCE_ROOT [--write]"""
import pathlib, subprocess, sys

binary, root = sys.argv[1], pathlib.Path(sys.argv[2])
names, doc = root / "tests/torch/core_operators.txt", root / "docs/operators.md"
text = subprocess.run([binary, "operators", str(names)], capture_output=True, text=True, check=True).stdout
if "--write" in sys.argv:
    doc.parent.mkdir(exist_ok=True)
    doc.write_text(text)
elif doc.read_text() != text:
    sys.exit(f"{doc.relative_to(root)} is stale: tests/operators_doc.py {binary} . --write")
