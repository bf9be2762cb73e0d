"""Exports the digits' CNN and writes the data: scikit-learn's digits, and digits as another user writes them, turned and noisy.
Usage: prepare.py FOLDER

FOLDER gets digits.pt2, and train, test, user_train and user_test as NAME.x.f32 (images [n,1,8,8]) and NAME.y.i64 (labels [n])."""
import pathlib
import sys

import numpy as np
import torch
from scipy.ndimage import rotate
from sklearn.datasets import load_digits
from torch import nn
from torch.nn import functional as F


class Digits(nn.Module):
    def __init__(self):
        super().__init__()
        self.c1, self.c2 = nn.Conv2d(1, 32, 3, padding=1), nn.Conv2d(32, 64, 3, padding=1)
        self.hidden, self.head = nn.Linear(64 * 2 * 2, 64), nn.Linear(64, 10)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.c1(x)), 2)
        x = F.max_pool2d(F.relu(self.c2(x)), 2)
        return self.head(F.relu(self.hidden(x.flatten(1))))


def main(folder):
    folder.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(0)
    images, labels = load_digits(return_X_y=True)
    order = random.permutation(len(images))
    images, labels = (images[order] / 16).reshape(-1, 1, 8, 8).astype(np.float32), labels[order].astype(np.int64)
    turned = rotate(images, 35, axes=(2, 3), reshape=False, order=1)
    turned = np.clip(turned + random.normal(0, 0.1, turned.shape), 0, 1).astype(np.float32)
    fifth = len(images) // 5
    for name, x, rows in (("test", images, slice(0, fifth)), ("train", images, slice(fifth, None)),
                          ("user_test", turned, slice(0, fifth)), ("user_train", turned, slice(fifth, 2 * fifth))):
        x[rows].tofile(folder / f"{name}.x.f32")
        labels[rows].tofile(folder / f"{name}.y.i64")
    torch.manual_seed(0)
    batch = {"x": {0: torch.export.Dim("batch", min=2, max=64)}}
    torch.export.save(torch.export.export(Digits(), (torch.zeros(32, 1, 8, 8),), dynamic_shapes=batch), folder / "digits.pt2")


main(pathlib.Path(sys.argv[1]))
