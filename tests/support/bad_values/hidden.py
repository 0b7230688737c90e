"""A process that sees no GPU, for work that forks.

Where there is a GPU, the first backward pass of a process starts threads that its forks
do without, and PyTorch refuses a backward pass in them. A process that sees none starts
no thread.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from multiprocessing import get_context
from typing import ParamSpec, TypeVar

import torch

P = ParamSpec("P")
R = TypeVar("R")


def without_a_gpu(work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Return what a function gives where no GPU is seen: here, if there is none."""
    if not torch.cuda.is_available():
        return work(*args, **kwargs)
    return _process().submit(work, *args, **kwargs).result()


@cache
def _process() -> ProcessPoolExecutor:
    return ProcessPoolExecutor(1, get_context("spawn"), _hide)


def _hide() -> None:
    os.environ["CUDA_VISIBLE_DEVICES"] = ""  # read at the first look for a GPU
