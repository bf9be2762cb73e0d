"""Recurrent layers that decomposing unrolled, and loops over cells, are layers again in what is compiled, with the same answers."""
import os
import pathlib
import re
import subprocess

import numpy as np
import pytest
import torch
from torch import nn

ROOT = pathlib.Path(__file__).parents[2]
BINARY = os.environ.get("PORTFIRE_BINARY", str(ROOT / "build/release/portfire"))


class Layers(nn.Module):
    """All results, flat."""

    def __init__(self, layers):
        super().__init__()
        self.layers = layers

    def forward(self, x, *states):
        is_lstm = isinstance(self.layers, nn.LSTM)
        output, last = self.layers(x, states if is_lstm and states else states[0] if states else None)
        return (output, *last) if is_lstm else (output, last)


class Cells(nn.Module):
    """Over the second dimension, each step's input a product of its own; or that of the step before, which no layer can take."""

    def __init__(self, cell, feeds_itself=False):
        super().__init__()
        self.cell, self.feeds_itself = cell, feeds_itself

    def forward(self, x):
        h = torch.zeros(x.shape[0], self.cell.hidden_size)
        state = (h, torch.zeros_like(h)) if isinstance(self.cell, nn.LSTMCell) else h
        outputs = []
        for t in range(x.shape[1]):
            state = self.cell(h if self.feeds_itself and t else x[:, t], state)
            h = state[0] if isinstance(state, tuple) else state
            outputs.append(h)
        return (torch.stack(outputs, 1),)


X, STATE = (5, 2, 4), (1, 2, 4)
MODELS = {  # the model, the sizes of its inputs, how many layers it is
    "lstm": (lambda: Layers(nn.LSTM(4, 4)), [X], 1),
    "lstm-states": (lambda: Layers(nn.LSTM(4, 4)), [X, STATE, STATE], 1),
    "lstm-deep": (lambda: Layers(nn.LSTM(4, 4, 2, bidirectional=True, batch_first=True)), [(2, 5, 4)], 4),
    "lstm-unbatched": (lambda: Layers(nn.LSTM(4, 4, bias=False)), [(5, 4)], 1),
    "gru": (lambda: Layers(nn.GRU(4, 4)), [X], 1),
    "gru-deep": (lambda: Layers(nn.GRU(4, 4, 2, bidirectional=True)), [X, (4, 2, 4)], 4),
    "rnn": (lambda: Layers(nn.RNN(4, 4)), [X], 1),
    "rnn-relu": (lambda: Layers(nn.RNN(4, 4, nonlinearity="relu", batch_first=True)), [(2, 5, 4)], 1),
    "cells-lstm": (lambda: Cells(nn.LSTMCell(4, 4)), [(2, 5, 4)], 1),
    "cells-gru": (lambda: Cells(nn.GRUCell(4, 4)), [(2, 5, 4)], 1),
    "cells-rnn": (lambda: Cells(nn.RNNCell(4, 4)), [(2, 5, 4)], 1),
    "feeds-itself": (lambda: Cells(nn.LSTMCell(4, 4), feeds_itself=True), [(2, 5, 4)], 0),
}


@pytest.mark.parametrize("name", MODELS)
@torch.no_grad()
def test_decomposed(name, tmp_path):
    torch.manual_seed(0)
    make, sizes, layers = MODELS[name]
    model, inputs = make().eval(), tuple(torch.randn(s) for s in sizes)
    torch.export.save(torch.export.export(model, inputs).run_decompositions(), tmp_path / "model.pt2")
    words = []
    for flag, tensors in (("--input", inputs), ("--expect", model(*inputs))):
        for i, t in enumerate(tensors):
            np.save(tmp_path / f"{flag[2:]}{i}.npy", t.numpy())
            words += [flag, tmp_path / f"{flag[2:]}{i}.npy"]
    subprocess.run([BINARY, "compile", tmp_path / "model.pt2", "-o", tmp_path / "model.pte", "--dump", tmp_path / "dumps"], check=True, timeout=60)
    program = (tmp_path / "dumps/program.txt").read_text()
    assert len(re.findall(r"portfire::\w+_layer", program)) == layers
    assert bool(layers) != ("tanh" in program), "no step may be left"
    done = subprocess.run([BINARY, "run", tmp_path / "model.pte", *words, "--tolerance", "1e-5"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
