"""Files of tensors: `inspect`, `convert` and `compile --weights` on .ptd and .safetensors."""

import json
import re
import struct

from cli_case import BAD_FILE, CORPUS, DONE, ROOT, WRONG_CALL, CliCase, main

STEP, EPOCH, POSITION = 120, 3, 512
RECORD = b"PFCKPT01" + struct.pack("<7Q", STEP, 7, 99, EPOCH, POSITION, 5, 0xABCDEF)
WEIGHTS = {"0.weight": [8, 6], "0.bias": [8], "2.weight": [3, 8], "2.bias": [3]}  # of linear_relu


def safetensors(path, tensors):
    """`tensors`: {name: (dtype, shape, bytes)}"""
    header, data = {}, b""
    for name, (dtype, shape, content) in tensors.items():
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [len(data), len(data) + len(content)]}
        data += content
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)
    return path


def read_safetensors(path):
    whole = path.read_bytes()
    end = 8 + struct.unpack_from("<Q", whole)[0]
    header = json.loads(whole[8:end])
    assert header.pop("__metadata__") == {"format": "pt"}
    return {n: (t["dtype"], t["shape"], whole[end + t["data_offsets"][0] : end + t["data_offsets"][1]]) for n, t in header.items()}


def read_ptd(path):
    """By the code that docs/checkpoints.md gives."""
    code = re.findall(r"```python\n(import struct\n.*?)```", (ROOT / "docs/checkpoints.md").read_text(), re.DOTALL)
    names = {}
    exec(code[0], names)
    return names["read_ptd"](path)


def values(shape, seed):
    count = 1
    for size in shape:
        count *= size
    return [((i * 37 + seed * 11) % 64 - 32) / 64 for i in range(count)]


def floats(shape, seed):
    numbers = values(shape, seed)
    return ("F32", shape, struct.pack(f"<{len(numbers)}f", *numbers))


def state():
    return {name: floats(shape, seed) for seed, (name, shape) in enumerate(WEIGHTS.items())}


def training():
    return {**state(), "portfire.moment.0.bias": floats([8], 9), "portfire.checkpoint": ("U8", [64], RECORD)}


class Tensors(CliCase):
    def convert(self, source, name, *more):
        out = self.dir / name
        self.expect(DONE, "convert", source, "-o", out, *more)
        return out

    def checkpoint(self):
        return self.convert(safetensors(self.dir / "training.safetensors", training()), "tuned.ptd")

    def test_there_and_back(self):
        source = safetensors(self.dir / "in.safetensors", state())
        ptd = self.convert(source, "x.ptd")
        self.assertEqual({n: (t[1], t[2]) for n, t in read_ptd(ptd).items()}, {n: (t[1], t[2]) for n, t in state().items()})
        self.assertEqual(read_safetensors(self.convert(ptd, "out.safetensors")), state())
        self.assertEqual(self.convert(self.convert(ptd, "y.safetensors"), "y.ptd").read_bytes(), ptd.read_bytes())

    def test_a_checkpoint_stays_one(self):
        tuned = self.checkpoint()
        found = read_ptd(tuned)
        self.assertEqual(list(found)[-2:], ["portfire.checkpoint", "portfire.checksums"])
        self.assertEqual(found["portfire.checkpoint"], (0, [64], RECORD))
        self.assertEqual(found["portfire.checksums"][:2], (28, [7]))
        self.assertEqual(read_safetensors(self.convert(tuned, "model.safetensors")), state())
        everything = self.convert(tuned, "all.safetensors", "--all")
        self.assertEqual(read_safetensors(everything), training())
        self.assertEqual(self.convert(everything, "again.ptd").read_bytes(), tuned.read_bytes())

    def test_inspect(self):
        text = self.expect(DONE, "inspect", self.checkpoint()).stdout
        for line in (": checkpoint, ", "  step 120\n", "  data: epoch 3, position 512, seed 5\n", "  random numbers: seed 7, counter 99\n",
                     "  of program 0000000000abcdef\n", "  tensors: 5, 364 bytes\n", "  0.weight : f32[8,6], 192 bytes\n",
                     "  portfire.moment.0.bias : f32[8], 32 bytes\n"):
            self.assertIn(line, text)
        plain = self.expect(DONE, "inspect", safetensors(self.dir / "in.safetensors", {"a\x1b[2J": ("BF16", [1, 2], b"abcd")})).stdout
        self.assertIn(": tensors (safetensors), ", plain)
        self.assertIn("bf16[1,2], 4 bytes", plain)
        self.assertNotIn("\x1b", plain)

    def test_damaged(self):
        tuned = self.checkpoint()
        whole = tuned.read_bytes()
        base = struct.unpack_from("<Q", whole, 32)[0]
        tuned.write_bytes(whole[: base + 4] + b"\xee" + whole[base + 5 :])
        says = r'tuned.ptd: tensor "0.weight" is damaged \(expected checksum [0-9a-f]{8}, got [0-9a-f]{8}\)'
        for words in (["inspect", tuned], ["convert", tuned, "-o", self.dir / "x.safetensors"],
                      ["compile", CORPUS / "linear_relu.pt2", "--weights", tuned, "-o", self.dir / "x.pte"]):
            self.expect(BAD_FILE, *words, says=says)
        for size in (7, 8, 40, 100, base, len(whole) - 1):
            tuned.write_bytes(whole[:size])
            self.expect(BAD_FILE, "inspect", tuned)
        source = safetensors(self.dir / "in.safetensors", state())
        whole = source.read_bytes()
        source.write_bytes(whole[:-1])
        self.expect(BAD_FILE, "inspect", source, says='in.safetensors: tensor "2.bias": truncated')
        self.assertFalse((self.dir / "x.pte").exists() or (self.dir / "x.safetensors").exists())

    def test_wrong_calls(self):
        source = safetensors(self.dir / "in.safetensors", state())
        self.expect(WRONG_CALL, "convert", source)
        self.expect(WRONG_CALL, "convert", source, "-o", self.dir / "out.bin", says="expected OUT.ptd or OUT.safetensors")
        self.expect(BAD_FILE, "convert", CORPUS / "linear_relu.pt2", "-o", self.dir / "x.ptd", says="unknown format")
        self.expect(BAD_FILE, "convert", self.dir / "absent", "-o", self.dir / "x.ptd", says="No such file")
        self.expect(BAD_FILE, "convert", source, "-o", self.dir / "x.ptd", says="cannot write: File too large", file_limit=100)
        self.left_behind(source)

    def test_seeds(self):
        for seed in (*CORPUS.glob("*.ptd"), *CORPUS.glob("*.safetensors")):
            self.expect(DONE, "inspect", seed)


