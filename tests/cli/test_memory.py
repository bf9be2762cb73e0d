"""`portfire run` needs no more memory than the file, the arena and 16 MiB."""

import json
import os
import struct
import subprocess

from cli_case import BINARY, CORPUS, DONE, CliCase, archive, entries, floats, main

MIB = 1 << 20
PEAK = os.environ.get("PORTFIRE_PEAK", os.path.join(os.path.dirname(BINARY), "portfire_peak"))  # tests/cli/peak.cc


class Memory(CliCase):
    def peak(self, *words):
        """Peak resident bytes of a run that must end well."""
        done = subprocess.run([PEAK, BINARY, *map(str, words)], capture_output=True, text=True)
        self.assertEqual(done.returncode, DONE, done.stderr)
        return int(done.stdout)

    def check(self, program, *words):
        measured = json.loads(self.expect(DONE, "bench", program, "--seconds", "0", "--json", *words).stdout)
        allowed = program.stat().st_size + measured["arena_mib"] * MIB + 16 * MIB
        peak = self.peak("run", program, *words)
        self.assertLess(peak, allowed, f"{program.name}: {peak / MIB:.1f} MiB, allowed {allowed / MIB:.1f}")
        return peak

    def test_corpus(self):
        for name in ("linear_relu", "conv_norm", "attention", "lstm", "dynamic_batch", "state", "loop"):
            with self.subTest(name):
                self.check(self.compiled(name), *self.inputs(name))

    def large_linear(self, rows, size):
        """`linear_relu` with every feature count at `size`."""
        content = entries(CORPUS / "linear_relu.pt2")
        program = json.loads(content["models/model.json"])
        for meta in program["graph_module"]["graph"]["tensor_values"].values():
            meta["sizes"] = [{"as_int": size}] * len(meta["sizes"])
            meta["strides"] = [{"as_int": size}, {"as_int": 1}][-len(meta["sizes"]) :]
            if meta["requires_grad"] is False and len(meta["sizes"]) == 2:
                meta["sizes"][0] = {"as_int": rows}
        config = json.loads(content["data/weights/model_weights_config.json"])
        for k, weight in enumerate(config["config"].values()):  # no two the same: equal ones are stored once
            meta = weight["tensor_meta"]
            meta["sizes"] = [{"as_int": size}] * len(meta["sizes"])
            meta["strides"] = [{"as_int": size}, {"as_int": 1}][-len(meta["sizes"]) :]
            content["data/weights/" + weight["path_name"]] = struct.pack("<f", 0.01 + 0.001 * k) * size ** len(meta["sizes"])
        content["models/model.json"] = json.dumps(program).encode()
        content["data/weights/model_weights_config.json"] = json.dumps(config).encode()
        return archive(self.dir / "large.pt2", content)

    def test_large_weights(self):
        source, program = self.large_linear(4, 2048), self.dir / "large.pte"
        self.expect(DONE, "compile", source, "-o", program)
        self.assertGreater(program.stat().st_size, 32 * MIB)
        self.check(program, "--input", floats(self.dir / "x.npy", 4, 2048))

    def test_large_activations(self):
        source, program = self.large_linear(16384, 256), self.dir / "large.pte"
        self.expect(DONE, "compile", source, "-o", program)
        x = floats(self.dir / "x.npy", 16384, 256)
        peak = self.peak("run", program, "--input", x)
        arena = json.loads(self.expect(DONE, "bench", program, "--seconds", "0", "--json", "--input", x).stdout)["arena_mib"]
        # The command line itself holds the input and a copy of the answer.
        held = 2 * x.stat().st_size
        self.assertLess(peak, program.stat().st_size + arena * MIB + held + 16 * MIB)


if __name__ == "__main__":
    main()
