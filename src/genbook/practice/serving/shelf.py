"""The models that a service offers: read from files that hold numbers, never code.

A file says the name of its class. That name chooses among the classes below and is used
for nothing else, so a file can ask for no other code to be run.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from genbook._files import check_path
from genbook._validate import check_dtype
from genbook.models.adversarial.gan import GAN
from genbook.models.autoregressive.made import MADE
from genbook.models.autoregressive.pixelcnn import PixelCNN
from genbook.models.autoregressive.transformer import Transformer
from genbook.models.base import GenerativeModel, TractableModel
from genbook.models.density.box import UniformBox
from genbook.models.density.class_conditional import ClassConditional
from genbook.models.density.gaussian import Gaussian
from genbook.models.density.histogram import Histogram
from genbook.models.density.kernel import KernelDensity
from genbook.models.density.mixture import GaussianMixture
from genbook.models.density.ppca import ProbabilisticPCA
from genbook.models.density.ppca_mixture import PPCAMixture
from genbook.models.diffusion.diffusion import Diffusion
from genbook.models.diffusion.flow_matching import FlowMatching
from genbook.models.energy.network import EnergyNetwork
from genbook.models.energy.noise_conditional import NoiseConditionalEnergy
from genbook.models.flows.flow import Flow
from genbook.models.flows.image_flow import ImageFlow
from genbook.models.networks.cnn import TimeConditionedCNN
from genbook.models.networks.unet import UNet
from genbook.models.variational.vae import VAE
from genbook.practice.serving.noise import same_alone
from genbook.training import _files, isolated_rng, load

__all__ = ["Offer", "load_models", "read_model"]

KINDS: dict[str, type[GenerativeModel]] = {
    kind.__name__: kind
    for kind in (
        *(UniformBox, Gaussian, GaussianMixture, Histogram, KernelDensity),
        *(ProbabilisticPCA, PPCAMixture, ClassConditional, MADE, PixelCNN),
        *(Transformer, Flow, ImageFlow, VAE, EnergyNetwork),
        NoiseConditionalEnergy,
        *(Diffusion, FlowMatching, GAN),
    )
}
NETWORKS: dict[str, type[torch.nn.Module]] = {
    "UNet": UNet,
    "TimeConditionedCNN": TimeConditionedCNN,
}
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
SUFFIX = ".safetensors"


@dataclass(frozen=True)
class Offer:
    """A model that is served.

    Attributes:
        name: What it is called: the name of its file.
        model: The model itself.
        batched: Whether requests may be computed together.
    """

    name: str
    model: GenerativeModel
    batched: bool

    @property
    def tokens(self) -> bool:
        """Whether its observations are tokens, whole numbers."""
        return isinstance(self.model, Transformer)

    @property
    def has_log_prob(self) -> bool:
        """Whether it knows the density of an observation."""
        return isinstance(self.model, TractableModel)


def read_model(path: str | os.PathLike[str]) -> GenerativeModel:
    """Make a model from a file of ``genbook.training.save`` or ``fit``.

    Args:
        path: The file.

    Returns:
        The model, ready to be asked.

    Raises:
        TypeError: If ``path`` is no path.
        OSError: If there is no such file.
        ValueError: If it is damaged or holds a model that cannot be served.

    Example:
        >>> import tempfile
        >>> from genbook.training import save
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     save(Flow(2, transforms=1), f"{folder}/flow.safetensors")
        ...     read_model(f"{folder}/flow.safetensors").event_shape
        (2,)
    """
    path = check_path(path, "path")
    tensors, meta = _files.read(path)
    kind, config = meta["class"], dict(meta["config"] or {})
    if kind not in KINDS:
        raise ValueError(
            f"path must hold a model that can be served, {path} holds a {kind}; those "
            f"are {', '.join(sorted(KINDS))}"
        )
    if "network" in config:
        config["network"] = _network(config["network"], path)
    floats = [t.dtype for k, t in tensors.items() if t.is_floating_point()]
    dtype = floats[0] if floats else torch.float32
    make: Any = KINDS[kind]
    try:
        with isolated_rng(0):
            model = make(**config).to(dtype)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"{path} does not fit this version's {kind}: {error}"
        ) from None
    return load(model, path).eval()


def _network(said: Any, path: Path) -> torch.nn.Module:
    known = isinstance(said, dict) and said.get("class") in NETWORKS
    if not known or not isinstance(said.get("config"), dict):
        raise ValueError(f"path must hold a network that can be served, {path} not")
    return NETWORKS[said["class"]](**said["config"])


def load_models(
    place: str | os.PathLike[str], dtype: torch.dtype = torch.float64
) -> dict[str, Offer]:
    """Read a file, or every ``.safetensors`` of a folder.

    Args:
        place: The file or the folder.
        dtype: The type to compute in. In double precision a sample does not depend on
            the batch that it is drawn in, to the digits that are served.

    Returns:
        What is served, by name.

    Raises:
        TypeError: If an argument is of another type.
        OSError: If there is no such place.
        ValueError: If there is no model in it, a name holds more than letters, digits,
            ``-`` and ``_``, or a file cannot be served.

    Example:
        >>> import tempfile
        >>> from genbook.training import save
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     save(Flow(2, transforms=1), f"{folder}/flow.safetensors")
        ...     list(load_models(folder))
        ['flow']
    """
    place = check_path(place, "place")
    check_dtype(dtype)
    if not place.exists():
        raise FileNotFoundError(f"there is no file or folder {place} to serve")
    paths = sorted(place.glob(f"*{SUFFIX}")) if place.is_dir() else [place]
    if not paths:
        raise ValueError(f"place must hold a file *{SUFFIX}, {place} holds none")
    offers = {}
    for path in paths:
        name = path.name.removesuffix(SUFFIX)
        if path.suffix != SUFFIX:
            raise ValueError(f"place must be a file *{SUFFIX}, got {path}")
        if not NAME.fullmatch(name):
            raise ValueError(
                f"the name of {path} must be up to 64 letters, digits, - and _"
            )
        model = read_model(path).to(dtype)
        offers[name] = Offer(name, model, same_alone(model))
    return offers
