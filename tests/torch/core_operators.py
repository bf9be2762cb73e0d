"""Writes the names of ATen's core operators (torch.Tag.core) in PyTorch's installed version, one a line, to the file
beside this one. docs/operators.md marks them."""
import pathlib

import torch


def core_operators():
    for packet_name in torch.ops.aten:
        packet = getattr(torch.ops.aten, packet_name)
        for overload in packet.overloads():
            if torch.Tag.core in getattr(packet, overload).tags:
                yield f"aten::{packet_name}" + ("" if overload == "default" else f".{overload}")


def all_names():
    """`torch.ops.aten` lists only what was used before: the dispatcher knows all."""
    for name in torch._C._dispatch_get_all_op_names():
        if name.startswith("aten::"):
            getattr(torch.ops.aten, name.removeprefix("aten::").split(".")[0])


all_names()
names = sorted(set(core_operators()))
path = pathlib.Path(__file__).with_name("core_operators.txt")
path.write_text("\n".join(names) + "\n")
print(f"{len(names)} core operators of torch {torch.__version__} in {path.name}")
