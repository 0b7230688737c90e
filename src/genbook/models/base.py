"""What a generative model can do, said by small abstract classes.

A model is an ordinary :class:`torch.nn.Module`. Which of these classes it inherits says
what it can do, and the book's family tree is computed from that alone
(``genbook.course.taxonomy``).
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn
from torch.nn.functional import one_hot

from genbook._numbers import MOST
from genbook._validate import (
    check_count,
    check_generator,
    check_labels,
    check_tensor,
)


class Model(nn.Module, ABC):
    """Something that learns from observations ``x`` by minimising a loss.

    Attributes:
        event_shape: The shape of one observation: ``(2,)`` for a point of the map,
            ``(1, 28, 28)`` for a digit.
        classes: How many labels a condition may take; 0 for a model without any.
    """

    event_shape: tuple[int, ...]
    classes: int = 0

    @abstractmethod
    def loss(
        self,
        x: Tensor,
        y: Tensor | None = None,
        *,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Return what training minimises, the mean over the batch.

        Args:
            x: Observations, ``(n, *event_shape)``.
            y: Conditions, ``(n, ...)``, for models that take them.
            generator: The source of randomness, where the loss is random.

        Returns:
            A scalar tensor, ``()``.
        """

    @property
    def dtype(self) -> torch.dtype:
        """The floating-point type of the parameters and buffers."""
        return self._reference().dtype

    @property
    def device(self) -> torch.device:
        """The device of the parameters and buffers."""
        return self._reference().device

    def _reference(self) -> Tensor:
        for t in (*self.parameters(), *self.buffers()):
            if t.is_floating_point():
                return t
        return torch.empty(0)

    def _normal(self, *shape: int, generator: torch.Generator | None) -> Tensor:
        """Draw standard Gaussian numbers of the model's type, on its device."""
        return torch.randn(
            shape,
            generator=check_generator(generator),
            dtype=self.dtype,
            device=self.device,
        )

    def _uniform(self, *shape: int, generator: torch.Generator | None) -> Tensor:
        """Draw numbers between 0 and 1 of the model's type, on its device."""
        return torch.rand(
            shape,
            generator=check_generator(generator),
            dtype=self.dtype,
            device=self.device,
        )

    def _check_x(
        self, x: Tensor, *, finite: bool = True, allow_empty: bool = True
    ) -> Tensor:
        """Check a batch of observations against ``event_shape`` and ``dtype``."""
        return check_tensor(
            x,
            "x",
            ("n", *self.event_shape),
            dtype=self.dtype,
            finite=finite,
            allow_empty=allow_empty,
        )

    def _label_features(self, y: Tensor | None, n: int) -> Tensor | None:
        """Return what a conditional model's networks see of ``n`` labels, one-hot."""
        if not self.classes:
            self._refuse_condition(y)
            return None
        if y is None:
            raise ValueError(f"y must hold {n} labels, got None")
        y = check_labels(y, "y", self.classes, n)
        return one_hot(y, self.classes).to(self.dtype)

    def _asked(self, n: int, y: Tensor | None, most: int = MOST) -> int:
        """Check what is asked of ``sample`` before anything is drawn; return ``n``."""
        n = check_count(n, "n", 0, most)
        self._label_features(y, n)
        return n

    def _with_label(self, v: Tensor, y: Tensor | None) -> Tensor:
        """Return vectors ``(n, dim)`` beside their labels, in a conditional model."""
        h = self._label_features(y, len(v))
        return v if h is None else torch.cat([v, h], 1)

    def _refuse_condition(self, y: Tensor | None) -> None:
        """Refuse ``y`` in a model that takes no condition."""
        if y is not None:
            raise ValueError(
                f"y must be None: {type(self).__name__} takes no condition"
            )


class GenerativeModel(Model):
    """A model p_model of the observations that can be sampled."""

    @abstractmethod
    def sample(
        self,
        n: int,
        y: Tensor | None = None,
        *,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Draw ``n`` observations from p_model, without gradient.

        Args:
            n: How many; zero gives an empty batch.
            y: Conditions, ``(n, ...)``, for models that take them.
            generator: The source of randomness; the global one when ``None``.

        Returns:
            A tensor ``(n, *event_shape)``.
        """


class TractableModel(GenerativeModel):
    """A model whose density can be evaluated exactly."""

    @abstractmethod
    def log_prob(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """Return the exact log density of each observation, in nats.

        Args:
            x: Observations, ``(n, *event_shape)``.
            y: Conditions, ``(n, ...)``, for models that take them.

        Returns:
            A tensor ``(n,)``; ``-inf`` outside the support.
        """

    def loss(
        self,
        x: Tensor,
        y: Tensor | None = None,
        *,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Return the mean negative log-likelihood of the batch, in nats.

        Args:
            x: Observations, ``(n, *event_shape)``.
            y: Conditions, ``(n, ...)``, for models that take them.
            generator: Unused: the likelihood is not random.

        Returns:
            A scalar tensor, ``()``.

        Raises:
            TypeError: If ``x`` is not of the model's type, or ``generator`` is none.
            ValueError: If ``x`` is empty: a mean of nothing is not a number.
        """
        self._check_x(x, allow_empty=False)
        check_generator(generator)
        return -self.log_prob(x, y).mean()


class VariationalModel(GenerativeModel):
    """A model whose density can only be bounded from below."""

    @abstractmethod
    def elbo(
        self,
        x: Tensor,
        y: Tensor | None = None,
        *,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Return a lower bound of the log density of each observation, in nats.

        Args:
            x: Observations, ``(n, *event_shape)``.
            y: Conditions, ``(n, ...)``, for models that take them.
            generator: The source of randomness; the global one when ``None``.

        Returns:
            A tensor ``(n,)``.
        """


class EnergyModel(GenerativeModel):
    """A model whose density is known up to a constant."""

    @abstractmethod
    def energy(self, x: Tensor) -> Tensor:
        """Return the energy: minus the log density, up to an unknown constant.

        Args:
            x: Observations, ``(n, *event_shape)``.

        Returns:
            A tensor ``(n,)``.
        """


class RepresentationModel(Model):
    """A model that describes each observation by a code, and maps codes back.

    It need not be generative: an autoencoder has no distribution over its codes.
    """

    @abstractmethod
    def encode(self, x: Tensor) -> Tensor:
        """Return the representation of each observation.

        Args:
            x: Observations, ``(n, *event_shape)``.

        Returns:
            A tensor ``(n, k)``.
        """

    @abstractmethod
    def decode(self, z: Tensor) -> Tensor:
        """Return the observation that each code stands for.

        Args:
            z: Codes, ``(n, k)``.

        Returns:
            A tensor ``(n, *event_shape)``.
        """


class LatentVariableModel(RepresentationModel, GenerativeModel):
    """A generative model that explains each observation by a latent variable ``z``.

    Its ``encode`` gives the representation, its ``decode`` what a latent point
    stands for.
    """
