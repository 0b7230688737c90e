"""One density a class: draw what is asked for, and name what is seen by Bayes' rule."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from genbook._validate import check_count, check_generator, check_labels
from genbook.models._categorical import inverse_cdf
from genbook.models.base import TractableModel
from genbook.models.density.ppca_mixture import PPCAMixture


class ClassConditional(TractableModel):
    r"""A density of the observations of each class, and how frequent the classes are.

    .. math::

        p(\mathbf x) = \sum_y p(y)\, p(\mathbf x \mid y), \qquad
        p(y \mid \mathbf x) = \frac{p(y)\, p(\mathbf x \mid y)}{p(\mathbf x)}

    Each :math:`p(\mathbf x \mid y)` is a mixture of probabilistic PCAs. With a
    condition the methods speak of that density, without one of :math:`p(\mathbf x)`.
    Columns of different units want a common scale first, as for each of the mixtures.

    Args:
        event_shape: The shape of one observation.
        classes: How many classes.
        clusters: How many planes each class has.
        components: The dimension of each plane.

    Attributes:
        models: The density of each class.
        logits: The logarithm of the classes' frequencies, ``(classes,)``.

    Raises:
        TypeError: If a size is not an integer.
        ValueError: If a size is below one, or there are not fewer components than
            features.

    Reference:
        R. A. Fisher, *The use of multiple measurements in taxonomic problems*, Annals
        of Eugenics 7, 1936, doi:10.1111/j.1469-1809.1936.tb02137.x, for one Gaussian a
        class.

    Example:
        >>> g = torch.Generator().manual_seed(0)
        >>> y = torch.tensor([0, 1, 1]).repeat(100)
        >>> x = torch.randn(300, 2, generator=g) + 9 * y[:, None]
        >>> model = ClassConditional((2,), classes=2, components=1).fit(x, y)
        >>> model.class_prior
        tensor([0.3333, 0.6667])
        >>> model.predict_proba(torch.tensor([[9.0, 9.0]])).argmax().item()
        1
    """

    def __init__(
        self,
        event_shape: Sequence[int],
        classes: int,
        clusters: int = 1,
        components: int = 8,
    ) -> None:
        super().__init__()
        self.classes = check_count(classes, "classes", minimum=1)
        self.models = nn.ModuleList(
            PPCAMixture(event_shape, clusters, components) for _ in range(self.classes)
        )
        first = self._each()[0]
        self.event_shape = first.event_shape
        self.config = first.config | {"classes": self.classes}
        self.logits = nn.Parameter(torch.zeros(self.classes))

    def _each(self) -> list[PPCAMixture]:
        return [m for m in self.models if isinstance(m, PPCAMixture)]

    @property
    def class_prior(self) -> Tensor:
        """The probability p(y) of each class, ``(classes,)``. No gradient."""
        return self.logits.detach().softmax(dim=0)

    @torch.no_grad()
    def fit(
        self,
        x: Tensor,
        y: Tensor,
        *,
        iterations: int = 30,
        generator: torch.Generator | None = None,
    ) -> ClassConditional:
        """Fit the density of each class to its own observations, and count them.

        Args:
            x: Observations, ``(n, *event_shape)``.
            y: Their classes, ``(n,)``; every class must occur.
            iterations: The largest number of steps of expectation-maximisation.
            generator: The source of its random start; the global one when ``None``.

        Returns:
            The model itself.

        Raises:
            TypeError: If ``x`` is not a tensor of the model's floating-point type, or
                ``y`` does not hold integers.
            ValueError: If a shape is wrong, ``x`` is not finite, or a class has too few
                observations or one observation over and over.
        """
        self._check_x(x, allow_empty=False)
        y = check_labels(y, "y", self.classes, len(x))
        check_count(iterations, "iterations")
        check_generator(generator)
        counts = torch.bincount(y, minlength=self.classes)
        wanted = max(2, len(self._each()[0].means))
        if (short := counts < wanted).any():
            j = int(short.nonzero()[0])
            raise ValueError(
                f"y must hold each class at least {wanted} times, got class {j} "
                f"{counts[j]} times"
            )
        for j in range(self.classes):
            own = x[y == j]
            if (own == own[0]).all():
                raise ValueError(f"x must not be constant within class {j}")
        for j in range(self.classes):
            self._each()[j].fit(x[y == j], iterations=iterations, generator=generator)
        self.logits.copy_((counts / len(y)).log())
        return self

    def log_joint(self, x: Tensor) -> Tensor:
        """Return log p(x, y) of each observation and class, ``(n, classes)``."""
        self._check_x(x)
        each = torch.stack([m.log_prob(x) for m in self._each()], dim=1)
        return each + self.logits.log_softmax(dim=0)

    def log_prob(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """Return log p(x | y), or log p(x) without a class, in nats, ``(n,)``."""
        self._check_x(x)
        if y is None:
            return self.log_joint(x).logsumexp(dim=1)
        y = check_labels(y, "y", self.classes, len(x))
        log_p = torch.stack(
            [self._each()[j].log_prob(x) for j in range(self.classes)], 1
        )
        return log_p.gather(1, y[:, None]).squeeze(1)

    def predict_proba(self, x: Tensor) -> Tensor:
        """Return p(y | x) by Bayes' rule, ``(n, classes)``."""
        return self.log_joint(x).softmax(dim=1)

    @torch.no_grad()
    def sample(
        self,
        n: int,
        y: Tensor | None = None,
        *,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Draw ``n`` observations, ``(n, *event_shape)``.

        Args:
            n: How many.
            y: The classes wanted, ``(n,)``; drawn by their frequencies when ``None``.
            generator: The source of randomness; the global one when ``None``.
        """
        n = check_count(n, "n")
        check_generator(generator)
        if y is None:
            u = torch.rand(n, generator=generator, device=self.device)
            y = inverse_cdf(self.class_prior.float(), u)
        y = check_labels(y, "y", self.classes, n)
        x = torch.empty(n, *self.event_shape, dtype=self.dtype, device=self.device)
        for j in y.unique().tolist():
            own = y == j
            x[own] = self._each()[j].sample(int(own.sum()), generator=generator)
        return x
