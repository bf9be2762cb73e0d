"""`inspect --full`, `--html` and `diff` of programs that ExecuTorch made: portable, delegated to XNNPACK, delegated to another backend."""
import json
import os
import pathlib
import re
import subprocess

import pytest
import torch
from torch import nn

pytest.importorskip("executorch")

ROOT = pathlib.Path(__file__).parents[2]
BINARY = os.environ.get("PORTFIRE_BINARY", str(ROOT / "build/release/portfire"))


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3, stride=2, padding=1)
        self.norm = nn.BatchNorm2d(8)
        self.head = nn.Linear(8, 5)

    def forward(self, x):
        y = torch.relu(self.norm(self.conv(x)))
        return self.head(y.mean((2, 3))).softmax(-1)


def portfire(*words, code=0):
    done = subprocess.run([BINARY, *map(str, words)], capture_output=True, text=True, timeout=120)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def programs(tmp_path_factory):
    """Files of one model: the archive, and what ExecuTorch makes of it."""
    from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner
    from executorch.exir import to_edge_transform_and_lower

    folder = tmp_path_factory.mktemp("programs")
    torch.manual_seed(0)
    exported = torch.export.export(Net().eval(), (torch.randn(2, 3, 16, 16),))
    torch.export.save(exported, folder / "net.pt2")
    for name, partitioners in {"portable": [], "xnnpack": [XnnpackPartitioner()]}.items():
        made = to_edge_transform_and_lower(exported, partitioner=partitioners).to_executorch()
        (folder / f"{name}.pte").write_bytes(made.buffer)
    return folder


def code_of(text):
    return re.findall(r"^  [ >] *\d+ (%.*)$", text, re.M)


def test_portable(programs):
    text = portfire("inspect", programs / "portable.pte", "--full")
    lines = code_of(text)
    assert len(lines) == int(re.search(r"instructions \((\d+)\)", text)[1])
    call = r"%\d+ f32\[2,8,8,8\] @1\+\d+ = aten::convolution.out\(%\d+ f32\[2,3,16,16\]( @1\+\d+)? input, %\d+ f32\[8,3,3,3\] constant"
    assert any(re.match(call, line) for line in lines), text
    # What ExecuTorch plans is what is in use at a time at the least.
    size, peak = re.search(r"memory 1: (.*); most in use (.*) \(", text).groups()
    assert size and peak


def test_xnnpack_is_opened(programs):
    text = portfire("inspect", programs / "xnnpack.pte", "--full")
    assert re.search(r"= delegate 0 XnnpackBackend\(%\d+ f32\[2,3,16,16\]", text), text
    assert re.search(r"^    node +\d+ \d+ = Conv2d\(\d+, \d+, \d+, kernel 3x3, stride 2x2, padding 1,1,1,1", text, re.M), text
    assert re.search(r"^    value \d+ : f32\[8,3,3,3\], constant ", text, re.M), text


def test_page(programs, tmp_path):
    portfire("inspect", programs / "xnnpack.pte", "--html", tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text()
    data = json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.S)[1])
    assert any("Conv2d" in d["text"] for d in data["methods"][0]["delegates"])


def test_recompiled_from_a_delegate_is_the_same(programs, tmp_path):
    ours, theirs = tmp_path / "ours.pte", tmp_path / "theirs.pte"
    portfire("compile", programs / "net.pt2", "-o", ours)
    portfire("compile", programs / "xnnpack.pte", "-o", theirs)
    text = portfire("diff", ours, theirs, "--all")
    same, agree = re.search(r"(\d+) are the same in both, of which (\d+) agree", text).groups()
    assert same == agree and int(same) >= 3, text
