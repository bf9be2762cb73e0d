"""What a case is, and the list of all of them. `@case` on a function that gives a Case adds it under
FILE-FUNCTION; `@case(variant=argument, ...)` adds one for each variant, called with its argument."""

import dataclasses
from collections.abc import Callable
from typing import Any

import torch

CASES: dict[str, Callable[[], "Case"]] = {}


@dataclasses.dataclass
class Case:
    module: torch.nn.Module
    calls: list[tuple]  # positional arguments of each call, in order
    dynamic_shapes: Any = None
    kwargs: dict = dataclasses.field(default_factory=dict)  # the same for all calls
    example: tuple | None = None  # what it is exported with, where not the first call
    tolerance: float = 1e-3
    strict: bool = False
    decompositions: Callable | None = None  # program -> program, before it is saved


class Function(torch.nn.Module):
    """A function of tensors as a module."""

    def __init__(self, function):
        super().__init__()
        self.forward = function


def case(function=None, /, **variants):
    def add(f):
        name = f"{f.__module__.rpartition('.')[2]}-{f.__name__.strip('_')}"
        for variant, argument in variants.items():
            CASES[f"{name}-{variant}"] = lambda argument=argument: f(argument)
        if not variants:
            CASES[name] = f
        return f

    return add(function) if function else add


def randoms(*shapes, dtype=torch.float32):
    """A tuple of random tensors, one for each shape."""
    return tuple(torch.randn(s).to(dtype) for s in shapes)
