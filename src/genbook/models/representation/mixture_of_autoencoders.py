"""A mixture of autoencoders: clusters found without labels, each with its own drawer.

Every autoencoder learns to draw one kind of observation. A small network reads the
codes of all of them and says whose observation it is. Nobody tells it the kinds: it is
only asked to be sure of each observation, to use all clusters alike, and not to change
its mind when an image is bent a little.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import log, prod

import torch
from torch import Tensor, nn

from genbook._validate import (
    check_count,
    check_generator,
    check_positive,
    check_sizes,
    check_tensor,
    check_unit_interval,
)
from genbook.models.base import RepresentationModel
from genbook.models.networks.augmentation import random_affine


class MixtureOfAutoencoders(RepresentationModel):
    r"""K autoencoders, and a network that assigns each observation to one of them.

    Autoencoder :math:`k` draws :math:`\hat{\mathbf x}_k` from its own code
    :math:`\mathbf z_k`, and the assignment network turns all codes together into
    probabilities :math:`p_k(\mathbf x)`. With :math:`\mathbf x'` a bent copy of the
    observation, the loss is the mean over the batch of

    .. math:: \sum_k p_k(\mathbf x)\,
              \tfrac1D\lVert\hat{\mathbf x}_k-\mathbf x\rVert^2
              \;-\;\alpha\sum_k p_k(\mathbf x)\log p_k(\mathbf x')
              \;+\;\beta\sum_k\bar p_k\log\bar p_k,

    where :math:`\bar p_k` is the mean of :math:`p_k` over the batch and its copies. The
    first term wants the chosen autoencoder to draw well, the second a sure and steady
    choice, the third clusters of equal size. Without bending, :math:`\mathbf
    x'=\mathbf x`, and the loss is that of Zhang et al. Equation
    :eq:`eq-mixture-of-autoencoders`.

    Args:
        event_shape: The shape of one observation.
        clusters: The number K of autoencoders.
        latent_dim: The length of the code of each.
        hidden: The width of the hidden layer of each encoder and each decoder.
        sample_entropy_weight: The weight :math:`\alpha` of the second term.
        batch_entropy_weight: The weight :math:`\beta` of the third term.
        augment: How far copies are bent: each entry of a random affine map leaves the
            identity by at most this much, in units of half an image. Above zero only
            for images ``(channels, height, width)``.

    Raises:
        TypeError: If a size is not an integer or a weight is not a number.
        ValueError: If a size is not positive, a weight is negative, or ``augment`` is
            above zero for observations that are no images.

    Reference:
        D. Zhang, Y. Sun, B. Eriksson and L. Balzano, "Deep Unsupervised Clustering
        Using Mixture of Autoencoders", 2017, arXiv:1712.07788. Agreement between an
        image and its copy: W. Hu et al., "Learning Discrete Representations via
        Information Maximizing Self-Augmented Training", 2017, arXiv:1702.08720.

    Example:
        >>> model = MixtureOfAutoencoders((1, 8, 8), 3, latent_dim=2, augment=0.2)
        >>> x = torch.rand(5, 1, 8, 8)
        >>> model.predict_proba(x).shape, model.predict(x).shape, model.encode(x).shape
        (torch.Size([5, 3]), torch.Size([5]), torch.Size([5, 6]))
    """

    def __init__(
        self,
        event_shape: Sequence[int],
        clusters: int = 10,
        latent_dim: int = 8,
        *,
        hidden: int = 64,
        sample_entropy_weight: float = 1.0,
        batch_entropy_weight: float = 2.0,
        augment: float = 0.0,
    ) -> None:
        super().__init__()
        self.event_shape = check_sizes(event_shape, "event_shape")
        self.clusters = check_count(clusters, "clusters", minimum=1)
        self.latent_dim = check_count(latent_dim, "latent_dim", minimum=1)
        hidden = check_count(hidden, "hidden", minimum=1)
        self.sample_entropy_weight = check_positive(
            sample_entropy_weight, "sample_entropy_weight", zero=True
        )
        self.batch_entropy_weight = check_positive(
            batch_entropy_weight, "batch_entropy_weight", zero=True
        )
        self.augment = check_positive(augment, "augment", zero=True)
        if augment and len(self.event_shape) != 3:
            raise ValueError(
                f"augment must be zero unless observations are images (channels, "
                f"height, width), got {augment} for observations {self.event_shape}"
            )
        clusters, latent_dim = self.clusters, self.latent_dim
        self.config = {
            "event_shape": self.event_shape,
            "clusters": clusters,
            "latent_dim": latent_dim,
            "hidden": hidden,
            "sample_entropy_weight": self.sample_entropy_weight,
            "batch_entropy_weight": self.batch_entropy_weight,
            "augment": self.augment,
        }
        features = prod(self.event_shape)
        self.encoders = nn.Sequential(
            _SideBySide(clusters, features, hidden),
            nn.ReLU(),
            _SideBySide(clusters, hidden, latent_dim),
        )
        self.decoders = nn.Sequential(
            _SideBySide(clusters, latent_dim, hidden),
            nn.ReLU(),
            _SideBySide(clusters, hidden, features),
            nn.Sigmoid(),
        )
        self.assigner = nn.Sequential(
            nn.Linear(clusters * latent_dim, 2 * hidden),
            nn.ReLU(),
            nn.Linear(2 * hidden, clusters),
        )

    def encode(self, x: Tensor) -> Tensor:
        """Return the codes of all in a row, ``(n, clusters * latent_dim)``."""
        rows = self._check_x(x).flatten(1)  # (n, D)
        z = self.encoders(rows.expand(self.clusters, *rows.shape))  # (K, n, latent_dim)
        return z.transpose(0, 1).flatten(1)

    def decode(self, z: Tensor) -> Tensor:
        """Return what the most probable autoencoder draws, ``(n, *event_shape)``."""
        drawn = self.draw(z)
        return drawn[torch.arange(len(z), device=z.device), self.assigner(z).argmax(1)]

    def draw(self, z: Tensor) -> Tensor:
        """Return what each autoencoder draws, ``(n, clusters, *event_shape)``.

        Args:
            z: Codes of all autoencoders in a row, ``(n, clusters * latent_dim)``.
        """
        size = self.clusters, self.latent_dim
        check_tensor(z, "z", ("n", prod(size)), dtype=self.dtype, allow_empty=True)
        z = z.unflatten(1, size).transpose(0, 1)  # (K, n, latent_dim)
        return self.decoders(z).transpose(0, 1).unflatten(2, self.event_shape)

    def predict_proba(self, x: Tensor) -> Tensor:
        """Return the probability of each cluster, ``(n, clusters)``.

        Args:
            x: Observations, ``(n, *event_shape)``.
        """
        return self.assigner(self.encode(x)).softmax(1)

    @torch.no_grad()
    def predict(self, x: Tensor) -> Tensor:
        """Return the most probable cluster of each observation, ``(n,)`` integers.

        Args:
            x: Observations, ``(n, *event_shape)``.
        """
        return self.assigner(self.encode(x)).argmax(1)

    def loss(
        self,
        x: Tensor,
        y: Tensor | None = None,
        *,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Return the weighted error, plus the price of doubt, less that of balance.

        Args:
            x: Observations in [0, 1], ``(n, *event_shape)``.
            y: Must be ``None``: there are no labels here.
            generator: The source of randomness of the bent copies.

        Returns:
            A scalar tensor, ``()``.

        Raises:
            ValueError: If ``x`` is empty or leaves [0, 1], or a label is given.
        """
        self._refuse_condition(y)
        drawing, doubt, spread = self.terms(x, generator=generator)
        alpha, beta = self.sample_entropy_weight, self.batch_entropy_weight
        return drawing + alpha * doubt - beta * spread  # (9.2)

    def terms(
        self, x: Tensor, *, generator: torch.Generator | None = None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return what the loss weighs: the error; doubt and spread in nats.

        Args:
            x: Observations in [0, 1], ``(n, *event_shape)``.
            generator: The source of randomness of the bent copies.
        """
        self._check_drawable(x, generator)
        z = self.encode(x)  # (n, K * latent_dim)
        log_p = self.assigner(z).log_softmax(1)  # (n, K)
        log_q = log_p
        if self.augment:
            copies = random_affine(x, self.augment, generator=generator)
            log_q = self.assigner(self.encode(copies)).log_softmax(1)
        p = log_p.exp()
        wrong = (self.draw(z) - x[:, None]).square()  # (n, K, *event)
        drawing = (p * wrong.flatten(2).mean(2)).sum(1).mean()
        doubt = -(p * log_q).sum(1).mean()
        both = torch.cat([log_p, log_q])
        log_share = both.logsumexp(0) - log(len(both))  # (K,), always finite
        spread = -(log_share.exp() * log_share).sum()
        return drawing, doubt, spread

    def _check_drawable(self, x: Tensor, generator: torch.Generator | None) -> None:
        check_generator(generator)
        self._check_x(x, allow_empty=False)
        check_unit_interval(x, "x")


class _SideBySide(nn.Module):
    """K linear layers that are evaluated at once, ``(K, n, a)`` to ``(K, n, b)``."""

    def __init__(self, k: int, a: int, b: int) -> None:
        super().__init__()
        layers = [nn.Linear(a, b) for _ in range(k)]  # for their first weights
        self.weight = nn.Parameter(torch.stack([m.weight.detach().T for m in layers]))
        self.bias = nn.Parameter(torch.stack([m.bias.detach() for m in layers]))

    def forward(self, x: Tensor) -> Tensor:
        """Apply layer ``k`` to the rows ``x[k]``."""
        return torch.baddbmm(self.bias[:, None], x, self.weight)
