"""Damaged and hostile files: a clear message, the right exit code, no crash, nothing left behind."""

import random
import struct
import warnings
import zipfile

from cli_case import BAD_FILE, CORPUS, DONE, FAILED, WRONG_CALL, CliCase, archive, entries, floats, main, npy

# Damage that checksums do not cover may leave a file that still works, or one whose answer differs.
ANY = (DONE, FAILED, WRONG_CALL, BAD_FILE)


class Archives(CliCase):
    def compile(self, code, path, says="", **limits):
        out = self.dir / "out.pte"
        done = self.expect(code, "compile", path, "-o", out, says=says, **limits)
        self.assertEqual(out.exists(), done.returncode == DONE)
        out.unlink(missing_ok=True)
        return done

    def test_truncated(self):
        whole = (CORPUS / "lstm.pt2").read_bytes()
        cut = self.dir / "cut.pt2"
        for size in [*range(0, 64, 7), *range(64, len(whole), len(whole) // 40), len(whole) - 1]:
            cut.write_bytes(whole[:size])
            self.compile(BAD_FILE, cut)

    def test_flipped_bits(self):
        whole = (CORPUS / "dynamic_batch.pt2").read_bytes()
        flipped = self.dir / "flipped.pt2"
        chance = random.Random(0)
        for _ in range(120):
            at = chance.randrange(len(whole))
            flipped.write_bytes(whole[:at] + bytes([whole[at] ^ 1 << chance.randrange(8)]) + whole[at + 1 :])
            self.compile((DONE, BAD_FILE), flipped)

    def test_is_no_archive(self):
        self.compile(BAD_FILE, self.dir / "missing.pt2", "cannot open: No such file")
        self.compile(BAD_FILE, self.dir, "not a regular file")
        empty = self.dir / "empty.pt2"
        empty.touch()
        self.compile(BAD_FILE, empty, "not a .pt2 archive")
        empty.write_text("not a zip")
        self.compile(BAD_FILE, empty, "not a .pt2 archive")
        self.compile(BAD_FILE, archive(self.dir / "other.pt2", {"hello": b"x"}), "no models/model.json")

    def test_zip_bomb(self):
        content = entries(CORPUS / "linear_relu.pt2")
        content["models/model.json"] = b"[" * (64 << 20)
        bomb = archive(self.dir / "bomb.pt2", content, zipfile.ZIP_DEFLATED)
        self.assertLess(bomb.stat().st_size, 1 << 20)
        self.compile(BAD_FILE, bomb, "compressed or encrypted", memory_limit=256 << 20)

    def test_entry_larger_than_the_file(self):
        whole = bytearray((CORPUS / "linear_relu.pt2").read_bytes())
        at = whole.index(b"PK\x01\x02")
        while at >= 0:  # both sizes of every directory entry
            whole[at + 20 : at + 28] = struct.pack("<II", 0xFFFFFFF0, 0xFFFFFFF0)
            at = whole.find(b"PK\x01\x02", at + 1)
        path = self.dir / "large.pt2"
        path.write_bytes(whole)
        self.compile(BAD_FILE, path, memory_limit=256 << 20)

    def test_names(self):
        content = entries(CORPUS / "linear_relu.pt2")
        path = self.dir / "names.pt2"
        with zipfile.ZipFile(path, "w") as z:
            for name, data in content.items():
                z.writestr(f"model/{name}", data)
            with warnings.catch_warnings(action="ignore"):
                z.writestr("model/models/model.json", content["models/model.json"])
        self.compile(BAD_FILE, path, "two entries are named model/models/model.json")
        with zipfile.ZipFile(path, "w") as z:
            for name, data in content.items():
                z.writestr(f"/etc/{name}", data)
        self.compile(BAD_FILE, path, "no models/model.json")

    def test_another_schema(self):
        def change(program):
            program["schema_version"]["major"] = 9

        done = self.compile(BAD_FILE, self.model("linear_relu", change), r"schema version 9\.\d+ \(expected 8")
        self.assertIn("changed.pt2", done.stderr)

    def test_deep_nesting(self):
        content = entries(CORPUS / "linear_relu.pt2")
        content["models/model.json"] = b'{"a":' * 100000 + b"1" + b"}" * 100000
        self.compile(BAD_FILE, archive(self.dir / "deep.pt2", content))

    def test_unknown_operator(self):
        def change(program):
            program["graph_module"]["graph"]["nodes"][0]["target"] = "torch.ops.evil.run.default"

        self.compile(BAD_FILE, self.model("linear_relu", change), r"unsupported operator evil::run.*\(at make.py:\d+\)")

    def test_sizes(self):
        def sizes(*values):
            def change(program):
                program["graph_module"]["graph"]["tensor_values"]["input"]["sizes"] = [{"as_int": v} for v in values]

            return change

        for values in [(-1, 6), (1 << 62, 1 << 62), (1 << 40, 6), (0, 1 << 62, 1 << 62), (1,) * 70, (1 << 31, 6)]:
            self.compile(BAD_FILE, self.model("linear_relu", sizes(*values)), memory_limit=1 << 30)

    def test_absurd_ranges(self):
        for low, high in [(9, 2), (-(1 << 62), 1 << 62), (0, 0), (1 << 62, 1 << 62), ("a", None)]:

            def change(program):
                for bounds in program["range_constraints"].values():
                    bounds["min_val"], bounds["max_val"] = low, high

            self.compile((DONE, BAD_FILE), self.model("dynamic_batch", change), memory_limit=1 << 30)

    def test_weights_shorter_than_their_type(self):
        content = entries(CORPUS / "linear_relu.pt2")
        content["data/weights/weight_0"] = content["data/weights/weight_0"][:-4]
        self.compile(BAD_FILE, archive(self.dir / "short.pt2", content), "reaches past its data")

    def test_weights_beyond_their_storage(self):
        config = "data/weights/model_weights_config.json"
        whole = entries(CORPUS / "linear_relu.pt2")
        for key, old, new in [
            ("strides", b'{"as_int": 6}', b'{"as_int": 7}'),
            ("storage_offset", b'"storage_offset": {"as_int": 0}', b'"storage_offset": {"as_int": 9223372036854775807}'),
            ("negative", b'"storage_offset": {"as_int": 0}', b'"storage_offset": {"as_int": -1}'),
        ]:
            content = dict(whole)
            content[config] = whole[config].replace(old, new, 1)
            self.assertNotEqual(content[config], whole[config], key)
            self.compile(BAD_FILE, archive(self.dir / "strides.pt2", content))

    def test_repeated_weights_stay_small(self):
        """A weight of stride 0 repeats one number; it may not become terabytes of a file."""
        content = entries(CORPUS / "linear_relu.pt2")
        config = "data/weights/model_weights_config.json"
        content[config] = content[config].replace(b'[{"as_int": 8}, {"as_int": 6}]', b'[{"as_int": 1099511627}, {"as_int": 6}]', 1)
        content[config] = content[config].replace(b'"strides": [{"as_int": 6}, {"as_int": 1}]', b'"strides": [{"as_int": 0}, {"as_int": 0}]', 1)
        self.compile(BAD_FILE, archive(self.dir / "repeated.pt2", content), memory_limit=1 << 30)

    def test_wrong_kinds(self):
        kinds = [{"as_none": True}, {"as_int": 1}, {"as_string": "x"}, {"as_tensors": []}, {"as_floats": [1.0]}, {}, {"as_bool": 3}, {"as_tensor": {"name": "no"}}]
        for name in ("linear_relu", "conv_norm", "attention", "indexing", "views", "ordering", "resampling"):
            for kind in kinds:

                def change(program):
                    for node in program["graph_module"]["graph"]["nodes"]:
                        if node["inputs"]:
                            node["inputs"][-1]["arg"] = kind

                self.compile((DONE, BAD_FILE), self.model(name, change), memory_limit=1 << 30)

    def test_existing_output_stays(self):
        out = self.dir / "kept.pte"
        out.write_bytes(b"as it was")
        bad = self.dir / "bad.pt2"
        bad.write_bytes((CORPUS / "lstm.pt2").read_bytes()[:1000])
        self.expect(BAD_FILE, "compile", bad, "-o", out)
        self.assertEqual(out.read_bytes(), b"as it was")
        self.left_behind(out, bad)


class Programs(CliCase):
    def test_truncated(self):
        whole = self.compiled("lstm").read_bytes()
        cut = self.dir / "cut.pte"
        for size in [*range(0, 64, 7), *range(64, len(whole), len(whole) // 40), len(whole) - 1]:
            cut.write_bytes(whole[:size])
            self.expect(BAD_FILE, "run", cut, *self.inputs("lstm"))

    def test_flipped_bits(self):
        chance = random.Random(0)
        for name in ("state", "loop", "dynamic_pair"):
            whole = self.compiled(name).read_bytes()
            flipped = self.dir / "flipped.pte"
            for _ in range(80):
                at = chance.randrange(len(whole))
                flipped.write_bytes(whole[:at] + bytes([whole[at] ^ 1 << chance.randrange(8)]) + whole[at + 1 :])
                self.expect(ANY, "run", flipped, *self.inputs(name), memory_limit=2 << 30)

    def test_is_no_program(self):
        self.expect(BAD_FILE, "run", self.dir / "missing.pte", says="cannot open: No such file")
        self.expect(BAD_FILE, "run", self.dir, says="not a regular file")
        empty = self.dir / "empty.pte"
        empty.touch()
        self.expect(BAD_FILE, "run", empty, says="empty.pte: 0 bytes are too few")
        self.expect(BAD_FILE, "run", CORPUS / "lstm.pt2", says="not a .pte program")
        self.expect(BAD_FILE, "bench", CORPUS / "lstm.pt2", says="not a .pte program")

    def test_no_such_method(self):
        self.expect(WRONG_CALL, "run", self.compiled("state"), "--method", "backward", says='no method "backward"')


class Arrays(CliCase):
    """`linear_relu` takes f32[4,6]."""

    def run_on(self, *paths, code=WRONG_CALL, says=r"expected .*got"):
        words = [word for path in paths for word in ("--input", path)]
        return self.expect(code, "run", self.program, *words, says=says)

    def setUp(self):
        super().setUp()
        self.program = self.compiled("linear_relu")
        self.good = floats(self.dir / "good.npy", 4, 6)

    def test_good(self):
        self.run_on(self.good, code=DONE, says="")

    def test_wrong_type(self):
        self.run_on(floats(self.dir / "rank.npy", 4, 6, 1), says=r"expected f32\[4,6\], got f32\[4,6,1\]")
        self.run_on(floats(self.dir / "shape.npy", 4, 7), says=r"expected f32\[4,6\], got f32\[4,7\]")
        self.run_on(npy(self.dir / "dtype.npy", "<i8", (4, 6), bytes(192)), says=r"expected f32\[4,6\], got i64\[4,6\]")
        self.run_on(says=r"wrong number of inputs \(expected 1, got 0\)")
        self.run_on(self.good, self.good, says=r"wrong number of inputs \(expected 1, got 2\)")

    def test_out_of_bounds(self):
        self.program = self.compiled("dynamic_batch")
        self.run_on(floats(self.dir / "most.npy", 8, 5), code=DONE, says="")
        self.run_on(floats(self.dir / "more.npy", 9, 5), says=r"expected at most f32\[8,5\], got f32\[9,5\]")
        self.run_on(floats(self.dir / "none.npy", 0, 5), code=(DONE, WRONG_CALL))

    def test_indices_out_of_range(self):
        self.program = self.compiled("embedding_bag")
        weights = floats(self.dir / "weights.npy", 3, 5)
        for index in (10, -1, 1 << 40, -(1 << 63)):
            ids = npy(self.dir / "ids.npy", "<i8", (3, 5), struct.pack("<q", index) * 15)
            self.run_on(ids, weights, code=(FAILED, WRONG_CALL), says="embedding.*out of range|index")
        self.program = self.compiled("indexing")
        x, v = floats(self.dir / "x.npy", 3, 4), floats(self.dir / "v.npy", 3, 4)
        for index in (3, -4, 1 << 40):
            self.run_on(x, npy(self.dir / "i.npy", "<i8", (3,), struct.pack("<q", index) * 3), v, code=(FAILED, WRONG_CALL), says="index")

    def test_malformed(self):
        whole = self.good.read_bytes()
        path = self.dir / "bad.npy"
        for size in (0, 5, 9, 11, 40, 127, 129, len(whole) - 1):
            path.write_bytes(whole[:size])
            self.run_on(path, code=BAD_FILE, says="bad.npy")
        for old, new in [
            (b"'<f4'", b"'>f4'"),
            (b"'<f4'", b"'|O8'"),
            (b"(4, 6)", b"(4,-6)"),
            (b"(4, 6)", b"      "),
            (b"NUMPY", b"NUMPX"),
            (b"(4, 6), }" if b"(4, 6), }" in whole else b"(4, 6)}", b"(9999999999999,9999999999999)}"),
            (b"'shape'", b"'shope'"),
            (b"'descr'", b"'dascr'"),
        ]:
            self.assertIn(old, whole)
            path.write_bytes(whole.replace(old, new))
            self.run_on(path, code=BAD_FILE, says="bad.npy")

    def test_any_byte(self):
        whole = self.good.read_bytes()
        path = self.dir / "flipped.npy"
        for at in range(0, 128):
            path.write_bytes(whole[:at] + bytes([whole[at] ^ 0x41]) + whole[at + 1 :])
            self.run_on(path, code=ANY, says="")

    def test_missing(self):
        self.run_on(self.dir / "missing.npy", code=BAD_FILE, says="cannot open")
        self.run_on(self.dir, code=BAD_FILE, says="not a regular file")

    def test_answer_differs(self):
        words = ["--input", CORPUS / "linear_relu.0.x0.npy", "--expect", floats(self.dir / "other.npy", 4, 3)]
        self.expect(FAILED, "run", self.program, *words, says="differs from.*expected at most")
        words[-1] = floats(self.dir / "other.npy", 3, 3)
        self.expect(FAILED, "run", self.program, *words, says=r"wrong shape \(expected f32\[3,3\], got f32\[4,3\]\)")


if __name__ == "__main__":
    main()
