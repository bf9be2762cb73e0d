"""Write the corpus's files of tensors: seeds for fuzzing, each by another program.

Usage: make_tensors.py [DIR]    DIR defaults to this folder. Needs torch, safetensors, ExecuTorch 1.4.1 and build/release/portfire.

executorch.ptd          ExecuTorch's serializer
mixed.safetensors       safetensors
checkpoint.ptd          portfire convert, of a training's state
"""

import pathlib
import struct
import subprocess
import sys
import tempfile

import torch
from executorch.exir._serialize.data_serializer import DataEntry, DataPayload
from executorch.exir.schema import ScalarType
from executorch.exir.tensor_layout import TensorLayout
from executorch.extension.flat_tensor.serialize.serialize import FlatTensorSerializer
from safetensors.torch import save_file

HERE = pathlib.Path(__file__).parent
RECORD = b"PFCKPT01" + struct.pack("<7Q", 120, 7, 99, 3, 512, 5, 0xABCDEF)


def executorch(path):
    data = torch.arange(24, dtype=torch.float32).numpy().tobytes()
    named = {
        "conv.weight": DataEntry(0, 16, TensorLayout(ScalarType.FLOAT, [1, 2, 3, 4], [0, 2, 3, 1])),
        "shared": DataEntry(0, 16, TensorLayout(ScalarType.FLOAT, [24], [0])),
        "steps": DataEntry(1, 1, TensorLayout(ScalarType.LONG, [], [])),
        "untyped": DataEntry(2, 1, None),
    }
    payload = DataPayload(buffers=[data, bytes(8), b"some bytes"], named_data=named)
    path.write_bytes(bytes(FlatTensorSerializer().serialize(payload)))


def state():
    return {"0.weight": torch.arange(6, dtype=torch.float32).reshape(2, 3) / 8, "0.bias": torch.ones(2, dtype=torch.bfloat16),
            "1.count": torch.tensor(3), "none": torch.empty(0, 2), "flags": torch.tensor([True, False, True])}


def checkpoint(path):
    with tempfile.TemporaryDirectory() as folder:
        source = pathlib.Path(folder) / "training.safetensors"
        moment = {"portfire.moment.0.weight": torch.zeros(2, 3)}
        save_file({**state(), **moment, "portfire.checkpoint": torch.frombuffer(bytearray(RECORD), dtype=torch.uint8)}, source)
        subprocess.run([HERE.parents[1] / "build/release/portfire", "convert", source, "-o", path], check=True, stdout=subprocess.DEVNULL)


if __name__ == "__main__":
    to = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else HERE
    executorch(to / "executorch.ptd")
    save_file(state(), to / "mixed.safetensors", metadata={"format": "pt"})
    checkpoint(to / "checkpoint.ptd")
