"""The family tree of the book as data, computed from what each class can do.

Nobody writes down where a model belongs: its methods say it (``models/base.py``). What
is written here is only what a program cannot know: the year, the paper, the chapter.
The book draws its tree, its nested sets and its tables from the plain lists and
dictionaries below.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from dataclasses import dataclass
from typing import Any

import genbook.models
from genbook.models.adversarial.gan import GAN
from genbook.models.autoregressive.made import MADE
from genbook.models.autoregressive.pictures import PictureWriter
from genbook.models.autoregressive.pixelcnn import PixelCNN
from genbook.models.autoregressive.transformer import Transformer
from genbook.models.base import (
    EnergyModel,
    GenerativeModel,
    LatentVariableModel,
    Model,
    RepresentationModel,
    TractableModel,
    VariationalModel,
)
from genbook.models.density.box import UniformBox
from genbook.models.density.class_conditional import ClassConditional
from genbook.models.density.gaussian import Gaussian
from genbook.models.density.grid import GridNetwork
from genbook.models.density.histogram import Histogram
from genbook.models.density.kernel import KernelDensity
from genbook.models.density.mixture import GaussianMixture
from genbook.models.density.ppca import ProbabilisticPCA
from genbook.models.density.ppca_mixture import PPCAMixture
from genbook.models.diffusion.diffusion import Diffusion
from genbook.models.diffusion.flow_matching import FlowMatching
from genbook.models.diffusion.masked import MaskedDiffusion
from genbook.models.diffusion.reflow import Reflow
from genbook.models.diffusion.text_to_image import CaptionedFlow, TextToImage
from genbook.models.energy.network import EnergyNetwork
from genbook.models.energy.noise_conditional import NoiseConditionalEnergy
from genbook.models.flows.flow import Flow
from genbook.models.flows.image_flow import ImageFlow
from genbook.models.representation.autoencoder import Autoencoder
from genbook.models.representation.contrastive import ContrastivePair
from genbook.models.representation.mixture_of_autoencoders import (
    MixtureOfAutoencoders,
)
from genbook.models.representation.pca import PCA
from genbook.models.representation.places import PlaceAutoencoder
from genbook.models.representation.tokens import TokenAutoencoder
from genbook.models.variational.vae import VAE

TRACTABLE = "explicit, tractable"

APPROXIMATE = "explicit, approximate"

IMPLICIT = "implicit"

APPROACHES = (TRACTABLE, APPROXIMATE, IMPLICIT)

UNSUPERVISED = "unsupervised models"

GENERATIVE = "generative models"

PROBABILISTIC = "probabilistic models"

LATENT = "latent-variable models"

SETS = (UNSUPERVISED, GENERATIVE, PROBABILISTIC, LATENT)

ABILITIES = (
    "fit",
    "loss",
    "sample",
    "log_prob",
    "elbo",
    "energy",
    "encode",
    "decode",
)


@dataclass(frozen=True)
class Member:
    """A model of the book, with what its class cannot say about itself.

    Attributes:
        cls: The class.
        chapter: The chapter that teaches it, a path in ``book/`` without ending.
        year: When it was published first.
        paper: Who published it: authors and year.
        says: What it is, in one line.
    """

    cls: type[Model]
    chapter: str
    year: int
    paper: str
    says: str

    @property
    def name(self) -> str:
        """The name of the class."""
        return self.cls.__name__

    @property
    def module(self) -> str:
        """The module to import it from."""
        return self.cls.__module__


MEMBERS: tuple[Member, ...] = (
    Member(
        UniformBox,
        "foundations/world-map",
        1763,
        "Bayes 1763",
        "constant inside a box, zero outside",
    ),
    Member(
        Gaussian,
        "foundations/maximum-likelihood",
        1809,
        "Gauss 1809",
        "one bell with a full covariance",
    ),
    Member(
        GaussianMixture,
        "foundations/world-map",
        1894,
        "Pearson 1894; Dempster, Laird and Rubin 1977",
        "a weighted sum of Gaussians; the component is latent",
    ),
    Member(
        Histogram,
        "foundations/probability",
        1895,
        "Pearson 1895",
        "the share of the observations in each cell of a grid",
    ),
    Member(
        KernelDensity,
        "foundations/world-map",
        1956,
        "Rosenblatt 1956; Parzen 1962",
        "a small Gaussian on every observation",
    ),
    Member(
        GridNetwork,
        "foundations/maximum-likelihood",
        1994,
        "Modha and Fainman 1994",
        "a network with a softmax over the cells of a grid",
    ),
    Member(
        PCA,
        "foundations/representation-learning",
        1901,
        "Pearson 1901",
        "the best linear code for the squared error",
    ),
    Member(
        Autoencoder,
        "foundations/representation-learning",
        2006,
        "Hinton and Salakhutdinov 2006",
        "a network that draws its input again from a short code",
    ),
    Member(
        ProbabilisticPCA,
        "learning/generative-models",
        1999,
        "Tipping and Bishop 1999",
        "a Gaussian on a plane, with noise on every feature",
    ),
    Member(
        PPCAMixture,
        "learning/generative-models",
        1999,
        "Tipping and Bishop 1999",
        "a weighted sum of planes with noise around them",
    ),
    Member(
        ClassConditional,
        "learning/generative-models",
        1936,
        "Fisher 1936",
        "one density a class, and Bayes' rule",
    ),
    Member(
        MixtureOfAutoencoders,
        "foundations/representation-learning",
        2017,
        "Zhang et al. 2017",
        "an autoencoder for each cluster, and a network that assigns",
    ),
    Member(
        MADE,
        "families/autoregressive",
        2015,
        "Germain et al. 2015",
        "a masked network: each coordinate given those before",
    ),
    Member(
        PixelCNN,
        "families/autoregressive",
        2016,
        "van den Oord et al. 2016",
        "masked convolutions: each pixel given those before",
    ),
    Member(
        Transformer,
        "families/autoregressive",
        2017,
        "Vaswani et al. 2017",
        "attention: each token given those before",
    ),
    Member(
        Flow,
        "families/normalizing-flows",
        2015,
        "Rezende and Mohamed 2015",
        "a simple distribution, bent by invertible functions",
    ),
    Member(
        ImageFlow,
        "families/normalizing-flows",
        2017,
        "Dinh, Sohl-Dickstein and Bengio 2017",
        "a table of pixels, and couplings of neighbours",
    ),
    Member(
        VAE,
        "families/variational-autoencoders",
        2014,
        "Kingma and Welling 2014",
        "a latent code, and a bound in place of its integral",
    ),
    Member(
        EnergyNetwork,
        "families/energy-based",
        2006,
        "LeCun et al. 2006",
        "a network for the log density, up to a constant",
    ),
    Member(
        NoiseConditionalEnergy,
        "families/energy-based",
        2019,
        "Song and Ermon 2019",
        "an energy for every level of noise",
    ),
    Member(
        Diffusion,
        "families/diffusion",
        2015,
        "Sohl-Dickstein et al. 2015; Ho, Jain and Abbeel 2020",
        "noise, taken out step by step",
    ),
    Member(
        MaskedDiffusion,
        "families/language-models",
        2021,
        "Austin et al. 2021; Sahoo et al. 2024",
        "hidden tokens, guessed in any order",
    ),
    Member(
        FlowMatching,
        "families/flow-matching",
        2023,
        "Lipman et al. 2023",
        "the velocity from noise to data along straight lines",
    ),
    Member(
        PlaceAutoencoder,
        "families/text-to-image",
        2022,
        "Rombach et al. 2022",
        "a short code for each place of a picture",
    ),
    Member(
        CaptionedFlow,
        "families/text-to-image",
        2023,
        "Lipman et al. 2023; Peebles and Xie 2023",
        "flow matching that reads a caption",
    ),
    Member(
        TextToImage,
        "families/text-to-image",
        2022,
        "Rombach et al. 2022",
        "a flow of codes given a caption, and a decoder",
    ),
    Member(
        TokenAutoencoder,
        "families/picture-tokens",
        2023,
        "Mentzer et al. 2023",
        "a few tokens for each place of a picture",
    ),
    Member(
        PictureWriter,
        "families/picture-tokens",
        2021,
        "Ramesh et al. 2021",
        "writes a picture's tokens after the words of its caption",
    ),
    Member(
        Reflow,
        "families/one-step",
        2023,
        "Liu, Gong and Liu 2023",
        "teaches a flow to walk straight, on pairs that another drew",
    ),
    Member(
        ContrastivePair,
        "families/text-to-image",
        2021,
        "Radford et al. 2021",
        "two encoders; what belongs together lies near",
    ),
    Member(
        GAN,
        "families/adversarial",
        2014,
        "Goodfellow et al. 2014",
        "a generator and a discriminator that teach one another",
    ),
)


def _checked(cls: type[Model]) -> type[Model]:
    """Return a class; refuse what is no class of models, a name or a model itself."""
    if not isinstance(cls, type) or not issubclass(cls, Model):
        raise TypeError(f"cls must be a class of models, got {cls!r}")
    return cls


def approach(cls: type[Model]) -> str | None:
    """Return how a class deals with the density of its observations.

    Args:
        cls: A model class.

    Returns:
        ``APPROXIMATE`` if it learns by a bound of the density or knows it up
        to a constant, ``TRACTABLE`` if it evaluates it, ``IMPLICIT`` if it
        only draws from it, and ``None`` if it does not generate.

    Raises:
        TypeError: If ``cls`` is not a class of models.

    Example:
        >>> approach(Gaussian)
        'explicit, tractable'
    """
    if not issubclass(_checked(cls), GenerativeModel):
        return None
    if issubclass(cls, VariationalModel | EnergyModel):
        return APPROXIMATE
    if issubclass(cls, TractableModel):
        return TRACTABLE
    return IMPLICIT


def sets(cls: type[Model]) -> tuple[str, ...]:
    """Return the nested sets that a class belongs to, the largest first.

    No model of the package is given a target to predict; a label, where it
    takes one, is a condition. It is generative if it can be sampled;
    probabilistic if it also assigns a density, exactly or not, or explains the
    observations by a latent variable; and a latent-variable model in the last
    case.

    Args:
        cls: A model class.

    Returns:
        The first few of ``SETS``.

    Example:
        >>> sets(Gaussian)
        ('unsupervised models', 'generative models', 'probabilistic models')
    """
    if not issubclass(_checked(cls), GenerativeModel):
        return SETS[:1]
    if issubclass(cls, LatentVariableModel):
        return SETS
    assigns_a_density = approach(cls) != IMPLICIT
    return SETS[:3] if assigns_a_density else SETS[:2]


def has_density(cls: type[Model]) -> bool:
    """Return whether a class evaluates its density exactly.

    Raises:
        TypeError: If ``cls`` is not a class of models.

    Example:
        >>> has_density(Gaussian)
        True
    """
    return issubclass(_checked(cls), TractableModel)


def density_kind(cls: type[Model]) -> str:
    """Return what a class can say of the density of an observation.

    Args:
        cls: A model class.

    Returns:
        ``"exact"``, ``"bounded"`` from below, ``"up to a constant"`` or ``"none"``.

    Raises:
        TypeError: If ``cls`` is not a class of models.

    Example:
        >>> density_kind(Gaussian), density_kind(GAN)
        ('exact', 'none')
    """
    if has_density(cls):
        return "exact"
    if issubclass(cls, VariationalModel):
        return "bounded"
    return "up to a constant" if issubclass(cls, EnergyModel) else "none"


def has_representation(cls: type[Model]) -> bool:
    """Return whether a class encodes observations, and decodes codes.

    Raises:
        TypeError: If ``cls`` is not a class of models.

    Example:
        >>> has_representation(GaussianMixture), has_representation(Gaussian)
        (True, False)
    """
    return issubclass(_checked(cls), RepresentationModel)


def abilities(cls: type[Model]) -> tuple[str, ...]:
    """Return what a class can do: its public methods among ``ABILITIES``.

    Raises:
        TypeError: If ``cls`` is not a class of models.

    Example:
        >>> abilities(Gaussian)
        ('fit', 'loss', 'sample', 'log_prob')
    """
    _checked(cls)
    return tuple(name for name in ABILITIES if callable(getattr(cls, name, None)))


def table() -> list[dict[str, Any]]:
    """Return one row for each model, in the order of the book.

    Returns:
        Dictionaries with the keys ``model``, ``module``, ``says``, ``approach``,
        ``sets``, ``density``, ``representation``, ``abilities``, ``year``, ``paper``
        and ``chapter``.

    Example:
        >>> [row["model"] for row in table() if row["representation"]][:2]
        ['GaussianMixture', 'PCA']
    """
    return [
        {
            "model": m.name,
            "module": m.module,
            "says": m.says,
            "approach": approach(m.cls),
            "sets": sets(m.cls),
            "density": has_density(m.cls),
            "representation": has_representation(m.cls),
            "abilities": abilities(m.cls),
            "year": m.year,
            "paper": m.paper,
            "chapter": m.chapter,
        }
        for m in MEMBERS
    ]


def tree() -> dict[str, dict[str, Any]]:
    """Return the three approaches and their models, as a tree to be drawn.

    Returns:
        Branches within branches; the leaves are lists of model names, empty where the
        book has no such model yet.

    Example:
        >>> tree()["generative models"]["explicit density"]["tractable"][:2]
        ['UniformBox', 'Gaussian']
    """
    leaves: dict[str, list[str]] = {a: [] for a in APPROACHES}
    for m in MEMBERS:
        branch = approach(m.cls)
        if branch is not None:
            leaves[branch].append(m.name)
    return {
        GENERATIVE: {
            "explicit density": {
                "tractable": leaves[TRACTABLE],
                "approximate": leaves[APPROXIMATE],
            },
            "implicit density": leaves[IMPLICIT],
        }
    }


def nested_sets() -> dict[str, list[str]]:
    """Return the models of each nested set, the largest set first.

    Each set holds all models of the next.

    Returns:
        For each of ``SETS``, the names of its models.

    Example:
        >>> nested_sets()["latent-variable models"][:1]
        ['GaussianMixture']
    """
    return {s: [m.name for m in MEMBERS if s in sets(m.cls)] for s in SETS}


def discover() -> list[type[Model]]:
    """Return every public model class of ``genbook.models``, found by looking.

    The tests compare it with ``MEMBERS``, so that no model is forgotten.

    Example:
        >>> Gaussian in discover()
        True
    """
    found = []
    for info in pkgutil.walk_packages(genbook.models.__path__, "genbook.models."):
        module = importlib.import_module(info.name)
        for name, cls in inspect.getmembers(module, inspect.isclass):
            own = cls.__module__ == module.__name__ and not name.startswith("_")
            if own and issubclass(cls, Model) and not inspect.isabstract(cls):
                found.append(cls)
    return found
