"""LSTM, GRU and plain recurrent networks, whole and cell by cell."""

import torch
from torch import nn
from torch.export import Dim

from modules.registry import Case, case, randoms


@case(
    plain={},
    deep={"num_layers": 2, "bidirectional": True},
    batch_first={"batch_first": True, "bias": False},
    projected={"proj_size": 3, "bidirectional": True},
)
def lstm(options):
    return Case(nn.LSTM(4, 6, **options), [randoms((5, 2, 4)), randoms((5, 2, 4))])


@case(plain={}, deep={"num_layers": 2, "bidirectional": True, "batch_first": True})
def gru(options):
    return Case(nn.GRU(4, 6, **options), [randoms((5, 2, 4))])


@case(tanh={}, relu={"nonlinearity": "relu", "bidirectional": True})
def rnn(options):
    return Case(nn.RNN(4, 6, 2, **options), [randoms((5, 2, 4))])


@case
def lstm_dynamic():
    class Tagger(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed, self.lstm, self.head = (
                nn.Embedding(13, 4),
                nn.LSTM(4, 6, batch_first=True, bidirectional=True),
                nn.Linear(12, 3),
            )

        def forward(self, ids):
            y, (h, c) = self.lstm(self.embed(ids))
            return self.head(y), h, c

    calls = [(torch.randint(0, 13, (b, t)),) for b, t in ((2, 5), (4, 5), (3, 5))]
    return Case(Tagger(), calls, ({0: Dim("b", max=4)},))


@case
def gru_states():
    class Stream(nn.Module):
        def __init__(self):
            super().__init__()
            self.gru = nn.GRU(3, 4, batch_first=True)
            self.register_buffer("h", torch.zeros(1, 1, 4))

        def forward(self, x):
            y, h = self.gru(x, self.h)
            self.h.copy_(h)
            return y

    return Case(Stream(), [randoms((1, 2, 3)) for _ in range(3)])


@case
def cells():
    class Cells(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b, self.c = (
                nn.LSTMCell(3, 4),
                nn.GRUCell(4, 4),
                nn.RNNCell(4, 4, nonlinearity="relu"),
            )

        def forward(self, xs):
            h = c = g = r = torch.zeros(2, 4)
            for x in xs.unbind(0):
                h, c = self.a(x, (h, c))
                g = self.b(h, g)
                r = self.c(g, r)
            return h, c, g, r

    return Case(Cells(), [randoms((4, 2, 3))])


@case
def unbatched():
    class Unbatched(nn.Module):
        def __init__(self):
            super().__init__()
            self.lstm, self.gru, self.cell = nn.LSTM(3, 4), nn.GRU(4, 4), nn.GRUCell(4, 2)

        def forward(self, x):
            y, _ = self.gru(self.lstm(x)[0])
            return y, self.cell(y[-1])

    return Case(Unbatched(), [randoms((5, 3))])


@case
def encoder_decoder():
    class Sequence(nn.Module):
        def __init__(self):
            super().__init__()
            self.encoder, self.decoder, self.score = (
                nn.GRU(3, 5, batch_first=True),
                nn.GRUCell(5 + 3, 5),
                nn.Linear(5, 3),
            )

        def forward(self, x):
            memory, h = self.encoder(x)
            h, y, out = h[0], x[:, -1], []
            for _ in range(3):
                w = torch.bmm(memory, h[..., None]).softmax(1)
                h = self.decoder(torch.cat([(memory * w).sum(1), y], 1), h)
                y = self.score(h)
                out.append(y)
            return torch.stack(out, 1)

    return Case(Sequence(), [randoms((2, 4, 3))])
