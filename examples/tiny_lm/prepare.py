"""Exports a small Llama over bytes, and the losses that PyTorch has in its first steps on the same text.
Usage: prepare.py FOLDER [STEPS]

FOLDER gets lm.pt2 (ids [8,64] -> logits [8,64,256]), text.bin (documentation that this machine has) and losses.txt."""
import os
import pathlib
import sys

os.environ["HF_HUB_OFFLINE"] = "1"
import torch
import transformers

BATCH, LENGTH, RATE, CLIP = 8, 64, 1e-3, 1.0
TEXT = ["/usr/share/common-licenses", "/usr/share/doc"]


class Logits(torch.nn.Module):
    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, ids):
        return self.model(ids, use_cache=False).logits


def text(limit=400_000):
    """Plain English of the machine's documentation, its licenses first."""
    parts, size = [], 0
    for root in TEXT:
        for path in sorted(p for p in pathlib.Path(root).rglob("*") if p.is_file() and p.suffix not in (".gz", ".html")):
            data = path.read_bytes()[:100_000]
            if size < limit and len(data) > 2000 and all(b < 128 for b in data):
                parts.append(data)
                size += len(data)
    return b"\n".join(parts)[:limit]


def batch_at(data, step):
    """The rows of a step: BATCH pieces of LENGTH + 1 bytes, spread evenly; main.cc takes the same."""
    pieces = (len(data) - 1) // LENGTH
    rows = [(step * BATCH + r) * 7919 % pieces * LENGTH for r in range(BATCH)]
    x = torch.tensor([list(data[a : a + LENGTH]) for a in rows])
    y = torch.tensor([list(data[a + 1 : a + LENGTH + 1]) for a in rows])
    return x, y


def main(folder, steps):
    folder.mkdir(parents=True, exist_ok=True)
    data = text()
    (folder / "text.bin").write_bytes(data)
    torch.manual_seed(0)
    config = transformers.LlamaConfig(hidden_size=128, num_hidden_layers=4, num_attention_heads=4, num_key_value_heads=4, intermediate_size=352,
                                      vocab_size=256, max_position_embeddings=LENGTH, attn_implementation="sdpa", use_cache=False, tie_word_embeddings=True)
    model = Logits(transformers.LlamaForCausalLM(config))
    torch.export.save(torch.export.export(model, (batch_at(data, 0)[0],), strict=False), folder / "lm.pt2")
    optimizer = torch.optim.AdamW(model.parameters(), RATE)
    losses = []
    for step in range(steps):
        x, y = batch_at(data, step)
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(model(x).flatten(0, 1), y.flatten())
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), CLIP)
        optimizer.step()
        losses.append(loss.item())
    (folder / "losses.txt").write_text("".join(f"{loss:.6f}\n" for loss in losses))


main(pathlib.Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 50)
