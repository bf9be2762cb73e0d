"""`profile` and traces: every instruction is there, shares add up, the trace is what Perfetto reads."""

import json
import os
import re
from unittest import mock

from cli_case import BAD_FILE, DONE, WRONG_CALL, CliCase, main


class Profile(CliCase):
    def check_trace(self, path, instructions, runs=None):
        events = [e for e in json.loads(path.read_text())["traceEvents"] if e["ph"] == "X"]
        self.assertEqual({e["args"]["instruction"] for e in events}, set(range(instructions)))
        if runs is not None:
            self.assertEqual(len(events), runs * instructions)
        for e in events:
            self.assertGreaterEqual(e["dur"], 0)
            self.assertTrue({"name", "ts", "pid", "tid"} <= e.keys())
            self.assertTrue({"types", "source", "run"} <= e["args"].keys())
        starts = [e["ts"] for e in events]
        self.assertEqual(starts, sorted(starts))

    def test_json_and_trace(self):
        program, trace = self.compiled("conv_norm"), self.dir / "trace.json"
        done = self.expect(DONE, "profile", program, *self.inputs("conv_norm"), "--threads", "1", "--seconds", "0.1", "--json", "--trace", trace)
        profile = json.loads(done.stdout)
        rows = profile["instructions"]
        printed = self.expect(DONE, "inspect", program).stdout
        self.assertEqual(len(rows), int(re.search(r"instructions \((\d+)\)", printed)[1]))
        self.assertAlmostEqual(sum(r["share"] for r in rows), 1, places=3)
        self.assertAlmostEqual(sum(k["share"] for k in profile["operators"]), 1, places=3)
        self.assertEqual(sum(k["count"] for k in profile["operators"]), len(rows))
        self.assertGreater(profile["roof_gflops"], 0)
        self.assertGreater(profile["roof_gbs"], 0)
        convolutions = [r for r in rows if "conv" in r["op"]]
        self.assertTrue(convolutions)
        for r in convolutions:
            self.assertGreater(r["flops"], 0)
            self.assertIn(".py:", r["source"])
            self.assertIn("->", r["types"])
        self.check_trace(trace, len(rows), profile["runs"])

    def test_table(self):
        done = self.expect(DONE, "profile", self.compiled("mlp_gelu"), "--threads", "2", "--seconds", "0.05")
        head, table, kinds, foot = done.stdout.split("\n\n")
        self.assertIn("GFLOP/s", head)
        rows = table.splitlines()[1:]
        self.assertEqual([int(r.split()[0]) for r in rows], list(range(len(rows))))
        shares = [float(re.search(r"([\d.]+)%", r)[1]) for r in rows]
        self.assertAlmostEqual(sum(shares), 100, delta=0.1 * len(rows))
        self.assertIn("packed_linear", kinds)
        self.assertIn("100%", foot)

    def test_loops_and_dynamic_sizes(self):
        for name in ("loop", "dynamic_batch", "branch"):
            self.expect(DONE, "profile", self.compiled(name), *self.inputs(name), "--seconds", "0.02", "--json")

    def test_trace_of_a_run(self):
        program, trace = self.compiled("mlp_gelu"), self.dir / "trace.json"
        with mock.patch.dict(os.environ, PORTFIRE_TRACE=str(trace)):
            self.expect(DONE, "run", program, *self.inputs("mlp_gelu"))
        count = int(re.search(r"instructions \((\d+)\)", self.expect(DONE, "inspect", program).stdout)[1])
        self.check_trace(trace, count, 1)

    def test_wrong(self):
        program = self.compiled("mlp_gelu")
        self.expect(WRONG_CALL, "profile", program, "--input", "a.npy", "--input", "b.npy", says="wrong number")
        self.expect(BAD_FILE, "profile", self.dir / "none.pte")
        self.expect(BAD_FILE, "profile", program, "--seconds", "0.01", "--trace", self.dir / "no/trace.json", says="cannot create")


if __name__ == "__main__":
    main()
