"""Files of tensors beside the programs that others read and write them with: safetensors and ExecuTorch (where it is installed)."""
import os
import pathlib
import struct
import subprocess

import pytest
import torch
from torch import nn

ROOT = pathlib.Path(__file__).parents[2]
BINARY = os.environ.get("PORTFIRE_BINARY", str(ROOT / "build/release/portfire"))

DTYPES = [torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64, torch.float16, torch.bfloat16, torch.float32, torch.float64, torch.bool,
          torch.uint16, torch.uint32, torch.uint64]
SHAPES = [(), (3,), (2, 5), (1, 3, 2), (2, 1, 1, 3), (1, 2, 1, 2, 1), (0,), (2, 0, 3)]
RECORD = b"PFCKPT01" + struct.pack("<7Q", 120, 7, 99, 3, 512, 5, 0xABCDEF)


def portfire(*words, code=0):
    done = subprocess.run([BINARY, *map(str, words)], capture_output=True, text=True, timeout=60)
    assert done.returncode == code, done.stderr
    return done.stdout if code == 0 else done.stderr


def of_bytes(dtype, shape, seed):
    """Any bytes, NaN among them; bools are bools."""
    count = torch.Size(shape).numel()
    raw = torch.randint(0, 2 if dtype == torch.bool else 256, (count * dtype.itemsize,), dtype=torch.uint8, generator=torch.Generator().manual_seed(seed))
    return raw.view(dtype).reshape(shape)


def tensors(dtypes=DTYPES):
    return {f"{str(d)[6:]}.{k}": of_bytes(d, shape, 100 * i + k) for i, d in enumerate(dtypes) for k, shape in enumerate(SHAPES)}


def raw(tensor):
    return tensor.contiguous().reshape(-1).view(torch.uint8) if tensor.numel() else torch.empty(0, dtype=torch.uint8)


def assert_same(found, expected):
    assert set(found) == set(expected)
    for name, want in expected.items():
        got = found[name]
        assert (got.dtype, got.shape) == (want.dtype, want.shape), name
        assert torch.equal(raw(got), raw(want)), name


def checkpoint(folder, state):
    """A checkpoint of `state`, by way of safetensors."""
    safetensors = pytest.importorskip("safetensors.torch")
    record = torch.frombuffer(bytearray(RECORD), dtype=torch.uint8)
    safetensors.save_file({**state, "portfire.checkpoint": record}, folder / "training.safetensors")
    portfire("convert", folder / "training.safetensors", "-o", folder / "tuned.ptd")
    assert "checkpoint" in portfire("inspect", folder / "tuned.ptd")
    return folder / "tuned.ptd"


def test_safetensors(tmp_path):
    safetensors = pytest.importorskip("safetensors.torch")
    expected = {**tensors([*DTYPES, torch.complex64]), 'na"me\\ of\nß重': torch.ones(2)}
    safetensors.save_file(expected, tmp_path / "in.safetensors")
    portfire("convert", tmp_path / "in.safetensors", "-o", tmp_path / "x.ptd")
    portfire("convert", tmp_path / "x.ptd", "-o", tmp_path / "out.safetensors")
    assert_same(safetensors.load_file(tmp_path / "out.safetensors"), expected)
    with pytest.importorskip("safetensors").safe_open(tmp_path / "out.safetensors", framework="pt") as f:
        assert f.metadata() == {"format": "pt"}


def test_a_model_takes_what_was_converted(tmp_path):
    safetensors = pytest.importorskip("safetensors.torch")
    torch.manual_seed(0)
    trained, fresh = (nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU()) for _ in range(2))
    file = checkpoint(tmp_path, {k: v.contiguous() for k, v in trained.state_dict().items()})
    portfire("convert", file, "-o", tmp_path / "tuned.safetensors")
    fresh.load_state_dict(safetensors.load_file(tmp_path / "tuned.safetensors"))
    assert_same(dict(fresh.state_dict()), dict(trained.state_dict()))


def test_compile_takes_the_weights_of_a_trained_model(tmp_path):
    np = pytest.importorskip("numpy")
    torch.manual_seed(0)
    x = torch.randn(2, 3, 8, 8)

    def make():
        net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(144, 5)).eval()
        net[1].running_mean.normal_()
        return net

    old, new = make(), make()
    torch.export.save(torch.export.export(old, (x,)), tmp_path / "old.pt2")
    file = checkpoint(tmp_path, {k: v.contiguous() for k, v in new.state_dict().items()})
    said = portfire("compile", tmp_path / "old.pt2", "--weights", file, "-o", tmp_path / "new.pte")
    assert f"new.pte: {len(new.state_dict()) - 1} parameters" in said or f"new.pte: {len(new.state_dict())} parameters" in said
    np.save(tmp_path / "x.npy", x.numpy())
    np.save(tmp_path / "y.npy", new(x).detach().numpy())
    portfire("run", tmp_path / "new.pte", "--input", tmp_path / "x.npy", "--expect", tmp_path / "y.npy")