class Weights(CliCase):
    def compile(self, code, tensors, says="", model="linear_relu", name="w.safetensors"):
        weights = safetensors(self.dir / name, tensors)
        return self.expect(code, "compile", CORPUS / f"{model}.pt2", "--weights", weights, "-o", self.dir / "tuned.pte", says=says)

    def test_replace(self):
        done = self.compile(DONE, state())
        self.assertIn("tuned.pte: 4 parameters and buffers are those of ", done.stdout)
        w = {name: values(shape, seed) for seed, (name, shape) in enumerate(WEIGHTS.items())}
        x = struct.unpack("<24f", (CORPUS / "linear_relu.0.x0.npy").read_bytes()[-96:])
        expected = []
        for row in (x[6 * r : 6 * r + 6] for r in range(4)):
            hidden = [max(0.0, b + sum(a * v for a, v in zip(row, w["0.weight"][6 * k : 6 * k + 6]))) for k, b in enumerate(w["0.bias"])]
            expected += [b + sum(h * v for h, v in zip(hidden, w["2.weight"][8 * k : 8 * k + 8])) for k, b in enumerate(w["2.bias"])]
        answer = self.dir / "y.npy"
        self.expect(DONE, "run", self.dir / "tuned.pte", *self.inputs("linear_relu"), "--output", answer)
        for got, want in zip(struct.unpack("<12f", answer.read_bytes()[-48:]), expected, strict=True):
            self.assertAlmostEqual(got, want, places=5)

    def test_what_the_file_lacks_stays(self):
        plain = self.compiled("linear_relu").read_bytes()
        self.assertIn("0 parameters", self.compile(DONE, {"portfire.step": floats([1], 1)}).stdout)
        self.assertEqual((self.dir / "tuned.pte").read_bytes(), plain)
        self.assertIn("1 parameters", self.compile(DONE, {"0.bias": floats([8], 1)}).stdout)
        self.assertNotEqual((self.dir / "tuned.pte").read_bytes(), plain)

    def test_refused(self):
        self.compile(WRONG_CALL, {**state(), "3.bias": floats([3], 1)}, says='w.safetensors: tensor "3.bias" is not in the model')
        self.compile(WRONG_CALL, {"0.bias": floats([7], 1)}, says=r'tensor "0.bias" is f32\[7\] \(expected f32\[8\]\)')
        self.compile(WRONG_CALL, {"0.bias": ("F16", [8], bytes(16))}, says=r'tensor "0.bias" is f16\[8\] \(expected f32\[8\]\)')
        self.compile(BAD_FILE, {"0.bias": ("F8_E4M3", [8], bytes(8))}, says="dtype F8_E4M3 is not supported")
        self.assertFalse((self.dir / "tuned.pte").exists())
        dump = self.dir / "dump"
        self.expect(DONE, "compile", CORPUS / "linear_relu.pt2", "-o", self.dir / "x.pte", "--dump", dump)
        weights = safetensors(self.dir / "w.safetensors", state())
        later = sorted(dump.glob("[0-9]*.txt"))[-1]
        self.expect(WRONG_CALL, "compile", later, "--weights", weights, "-o", self.dir / "tuned.pte", says="cannot take other weights")

    def test_buffers(self):
        names = {"1.running_mean": floats([4], 3), "1.running_var": ("F32", [4], struct.pack("<4f", 1, 2, 3, 4))}
        self.assertIn("2 parameters", self.compile(DONE, names, model="conv_norm").stdout)


if __name__ == "__main__":
    main()
