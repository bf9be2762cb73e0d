"""`inspect --full` and `--html`: all that a program holds, as text and as a page that names in the file cannot break."""

import html.parser
import json
import pathlib
import re
import shutil
import subprocess

from cli_case import BAD_FILE, CORPUS, DONE, WRONG_CALL, CliCase, main

MARKUP = "</script><script>alert(1)</script><img src=x onerror=alert(2)>"


class Page(html.parser.HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.tags, self.attributes, self.content, self.open = [], [], {}, None
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.attributes += attributes
        self.open = dict(attributes).get("type", tag) if tag in ("script", "style") else None

    def handle_data(self, data):
        if self.open:
            self.content[self.open] = self.content.get(self.open, "") + data

    def handle_endtag(self, tag):
        self.open = None


class Full(CliCase):
    def full(self, program):
        return self.expect(DONE, "inspect", program, "--full").stdout

    def test_begins_with_the_summary(self):
        program = self.compiled("conv_norm")
        short = self.expect(DONE, "inspect", program).stdout
        self.assertTrue(self.full(program).startswith(short))

    def test_instructions(self):
        text = self.full(self.compiled("mlp_gelu"))
        code = [line for line in text.splitlines() if re.match(r"  [ >]\s+\d+ %", line)]
        self.assertEqual(len(code), int(re.search(r"instructions \((\d+)\)", text)[1]))
        self.assertRegex(code[0], r"0 %\d+ f32\[3,8\] @1\+\d+ = portfire::packed_linear\(%\d+ input f32\[3,4\] input, .*activation=\"gelu\"")
        self.assertRegex(text, r"# make.py:816: return F.gelu")

    def test_memory(self):
        text = self.full(self.compiled("attention"))
        size, peak, percent, at = re.search(r"memory 1: (.*); most in use (.*) \((\d+)%\), at instruction (\d+)", text).groups()
        self.assertLessEqual(int(percent), 100)
        self.assertGreaterEqual(int(percent), 50)
        rows = [line[13:] for line in text.splitlines() if re.match(r" {2}[ \d.]{4,} (bytes|KiB) [A-Z+.]+$", line)]
        self.assertEqual(len(rows), 16, text)
        self.assertIn("A", rows[0] + rows[8] + rows[15])

    def test_constants_by_size(self):
        text = self.full(self.compiled("mlp_gelu"))
        sizes = [int(m) for m in re.findall(r"^ +(\d+) bytes +[\d.]+%  \d+ ", text, re.M)]
        self.assertGreaterEqual(len(sizes), 4)
        self.assertEqual(sizes, sorted(sizes, reverse=True))
        self.assertIn("portfire.interface : segment", text)

    def test_control_flow_and_state(self):
        loop = self.full(self.compiled("loop"))
        target = re.search(r"jump to (\d+) unless (?!False)", loop)[1]
        self.assertIn(f">  {int(target):2} the end", loop)
        self.assertIn("unless False", loop)
        self.assertRegex(self.full(self.compiled("state")), r"%\d+ total f32\[3\] @1\+\d+ state")

    def test_state_that_is_computed_in_its_place(self):
        program = self.dir / "train.pte"
        self.expect(DONE, "compile", CORPUS / "mlp_gelu.pt2", "--train", "--loss", "mse", "--optimizer", "sgd", "-o", program)
        text = self.full(program)
        self.assertRegex(text, r"%\d+ 0.weight f32\[8,4\] @2\+\d+ state")
        self.assertNotRegex(text, r"0.weight f32\[8,4\] @2\+\d+ of %")

    def test_every_program_of_the_corpus(self):
        for path in sorted(CORPUS.glob("*.pt2")):
            with self.subTest(path.stem):
                self.full(self.compiled(path.stem))

    def test_wrong(self):
        program = self.compiled("mlp_gelu")
        self.expect(WRONG_CALL, "inspect", CORPUS / "mlp_gelu.pt2", "--full", says="of .pte programs")
        self.expect(WRONG_CALL, "inspect", program, "--profile", says="only with --html")
        self.expect(BAD_FILE, "inspect", program, "--html", self.dir / "no/page.html", says="cannot create")
        self.expect(BAD_FILE, "inspect", self.dir / "none.pte", "--html", self.dir / "page.html")
        program.write_bytes(program.read_bytes()[:1000])
        self.expect(BAD_FILE, "inspect", program, "--html", self.dir / "page.html", says="truncated")
        self.left_behind(program)


class Html(CliCase):
    def page(self, program, *words):
        out = self.dir / "page.html"
        self.expect(DONE, "inspect", program, "--html", out, *words)
        return Page(out.read_text()), out

    def node(self, out):
        """Runs the page's script on a pretended page; where there is no node only its data is looked at."""
        if node := shutil.which("node"):
            done = subprocess.run([node, pathlib.Path(__file__).with_name("run_page.js"), out], capture_output=True, text=True, timeout=60)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def check(self, page):
        """One page, without anything from outside; gives its data."""
        self.assertEqual(page.tags.count("script"), 2)
        self.assertEqual([t for t in page.tags if t in ("img", "link", "iframe", "object", "embed", "a", "base", "form")], [])
        self.assertEqual([a for a in page.attributes if a[0] in ("src", "href", "action") or a[0].startswith("on")], [])
        self.assertIn(("http-equiv", "Content-Security-Policy"), page.attributes)
        for text in (page.content["script"], page.content["style"]):
            self.assertNotRegex(text, r"https?:|@import|url\(|innerHTML|outerHTML|insertAdjacent|document\.write|eval\(|fetch\(")
        return json.loads(page.content["application/json"])

    def test_data(self):
        page, out = self.page(self.compiled("conv_norm"))
        data = self.check(page)
        method = data["methods"][0]
        self.assertEqual([c["op"] for c in method["code"]][1], "portfire::packed_conv2d")
        self.assertEqual(method["inputs"], [["input", "f32[2,3,8,8]"]])
        self.assertNotIn("profile", method)
        self.assertEqual(max(method["memory"][0]["live"]), method["memory"][0]["peak"])
        self.assertEqual(len(method["memory"][0]["live"]), len(method["code"]))
        for c in method["code"]:
            self.assertEqual(len(c["r"]), len(c["q"]))
            self.assertTrue(all(0 <= v < len(method["values"]) for v in c["a"] + c["o"] + c["r"]))
        self.assertGreater(data["constants"][0]["b"], 0)
        self.node(out)

    def test_profile(self):
        page, out = self.page(self.compiled("mlp_gelu"), "--profile", "--seconds", "0.05", "--threads", "1")
        method = self.check(page)["methods"][0]
        self.assertEqual(len(method["profile"]["rows"]), len(method["code"]))
        self.assertAlmostEqual(sum(r["share"] for r in method["profile"]["rows"]), 1, places=3)
        self.assertGreater(method["profile"]["run_us"], 0)
        self.node(out)

    def test_names_stay_text(self):
        dump, changed = self.dir / "dump", self.dir / "changed.txt"
        self.expect(DONE, "compile", CORPUS / "mlp_gelu.pt2", "-o", self.dir / "a.pte", "--dump", dump)
        text = next(dump.glob("*-simplify.txt")).read_text().replace("constants constants.bin", f"constants {dump}/constants.bin")
        self.assertIn("return F.gelu(input, approximate=self.approximate)", text)
        changed.write_text(text.replace("return F.gelu(input, approximate=self.approximate)", MARKUP).replace("make.py:1821 |  |", f"{MARKUP}:3 | {MARKUP} |"))
        self.expect(DONE, "compile", changed, "-o", self.dir / "b.pte")
        page, out = self.page(self.dir / "b.pte")
        method = self.check(page)["methods"][0]
        self.assertIn(MARKUP, [c["c"] for c in method["code"]])
        self.assertIn(MARKUP, [c["m"] for c in method["code"]])
        self.assertNotIn("<img", out.read_text())
        self.node(out)

    def test_control_flow_state_and_many_methods(self):
        for name in ("loop", "branch", "state", "nested", "views"):
            with self.subTest(name):
                page, out = self.page(self.compiled(name))
                self.check(page)
                self.node(out)
        program = self.dir / "methods.pte"
        self.expect(DONE, "compile", "-o", program, "--method", f"decode={CORPUS / 'methods_decode.pt2'}", CORPUS / "methods_encode.pt2")
        page, out = self.page(program)
        self.assertEqual(len(self.check(page)["methods"]), 2)
        self.node(out)


if __name__ == "__main__":
    main()
