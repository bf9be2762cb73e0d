"""Programs with torchao's packed layers and embeddings of few bits, which ExecuTorch's exporter writes where torchao was built with its
kernels for CPUs: run as they are, and recompiled. The wheels have no such build, so that the operators are declared here and the weights
packed here, in torchao's universal format (ops/torchao_packed.h) of 4 bits."""
import os
import pathlib
import subprocess
import warnings

import numpy as np
import pytest
import torch

pytest.importorskip("executorch")
warnings.filterwarnings("ignore")
BINARY = os.environ.get("PORTFIRE_BINARY", str(pathlib.Path(__file__).parents[2] / "build/release/portfire"))
N, K, GROUP = 20, 64, 32  # words, width, what a scale is for
LINEAR = "Tensor activations, Tensor packed_weights, int group_size, int n, int k"
SHARED = "Tensor packed_weights, int group_size, int n, int k, Tensor indices"


def declared():
    library = torch.library.Library("torchao", "FRAGMENT")
    for name, arguments in (("_linear_8bit_act_4bit_weight", LINEAR), ("_shared_embedding_4bit", SHARED)):
        library.define(f"{name}({arguments}) -> Tensor")
        library.define(f"{name}.out({arguments}, *, Tensor(a!) out) -> Tensor(a!)")
    library.impl("_linear_8bit_act_4bit_weight", lambda x, w, group, n, k: x.new_empty(x.shape[0], n), "Meta")
    library.impl("_shared_embedding_4bit", lambda w, group, n, k, i: torch.empty(i.shape[0], k, device=i.device), "Meta")
    return library


def packed(q, scales, bias):
    """q: [n, k] of -8 to 7; a scale for each group of a row."""
    header = np.zeros(16, np.int32)
    header[:8] = 6712, 1, 4, 0, 1, 8, 16, 2
    parts = [header.tobytes()]
    rows = -(-len(q) // 8) * 8
    q, scales, bias = (np.concatenate([a, np.zeros((rows - len(a), *a.shape[1:]), a.dtype)]) for a in (q, scales, bias))
    for panel in range(0, rows, 8):
        for g in range(K // GROUP):
            group = q[panel : panel + 8, g * GROUP : (g + 1) * GROUP]
            for k in range(0, GROUP, 16):
                flat = (group[:, k : k + 16].reshape(8, 2, 8).transpose(1, 0, 2).ravel() + 8).astype(np.uint8).reshape(4, 2, 16)
                parts.append((flat[:, 0] | flat[:, 1] << 4).tobytes())
            parts += [scales[panel : panel + 8, g].tobytes(), group.sum(1, dtype=np.int32).tobytes()]
        parts.append(bias[panel : panel + 8].tobytes())
    return torch.frombuffer(bytearray(b"".join(parts)), dtype=torch.int8).clone()


def test_tied_embedding(tmp_path):
    from executorch.exir import EdgeCompileConfig, to_edge

    numbers = np.random.default_rng(0)
    q = numbers.integers(-8, 8, (N, K)).astype(np.int32)
    scales, bias = numbers.uniform(0.1, 1, (N, K // GROUP)).astype(np.float32), numbers.normal(size=N).astype(np.float32)

    class Tied(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.register_buffer("weight", packed(q, scales, bias))

        def forward(self, i):
            x = torch.tanh(torch.ops.torchao._shared_embedding_4bit(self.weight, GROUP, N, K, i))
            return torch.ops.torchao._linear_8bit_act_4bit_weight(x, self.weight, GROUP, N, K)

    library = declared()
    i = torch.tensor([3, 0, 19, 7, 3, 11, 8, 1, 16, 2])
    program = to_edge(torch.export.export(Tied(), (i,)), compile_config=EdgeCompileConfig(_check_ir_validity=False)).to_executorch()
    del library
    (tmp_path / "m.pte").write_bytes(program.buffer)
    weight = q * scales.repeat(GROUP, 1)
    np.save(tmp_path / "x.npy", i.numpy())
    np.save(tmp_path / "y.npy", (np.tanh(weight[i.numpy()]) @ weight.T + bias).astype(np.float32))
    listed = subprocess.run([BINARY, "inspect", tmp_path / "m.pte"], capture_output=True, text=True, check=True).stdout
    assert "_linear_8bit_act_4bit_weight.out" in listed and "_shared_embedding_4bit.out" in listed
    subprocess.run([BINARY, "compile", tmp_path / "m.pte", "-o", tmp_path / "new.pte"], check=True)
    for name in ("m.pte", "new.pte"):
        words = [BINARY, "run", tmp_path / name, "--input", tmp_path / "x.npy", "--expect", tmp_path / "y.npy", "--tolerance", "0.01"]
        done = subprocess.run(words, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
