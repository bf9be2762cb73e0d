"""`diff`: programs that compute the same are told to, however they were compiled; of others the first operator that differs."""

import os
import re
from unittest import mock

from cli_case import BAD_FILE, CORPUS, DONE, FAILED, WRONG_CALL, CliCase, floats, main


class Diff(CliCase):
    def compiled_as(self, name, out, *words, disable=""):
        program = self.dir / f"{out}.pte"
        with mock.patch.dict(os.environ, PORTFIRE_DISABLE=disable):
            self.expect(DONE, "compile", CORPUS / f"{name}.pt2", "-o", program, *words)
        return program

    def changed(self, name, old, new):
        """A program whose graph had `old` replaced, and the program as it was."""
        dump, text = self.dir / "dump", self.dir / "changed.txt"
        right = self.compiled_as(name, "right", "--dump", dump)
        graph = next(dump.glob("*-simplify.txt")).read_text().replace("constants constants.bin", f"constants {dump}/constants.bin")
        self.assertEqual(graph.count(old), 1, graph)
        text.write_text(graph.replace(old, new))
        self.expect(DONE, "compile", text, "-o", self.dir / "wrong.pte")
        return right, self.dir / "wrong.pte"

    def first(self, text):
        """The instructions that the first difference is said to be of."""
        found = re.search(r"first difference.*\n  a: (\d+ \S+) \((\S+)\) : .*\n  b: (\d+ \S+) \((\S+)\) : ", text)
        self.assertIsNotNone(found, text)
        return found.groups()

    def test_itself(self):
        for name in "conv_norm attention lstm loop branch dynamic_batch dtypes nested nonzero views statistics".split():
            with self.subTest(name):
                program = self.compiled(name)
                text = self.expect(DONE, "diff", program, program, *self.inputs(name), "--all").stdout
                self.assertNotIn("DIFFERS", text)
                counts = re.search(r"(\d+) values of a, (\d+) of b; (\d+) are the same in both, of which (\d+) agree", text).groups()
                self.assertEqual(len(set(counts)), 1, text)

    def test_other_passes_compute_the_same(self):
        for name in ("conv_norm", "attention", "mlp_gelu", "lstm"):
            with self.subTest(name):
                a = self.compiled_as(name, "a")
                b = self.compiled_as(name, "b", disable="fuse_pointwise,pack_linear,pack_convolution,pack_recurrent")
                text = self.expect(DONE, "diff", a, b, "--all").stdout
                self.assertNotIn("DIFFERS", text)

    def test_names_the_operator(self):
        right, wrong = self.changed("mlp_gelu", "aten::tanh(%7", "aten::sigmoid(%7")
        done = self.portfire("diff", right, wrong)
        self.assertEqual(done.returncode, FAILED, done.stderr)
        self.assertRegex(done.stderr, r"wrong.pte: its outputs differ")
        self.assertEqual(self.first(done.stdout), ("1 portfire::packed_linear", "make.py:432") * 2)
        self.assertRegex(done.stdout, r"largest error [\d.]+, relative [\d.]+ at \[\d,\d\]: \S+ in a, \S+ in b")
        self.assertRegex(done.stdout, r"computed of what agrees: 0 portfire::packed_linear .* = 0 portfire::packed_linear")

    def test_names_it_across_other_passes(self):
        right, wrong = self.changed("mlp_gelu", "aten::tanh(%7", "aten::sigmoid(%7")
        plain = self.compiled_as("mlp_gelu", "plain", disable="fuse_pointwise,pack_linear")
        text = self.portfire("diff", plain, wrong).stdout
        self.assertEqual(self.first(text), ("3 aten::tanh", "make.py:432", "1 portfire::packed_linear", "make.py:432"))
        self.assertIn("of one line", text)
        self.assertEqual(self.first(self.portfire("diff", wrong, plain).stdout)[::2], ("1 portfire::packed_linear", "3 aten::tanh"))

    def test_constants(self):
        right, wrong = self.changed("mlp_gelu", "0.17218196", "0.27218196")
        text = self.portfire("diff", right, wrong).stdout
        self.assertEqual(self.first(text)[::2], ("0 portfire::packed_linear",) * 2)
        self.assertIn("computed of what agrees: the inputs", text)

    def test_precision(self):
        a, b = self.compiled_as("attention", "a"), self.compiled_as("attention", "b", "--precision", "bf16")
        done = self.portfire("diff", a, b, "--all")
        self.assertEqual(done.returncode, FAILED)
        self.assertEqual(self.first(done.stdout)[0], "1 portfire::packed_linear")
        errors = [float(m) for m in re.findall(r"^ *[\d.e-]+ +([\d.e-]+) (?:DIFFERS| {7}) \w+\[", done.stdout, re.M)]
        self.assertEqual(len(errors), 5, done.stdout)
        self.assertEqual(errors[0], 0)
        self.expect(DONE, "diff", a, b, "--tolerance", "0.05")

    def test_state_over_calls(self):
        program = self.compiled("state")
        calls = [word for k in range(3) for word in ("--call", CORPUS / f"state.{k}.x0.npy")]
        text = self.expect(DONE, "diff", program, program, *calls).stdout
        self.assertEqual(text.count("agrees"), 3)
        self.assertIn("call 2: output 0", text)

    def test_wrong(self):
        a, b = self.compiled("mlp_gelu"), self.compiled("dynamic_pair")
        self.expect(WRONG_CALL, "diff", a, b, says="other inputs than")
        self.expect(WRONG_CALL, "diff", a, a, "--method", "none", says="no method")
        self.expect(WRONG_CALL, "diff", a, a, "--input", floats(self.dir / "x.npy", 2, 2), says="wrong type")
        self.expect(WRONG_CALL, "diff", a, a, "--memory", "0")
        self.expect(WRONG_CALL, "diff", a)
        self.expect(BAD_FILE, "diff", a, self.dir / "none.pte")
        self.expect(BAD_FILE, "diff", a, a, "--input", self.dir / "none.npy")
        self.expect(BAD_FILE, "diff", a, CORPUS / "mlp_gelu.pt2", says="ET12|odd address|not a .pte|program")


if __name__ == "__main__":
    main()
