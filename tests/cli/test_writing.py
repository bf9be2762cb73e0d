"""Writing: all of a file or nothing, whatever the disk does. And calls that are wrong."""

import os

from cli_case import BAD_FILE, CORPUS, DONE, WRONG_CALL, CliCase, main


class Writing(CliCase):
    def compile(self, code, out, says="", **limits):
        return self.expect(code, "compile", CORPUS / "linear_relu.pt2", "-o", out, says=says, **limits)

    def test_disk_full(self):
        self.compile(BAD_FILE, "/dev/full", says="/dev/full: cannot write: No space left")
        self.assertFalse(os.path.isfile("/dev/full"))

    def test_file_may_not_grow(self):
        out = self.dir / "out.pte"
        for size in (0, 1, 100, 2000):
            self.compile(BAD_FILE, out, says="out.pte: cannot write: File too large", file_limit=size)
            self.left_behind()

    def test_existing_file_stays_when_the_disk_is_full(self):
        out = self.dir / "out.pte"
        out.write_bytes(b"as it was")
        self.compile(BAD_FILE, out, says="cannot write", file_limit=1000)
        self.assertEqual(out.read_bytes(), b"as it was")
        self.left_behind(out)

    def test_nowhere(self):
        self.compile(BAD_FILE, self.dir / "no/such/folder/out.pte", says="cannot create: No such file")
        self.compile(BAD_FILE, self.dir, says=": cannot create: Is a directory")
        self.compile(BAD_FILE, "/proc/out.pte", says="cannot create")
        self.compile(BAD_FILE, self.dir / ("x" * 300), says="cannot create: File name too long")
        self.left_behind()

    def test_replaces(self):
        out = self.dir / "out.pte"
        out.write_bytes(b"old")
        self.compile(DONE, out)
        self.assertEqual(out.read_bytes()[4:8], b"ET12")
        self.left_behind(out)

    def test_answers(self):
        program = self.compiled("linear_relu")
        run = ["run", program, *self.inputs("linear_relu"), "--output"]
        answer = self.dir / "answer.npy"
        self.expect(BAD_FILE, *run, "/dev/full", says="/dev/full: cannot write")
        self.expect(BAD_FILE, *run, answer, says="answer.npy: cannot write", file_limit=100)
        self.expect(BAD_FILE, *run, self.dir / "no/answer.npy", says="cannot create")
        self.left_behind(program)
        self.expect(DONE, *run, answer)
        self.assertEqual(answer.read_bytes()[:6], b"\x93NUMPY")

    def test_dumps(self):
        self.expect(BAD_FILE, "compile", CORPUS / "linear_relu.pt2", "-o", self.dir / "out.pte", "--dump", "/proc/dump", says="/proc/dump")
        self.left_behind()


class Calls(CliCase):
    def test_wrong(self):
        model = CORPUS / "linear_relu.pt2"
        self.expect(WRONG_CALL)
        self.expect(WRONG_CALL, "fly")
        self.expect(WRONG_CALL, "compile", model)
        self.expect(WRONG_CALL, "compile", "-o", self.dir / "x.pte")
        self.expect(WRONG_CALL, "compile", model, "-o", self.dir / "x.pte", "--method", "name", says="expected NAME=IN.pt2")
        self.expect(WRONG_CALL, "compile", model, "-o", self.dir / "x.pte", "--bogus")
        self.expect(WRONG_CALL, "run")
        self.expect(WRONG_CALL, "run", self.compiled("linear_relu"), "--tolerance", "abc")

    def test_help(self):
        for words in ([], ["compile"], ["run"], ["bench"]):
            self.assertIn("--help", self.expect(DONE, *words, "--help").stdout)


if __name__ == "__main__":
    main()
