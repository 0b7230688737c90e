"""Generative models in the order of their invention, on the same images.

Each gets the same images and about the same time, and is measured by the same four
numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import process_time
from typing import Any

import torch
from torch import Tensor

from genbook import metrics
from genbook._validate import (
    check_each,
    check_kind,
    check_seed,
    check_tensor,
    check_unit_interval,
)
from genbook.course.cached_fit import seeded_init
from genbook.discriminative.convolutional import ConvolutionalClassifier
from genbook.models.adversarial.gan import GAN
from genbook.models.autoregressive.made import MADE
from genbook.models.base import GenerativeModel
from genbook.models.density.kernel import KernelDensity
from genbook.models.density.mixture import GaussianMixture
from genbook.models.density.ppca import ProbabilisticPCA
from genbook.models.density.ppca_mixture import PPCAMixture
from genbook.models.diffusion.diffusion import Diffusion
from genbook.models.diffusion.flow_matching import FlowMatching
from genbook.models.flows.dequantisation import dequantise
from genbook.models.flows.flow import Flow
from genbook.models.representation.autoencoder import Autoencoder
from genbook.models.variational.vae import VAE
from genbook.training import fit

#: Draws ``n`` images: ``sampler(n, generator)``.
Sampler = Callable[[int, torch.Generator], Tensor]
Learner = Callable[[Tensor, torch.Generator], Sampler]


@dataclass(frozen=True)
class Method:
    """A way to learn to draw images.

    Attributes:
        year: When it was published.
        paper: By whom.
        name: What it is, in a few words.
        fit: Learns from images, ``(n, *event_shape)``; returns what draws new ones.
    """

    year: int
    paper: str
    name: str
    fit: Learner


@dataclass(frozen=True)
class Result:
    """What became of a method.

    Attributes:
        method: The method.
        seconds: The processor time that it took to learn.
        samples: What it drew, clipped to [0, 1], ``(n, *event_shape)``.
    """

    method: Method
    seconds: float
    samples: Tensor


def _kernel(x: Tensor, g: torch.Generator) -> Sampler:
    model = KernelDensity(x[0].numel()).fit(x.flatten(1))
    return lambda n, g: model.sample(n, generator=g).view(n, *x.shape[1:])


def _plane(components: int) -> Learner:
    def learn(x: Tensor, g: torch.Generator) -> Sampler:
        model = ProbabilisticPCA(x.shape[1:], components=components).fit(x)
        return lambda n, g: model.sample(n, generator=g)

    return learn


def _planes(clusters: int, components: int) -> Learner:
    def learn(x: Tensor, g: torch.Generator) -> Sampler:
        model = PPCAMixture(x.shape[1:], clusters=clusters, components=components)
        model.fit(x, iterations=15, generator=g)
        return lambda n, g: model.sample(n, generator=g)

    return learn


def _autoencoder(x: Tensor, g: torch.Generator) -> Sampler:
    seed = int(torch.randint(2**31, (), generator=g))
    network = Autoencoder(x.shape[1:], latent_dim=8, hidden=(128,))
    fit(network, x, steps=450, batch_size=128, lr=5e-3, seed=seed, progress=False)
    codes = network.encode(x).detach()
    prior = GaussianMixture(codes.shape[1], components=40)
    prior.fit(codes, iterations=30, min_variance=1e-3, generator=g)
    return lambda n, g: network.decode(prior.sample(n, generator=g)).detach()


def _trained(
    make: Callable[[], GenerativeModel],
    x: Tensor,
    g: torch.Generator,
    steps: int,
    **options: Any,
) -> GenerativeModel:
    """Make a model and train it; both follow from the generator."""
    seed = int(torch.randint(2**31, (), generator=g))
    with seeded_init(seed):
        model = make()
    options = {"batch_size": 100, "seed": seed, "progress": False} | options
    fit(model, x, steps=steps, **options)
    return model


def _vae(x: Tensor, g: torch.Generator) -> Sampler:
    model = _trained(
        lambda: VAE(x.shape[1:], 16, hidden=(256, 128), likelihood="bernoulli"),
        *(x, g, 500),
        lr=3e-3,
    )
    return lambda n, g: model.sample(n, generator=g)


def _gan(x: Tensor, g: torch.Generator) -> Sampler:
    sizes: dict[str, Any] = {"latent_dim": 16, "hidden": (256, 256)}
    model = _trained(
        lambda: GAN(
            x.shape[1:], r1_weight=3.0, ema_decay=0.99, output="sigmoid", **sizes
        ),
        *(x, g, 320),
        lr=4e-3,
        betas=(0.5, 0.9),
    )
    return lambda n, g: model.sample(n, generator=g)


def _masked(x: Tensor, g: torch.Generator) -> Sampler:
    d = x[0].numel()
    low, high = torch.zeros(d), torch.ones(d)
    model = _trained(
        lambda: MADE(low, high, bins=4, hidden=(500,), frequencies=0),
        *(x.flatten(1), g, 320),
        lr=1e-2,
    )

    def draw(n: int, g: torch.Generator) -> Tensor:
        grey = (4 * model.sample(n, generator=g)).floor() / 3  # the bins as grey levels
        return grey.view(n, *x.shape[1:])

    return draw


def _couplings(x: Tensor, g: torch.Generator) -> Sampler:
    d = x[0].numel()
    box: dict[str, Any] = {"low": torch.zeros(d), "high": torch.ones(d)}
    model = _trained(
        lambda: Flow(d, kind="affine", transforms=6, hidden=(128, 128), **box),
        *(dequantise(x.flatten(1), generator=g), g, 120),
        lr=2e-3,
    )
    return lambda n, g: model.sample(n, generator=g).view(n, *x.shape[1:])


def _path(kind: type[Diffusion] | type[FlowMatching]) -> Learner:
    def learn(x: Tensor, g: torch.Generator) -> Sampler:
        model = _trained(
            lambda: kind(x.shape[1:], prediction="x0", width=384),
            *(2 * x - 1, g, 320),
            lr=2e-3,
        )
        return lambda n, g: (model.sample(n, generator=g) + 1) / 2

    return learn


#: The methods, in the order of their invention.
METHODS: tuple[Method, ...] = (
    Method(1809, "Gauss", "mean and errors", _plane(0)),
    Method(1956, "Rosenblatt", "kernel estimate", _kernel),
    Method(1977, "Dempster et al.", "mixture of Gaussians", _planes(60, 0)),
    Method(1999, "Tipping & Bishop", "probabilistic PCA", _plane(50)),
    Method(1999, "Tipping & Bishop", "mixture of PPCA", _planes(30, 8)),
    Method(2014, "Kingma & Welling", "variational autoencoder", _vae),
    Method(2014, "Goodfellow et al.", "adversarial network", _gan),
    Method(2015, "Germain et al.", "masked autoregressive", _masked),
    Method(2017, "Dinh et al.", "normalizing flow", _couplings),
    Method(2020, "Ghosh et al.", "density of codes", _autoencoder),
    Method(2020, "Ho et al.", "diffusion", _path(Diffusion)),
    Method(2023, "Lipman et al.", "flow matching", _path(FlowMatching)),
)


def replay(
    x: Tensor, n: int = 1000, *, methods: Sequence[Method] = METHODS, seed: int = 0
) -> list[Result]:
    """Let each method learn from the same images, and draw.

    Args:
        x: Images with values in [0, 1], ``(m, channels, height, width)``.
        n: How many each method draws.
        methods: Which methods.
        seed: Decides all randomness.

    Returns:
        One result for each method.

    Example:
        >>> x = torch.rand(80, 1, 4, 4, generator=torch.Generator().manual_seed(0))
        >>> (result,) = replay(x, 5, methods=METHODS[:1])
        >>> result.method.year, result.samples.shape
        (1809, torch.Size([5, 1, 4, 4]))
    """
    check_tensor(x, "x", ("m", "channels", "height", "width"))
    check_unit_interval(x, "x")
    check_seed(seed)
    results = []
    for method in check_each(methods, "methods", Method):
        g = torch.Generator().manual_seed(seed)
        start = process_time()
        with seeded_init(seed):
            sampler = method.fit(x, g)
        seconds = process_time() - start
        results.append(Result(method, seconds, sampler(n, g).clamp(0, 1)))
    return results


def evaluate(
    samples: Tensor,
    reader: ConvolutionalClassifier,
    train: Tensor,
    held_out: Tensor,
    *,
    seed: int = 0,
) -> dict[str, Any]:
    """Return four numbers on drawn digits.

    Args:
        samples: What was drawn, ``(n, 1, height, width)``.
        reader: From :func:`~genbook.course.recipes.reading.digit_reader`.
        train: The images that were learned from.
        held_out: As many images that were not.
        seed: Decides the shuffles of the test for copies.

    Returns:
        The Fréchet distance between the reader's features of the samples and of ``n``
        held-out images; the coverage of those images in the same features; the energy
        distance between the pixels of both; and the share of the samples nearest to an
        image learned from, one half for a model that remembers none.
    """
    check_kind(reader, "reader", ConvolutionalClassifier)
    g = torch.Generator().manual_seed(check_seed(seed))
    sets = samples, train, held_out
    copies = metrics.nearest_neighbour_memorisation(*sets, permutations=1, generator=g)
    new = held_out[: len(samples)]
    real, drawn = reader.features(new), reader.features(samples)
    return {
        "Fréchet distance": metrics.frechet_distance(real, drawn),
        "coverage": metrics.precision_recall(real, drawn).coverage,
        "energy distance": metrics.energy_distance(samples, new),
        "nearest was seen": copies.share,
    }