def payload_of(path):
    serialize = pytest.importorskip("executorch.extension.flat_tensor.serialize.serialize")
    cord = pytest.importorskip("executorch.exir._serialize._cord")
    return serialize.FlatTensorSerializer().deserialize(cord.Cord(path.read_bytes()))


def test_executorch_reads_ours(tmp_path):
    pytest.importorskip("executorch")
    expected = tensors()
    payload = payload_of(checkpoint(tmp_path, expected))
    assert {*payload.named_data} == {*expected, "portfire.checkpoint", "portfire.checksums"}
    for name, want in expected.items():
        entry = payload.named_data[name]
        assert tuple(entry.tensor_layout.sizes) == tuple(want.shape), name
        assert list(entry.tensor_layout.dim_order) == list(range(want.dim())), name
        assert bytes(payload.buffers[entry.buffer_index]) == bytes(raw(want).tolist()), name
    record = payload.named_data["portfire.checkpoint"]
    assert bytes(payload.buffers[record.buffer_index]) == RECORD
    assert [*payload.named_data][-2:] == ["portfire.checkpoint", "portfire.checksums"]


def external(model, x):
    """A program of ExecuTorch whose weights lie in a file of their own."""
    exir = pytest.importorskip("executorch.exir")
    program = exir.to_edge(torch.export.export(model, (x,))).to_executorch(exir.ExecutorchBackendConfig(external_constants=True))
    (data,) = program._tensor_data.values()
    return program.buffer, bytes(data)


def test_executorch_runs_on_ours(tmp_path):
    lib = pytest.importorskip("executorch.extension.pybindings.portable_lib")
    torch.manual_seed(0)
    old, new = (nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 3)) for _ in range(2))
    x = torch.randn(4, 6)
    program, _ = external(old, x)
    data = checkpoint(tmp_path, {k: v.detach() for k, v in new.state_dict().items()}).read_bytes()
    answer = lib._load_for_executorch_from_buffer(program, data).forward([x])[0]
    torch.testing.assert_close(answer, new(x).detach())
    assert not torch.allclose(answer, old(x))


def test_we_read_executorch(tmp_path):
    safetensors = pytest.importorskip("safetensors.torch")
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 3))
    (tmp_path / "theirs.ptd").write_bytes(external(model, torch.randn(4, 6))[1])
    text = portfire("inspect", tmp_path / "theirs.ptd")
    assert "theirs.ptd: tensors, " in text and "  0.weight : f32[8,6], 192 bytes\n" in text
    portfire("convert", tmp_path / "theirs.ptd", "-o", tmp_path / "x.safetensors")
    assert_same(safetensors.load_file(tmp_path / "x.safetensors"), dict(model.state_dict()))


def test_we_read_executorchs_serializer(tmp_path):
    """Every dtype, entries that share a buffer or have no type, other orders of dimensions."""
    safetensors = pytest.importorskip("safetensors.torch")
    serialize = pytest.importorskip("executorch.extension.flat_tensor.serialize.serialize")
    from executorch.exir._serialize.data_serializer import DataEntry, DataPayload
    from executorch.exir.schema import ScalarType
    from executorch.exir.tensor_layout import TensorLayout

    numbers = {torch.uint8: 0, torch.int8: 1, torch.int16: 2, torch.int32: 3, torch.int64: 4, torch.float16: 5, torch.float32: 6, torch.float64: 7,
               torch.bool: 11, torch.bfloat16: 15, torch.uint16: 27, torch.uint32: 28, torch.uint64: 29}
    expected = tensors()
    buffers = [bytes(raw(t).tolist()) for t in expected.values()]
    named = {name: DataEntry(i, 16, TensorLayout(ScalarType(numbers[t.dtype]), list(t.shape), list(range(t.dim()))))
             for i, (name, t) in enumerate(expected.items())}
    last = of_bytes(torch.float32, (2, 3, 4, 5), 1).contiguous(memory_format=torch.channels_last)
    buffers.append(bytes(last.permute(0, 2, 3, 1).contiguous().view(torch.uint8).flatten().tolist()))
    named["channels_last"] = DataEntry(len(buffers) - 1, 16, TensorLayout(ScalarType(6), [2, 3, 4, 5], [0, 2, 3, 1]))
    named["shared"] = DataEntry(len(buffers) - 1, 16, TensorLayout(ScalarType(6), [120], [0]))
    named["untyped"] = DataEntry(0, 16, None)
    data = serialize.FlatTensorSerializer().serialize(DataPayload(buffers=buffers, named_data=named))
    (tmp_path / "theirs.ptd").write_bytes(bytes(data))
    portfire("convert", tmp_path / "theirs.ptd", "-o", tmp_path / "x.safetensors")
    expected = {**expected, "channels_last": last, "shared": last.permute(0, 2, 3, 1).flatten(), "untyped": raw(expected["uint8.0"])}
    assert_same(safetensors.load_file(tmp_path / "x.safetensors"), expected)
