"""Enforces the direction of includes between folders. Usage: layering.py SOURCE_ROOT

A file may include only from folders that its own may depend on. Tests (`*_test.cc`, tests/) count by their folder.
"""
import pathlib, re, sys

ALLOWED = {  # folder: what it may include beside itself
    "include": [],
    "core": ["portfire"],
    "format": ["core"],
    "ops": ["core"],
    "kernels": ["core", "ops"],
    "runtime": ["portfire", "core", "format", "ops", "kernels"],
    "compiler/ir": ["core", "ops"],
    "compiler/import": ["core", "ops", "format", "compiler/ir"],
    "compiler/passes": ["core", "ops", "compiler/ir"],
    "compiler/emit": ["core", "ops", "format", "compiler/ir"],
    "compiler/driver": ["portfire", "core", "compiler/ir", "compiler/import", "compiler/passes", "compiler/emit"],
    "autodiff": ["core", "ops", "compiler/ir", "compiler/passes"],
    "training": ["core", "ops", "compiler/ir", "compiler/passes", "compiler/driver", "autodiff"],
    "tests": ["portfire", "core", "format", "ops", "kernels", "runtime", "compiler/ir", "compiler/import", "compiler/passes",
              "compiler/emit", "compiler/driver", "autodiff", "training", "cli"],
    "cli": ["core", "format", "ops", "kernels", "runtime", "compiler/ir", "compiler/import", "compiler/emit", "compiler/driver", "compiler/passes", "autodiff",
            "training", "portfire"],
}


def folder_of(path: str) -> str:
    parts = path.split("/")
    return "/".join(parts[:2]) if parts[0] == "compiler" else parts[0]  # headers in include/ are "portfire/..."


def main() -> int:
    root = pathlib.Path(sys.argv[1])
    wrong, seen = [], 0
    for folder in ALLOWED:
        for file in sorted((root / folder).rglob("*")):
            if file.suffix not in (".h", ".cc"):
                continue
            seen += 1
            own = folder_of(str(file.relative_to(root)))
            for number, line in enumerate(file.read_text().splitlines(), 1):
                m = re.match(r'#include "([^"]+/[^"]+)"', line)
                if not m:
                    continue
                target = folder_of(m[1])
                if target != own and (own, target) != ("include", "portfire") and target not in ALLOWED[own]:
                    wrong.append(f"{file.relative_to(root)}:{number}: {own} may not include {m[1]}")
    print("\n".join(wrong) if wrong else f"{seen} files, no include against the direction")
    return 1 if wrong or not seen else 0


sys.exit(main())
