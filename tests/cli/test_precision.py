"""`--precision bf16`: what is lowered is said, where it cannot be used as well, and neither disturbs what scripts read."""

import json
import os
import re
from unittest import mock

from cli_case import CORPUS, DONE, WRONG_CALL, CliCase, main


class Precision(CliCase):
    def bf16(self, name):
        program = self.dir / f"{name}.bf16.pte"
        return program, self.expect(DONE, "compile", CORPUS / f"{name}.pt2", "-o", program, "--precision", "bf16")

    def test_compile_says_what_became_bf16(self):
        for name, products in (("linear_relu", 2), ("conv_norm", 1), ("attention", 3), ("views", 0)):
            program, done = self.bf16(name)
            self.assertIn(f" {products} products ", done.stdout)
            printed = self.expect(DONE, "inspect", program).stdout
            self.assertEqual("weights in bf16" in printed, products > 0, printed)
        self.assertEqual(self.expect(DONE, "compile", CORPUS / "linear_relu.pt2", "-o", self.dir / "x.pte").stdout, "")

    def test_other_precisions(self):
        self.expect(WRONG_CALL, "compile", CORPUS / "linear_relu.pt2", "-o", self.dir / "x.pte", "--precision", "f16", says="expected f32 or bf16")
        self.assertFalse((self.dir / "x.pte").exists())

    def test_notice_where_the_cpu_has_none(self):
        program, _ = self.bf16("linear_relu")
        answer = ["--expect", CORPUS / "linear_relu.0.y0.npy", "--tolerance", "0.01"]
        calls = (["run", program, *self.inputs("linear_relu"), *answer], ["bench", program, "--seconds", "0.01", "--json"], ["profile", program, "--seconds", "0.01", "--json"])
        with mock.patch.dict(os.environ, {"PORTFIRE_ISA": "sse4"}):
            for words in calls:
                done = self.expect(DONE, *words)
                self.assertRegex(done.stderr, r"^portfire: note: 2 products are in bf16, .*f32\n$")
                if "--json" in words:
                    json.loads(done.stdout)
            self.assertEqual(self.expect(DONE, "bench", self.compiled("linear_relu"), "--seconds", "0.01").stderr, "")

    def test_weights_are_half(self):
        sizes = {}
        for precision in ("f32", "bf16"):
            program = self.dir / f"{precision}.pte"
            self.expect(DONE, "compile", CORPUS / "mlp_gelu.pt2", "-o", program, "--precision", precision)
            value, unit = re.search(r"weights ([\d.]+) (\w+)", self.expect(DONE, "inspect", program).stdout).groups()
            sizes[precision] = float(value) * {"bytes": 1, "KiB": 1024}[unit]
        self.assertLess(sizes["bf16"], 0.75 * sizes["f32"])


if __name__ == "__main__":
    main()
