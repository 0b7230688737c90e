"""A model made with NumPy's numbers is the one made with Python's, in a file too."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from genbook.models.autoregressive.pixelcnn import PixelCNN
from genbook.models.autoregressive.transformer import Transformer
from genbook.models.base import Model
from genbook.models.diffusion.masked import MaskedDiffusion
from genbook.models.representation.autoencoder import Autoencoder
from genbook.models.representation.mixture_of_autoencoders import MixtureOfAutoencoders
from genbook.models.representation.pca import PCA
from genbook.training import load, save

OTHERS: list[Model] = [
    PixelCNN((1, 4, 4), channels=4, depth=1, kernel_size=3),
    Transformer(4, 5, width=8, depth=1, heads=2),
    MaskedDiffusion(4, 5, width=8, depth=1, heads=2),
    Autoencoder((2,), latent_dim=1),
    MixtureOfAutoencoders((1, 4, 4), clusters=2),
    PCA((2,), components=1),
]


def as_numpy(value: Any) -> Any:
    """Return a value with NumPy's numbers in the place of Python's."""
    if isinstance(value, bool):
        return np.bool_(value)
    if isinstance(value, int):
        return np.int64(value)
    if isinstance(value, float):
        return np.float64(value)
    if isinstance(value, list | tuple):
        return [as_numpy(part) for part in value]
    return value


def check(model: Model, path: Path) -> None:
    config = {k: as_numpy(v) for k, v in model.config.items()}  # type: ignore
    twin = type(model)(**config)
    save(twin, path)
    load(model, path)
    for name, value in model.state_dict().items():
        there = twin.state_dict()[name]
        assert torch.equal(value.nan_to_num(0.5), there.nan_to_num(0.5))


def test_models_of_the_table(case: Any, tmp_path: Path) -> None:
    check(case.make(), tmp_path / "model")


@pytest.mark.parametrize("model", OTHERS, ids=lambda m: type(m).__name__)
def test_other_models(model: Model, tmp_path: Path) -> None:
    check(model, tmp_path / "model")
