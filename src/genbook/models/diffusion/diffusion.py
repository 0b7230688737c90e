r"""Diffusion models: corrupt the data step by step, learn to take the noise out again.

The path stands in ``gaussian_path.py`` and the deterministic way back in
``probability_flow.py``; here is what belongs to diffusion alone: the choice of what the
network says, the random way back, and the bound on the likelihood that training
maximises.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import prod
from typing import Literal, Unpack

import torch
from torch import Tensor

from genbook._validate import check_count, check_generator
from genbook.models.base import VariationalModel
from genbook.models.diffusion._doors import (
    MOST,
    check_eta,
    check_guidance,
    check_order,
    check_times,
)
from genbook.models.diffusion.gaussian_path import GaussianPathModel, PathOptions
from genbook.models.gaussians import LOG_2PI


class Diffusion(GaussianPathModel, VariationalModel):
    r"""A network that sees noisy data and says what the noise was.

    .. math::

        \min_\theta\; \mathbb E\,\bigl\lVert \boldsymbol\varepsilon_\theta
        (\alpha_t\mathbf x_0 + \sigma_t\boldsymbol\varepsilon,\, t)
        - \boldsymbol\varepsilon \bigr\rVert^2.

    ``loss`` is that of the parent class. ``sample``, ``decode`` and ``encode`` follow
    the probability-flow ODE; ``sample_ancestral`` takes the random way back, or
    the steps of DDIM.

    Args:
        event_shape: The shape of one observation; its values should have about unit
            scale.
        schedule: ``"cosine"`` or ``"linear-beta"``.
        prediction: What the network says: ``"eps"`` (the noise), ``"v"`` (the
            velocity) or ``"x0"`` (the data).
        options: What all models of a path may be told: ``network`` and ``classes``,
            ``width``, ``depth`` and ``frequencies``, ``label_dropout``, ``steps``,
            ``sigma_data`` and ``times``, see
            :class:`~genbook.models.diffusion.gaussian_path.GaussianPathModel`.

    Raises:
        TypeError: If an argument has the wrong type.
        ValueError: If a name is unknown, a size too small, or ``label_dropout``
            not in [0, 1).

    Reference:
        J. Ho, A. Jain and P. Abbeel, "Denoising diffusion probabilistic models", 2020,
        arXiv:2006.11239; Y. Song et al., "Score-based generative modeling through
        stochastic differential equations", 2021, arXiv:2011.13456; J. Ho and
        T. Salimans, "Classifier-free diffusion guidance", 2022, arXiv:2207.12598.

    Example:
        >>> model = Diffusion((2,), width=16, depth=1)
        >>> model.sample(3, generator=torch.Generator().manual_seed(0)).shape
        torch.Size([3, 2])
    """

    def __init__(
        self,
        event_shape: Sequence[int] = (2,),
        *,
        schedule: Literal["cosine", "linear-beta"] = "cosine",
        prediction: Literal["eps", "v", "x0"] = "v",
        **options: Unpack[PathOptions],
    ) -> None:
        super().__init__(
            event_shape, schedule=schedule, prediction=prediction, **options
        )
        self.config |= {"schedule": schedule, "prediction": prediction}

    def score(self, x: Tensor, t: Tensor, y: Tensor | None = None) -> Tensor:
        r"""Return :math:`\nabla\log p_t(\mathbf x) = -\boldsymbol\varepsilon/\sigma_t`.

        Args:
            x: Points, ``(n, *event_shape)``.
            t: Times, ``(n,)``, or one, ``()``, for any number of points; from ``t_min``
                to 1, and above 0, where there is no noise to divide by.
            y: Conditions, ``(n, ...)``, for a conditional model.

        Raises:
            TypeError: If an argument is of another type.
            ValueError: If a shape is another, a value NaN or infinite, or a time lies
                outside.
        """
        self._check_x(x)
        check_times(t, n=len(x), low=self.t_min, dtype=self.dtype)
        if (t <= 0).any():
            raise ValueError(
                f"t must be above 0, where there is no noise, got {t.min():.3g}"
            )
        y, t = self._check_y(y, len(x)), t.view(1) if t.ndim == 0 else t
        _, eps = self.predict_x0_eps(x, self._predict(x, t, y), t)
        return -eps / self._alpha_sigma(t, x)[1]  # (n, *event_shape)

    @torch.no_grad()
    def sample_ancestral(
        self,
        n: int,
        y: Tensor | None = None,
        *,
        steps: int | None = None,
        eta: float = 1.0,
        guidance: float = 1.0,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        r"""Draw samples step by step from noise: ancestral for ``eta=1``, DDIM for 0.

        Each step is a draw from :meth:`reverse_step`. No noise is added at the last,
        and no gradient is kept.

        Args:
            n: How many.
            y: Conditions, ``(n, ...)``.
            steps: How many steps; those of the model when ``None``.
            eta: How much of the posterior's noise is added, from 0 to 1.
            guidance: See :meth:`.ProbabilityFlowModel.velocity`.
            generator: The source of randomness; the global one when ``None``.

        Raises:
            TypeError: If an argument is of another type.
            ValueError: If a count is too small or too large, a condition does not fit,
                a number lies outside, or ``guidance`` is not 1 without a condition.

        Reference:
            J. Song, C. Meng and S. Ermon, "Denoising diffusion implicit models", 2021,
            arXiv:2010.02502.
        """
        n = check_count(n, "n")
        y = self._check_y(y, n)
        check_guidance(guidance, y)
        check_eta(eta)
        times = self.time_grid(steps).flip(0)  # noise first
        x = self._normal(n, *self.event_shape, generator=generator)
        for t, s in pairwise(times):
            x, tau = self.reverse_step(x, t, s, y, eta=eta, guidance=guidance)
            if s > times[-1]:
                x = x + tau * self._normal(*x.shape, generator=generator)
        return x

    def reverse_step(
        self,
        x: Tensor,
        t: Tensor,
        s: Tensor,
        y: Tensor | None = None,
        *,
        eta: float = 1.0,
        guidance: float = 1.0,
    ) -> tuple[Tensor, Tensor]:
        """Return mean and standard deviation at the earlier time ``s`` of a walk.

        Equation :eq:`eq-diffusion-posterior` with estimates of data and noise in the
        place of the true ones; ``eta`` times its standard deviation is left for fresh
        noise. With ``eta=0`` this is a step of DDIM, which may also go from data to
        noise, ``s`` then being the later time.

        Args:
            x: Points at time ``t``, ``(n, *event_shape)``.
            t: The later time, ``()``, from ``t_min`` to 1.
            s: The earlier time, ``()``, nearer the data, from ``t_min`` to 1.
            y: Conditions, ``(n, ...)``.
            eta: How much of the posterior's noise is to be added, from 0 to 1.
            guidance: See :meth:`.ProbabilityFlowModel.velocity`.

        Returns:
            The mean, ``(n, *event_shape)``, and the standard deviation, ``()``.

        Raises:
            TypeError: If an argument is of another type.
            ValueError: If a shape is another, a value NaN or infinite, a number lies
                outside, ``s`` is later than ``t`` with ``eta`` above 0, or ``guidance``
                is not 1 without a condition.
        """
        self._check_x(x)
        y = self._check_y(y, len(x))
        check_guidance(guidance, y)
        for name, time in (("t", t), ("s", s)):
            check_times(time, name, low=self.t_min, dtype=self.dtype)
        if check_eta(eta):
            check_order(s, t)
        now = t.view(1)
        output = self._classifier_free(x, now, y, guidance)
        x0, eps = self.predict_x0_eps(x, output, now)
        alpha, sigma = self.schedule.alpha(s), self.schedule.sigma(s)
        tau = eta * self.posterior_std(s, t) if eta else torch.zeros_like(s)
        keep = (sigma.square() - tau.square()).clamp(min=0).sqrt()
        return alpha * x0 + keep * eps, tau  # (16.5)

    def posterior_std(self, s: Tensor, t: Tensor) -> Tensor:
        r"""Return how uncertain the earlier point is, given the later and the data.

        .. math:: \operatorname{std}(\mathbf x_s \mid \mathbf x_t, \mathbf x_0)
                  = \sigma_s \sqrt{1 - \frac{\alpha_t^2\,\sigma_s^2}
                                           {\alpha_s^2\,\sigma_t^2}},

        the root of the variance of Equation :eq:`eq-diffusion-posterior`.

        Args:
            s: The earlier times, nearer the data, from ``t_min`` to 1, of any shape.
            t: The later times, of the same shape, above 0.

        Raises:
            TypeError: If an argument is not a floating-point tensor.
            ValueError: If the shapes differ, a time lies outside, or one of ``s`` is
                later than that of ``t``.
        """
        for name, time in (("s", s), ("t", t)):
            check_times(time, name, n=..., low=self.t_min)
        check_order(s, t)
        a = self.schedule
        ratio = a.alpha(t) * a.sigma(s) / (a.alpha(s) * a.sigma(t))
        return a.sigma(s) * (1 - ratio.square()).clamp(min=0).sqrt()  # (16.5)

    def elbo(
        self,
        x: Tensor,
        y: Tensor | None = None,
        *,
        draws: int = 1,
        steps: int | None = None,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        r"""Return an unbiased estimate of a lower bound of the log density, in nats.

        Equation :eq:`eq-diffusion-elbo`, the bound of the chain of ``steps`` steps
        whose posterior is Gaussian: what each step's guess of the data costs, plus the
        last step's Gaussian likelihood and the distance of the end from standard noise.
        One random step of the chain stands for all, or the mean of a few.

        Args:
            x: Observations, ``(n, *event_shape)``.
            y: Conditions, ``(n, ...)``.
            draws: How many random steps are averaged.
            steps: The steps of the chain, unless those of the model; the more, the
                higher the bound.
            generator: The source of randomness; the global one when ``None``.

        Returns:
            A tensor ``(n,)``, differentiable.

        Raises:
            TypeError: If an argument is of another type.
            ValueError: If a shape is another, a value NaN or infinite, or a count too
                small or too large.
        """
        self._check_x(x)
        y = self._check_y(y, len(x))
        draws = check_count(draws, "draws", 1, MOST)
        s = self.schedule
        steps = self.steps if steps is None else check_count(steps, "steps", 1, MOST)
        # Times of the chain, each the same multiple of the one before.
        times = torch.logspace(-2, 0, steps + 1, dtype=x.dtype, device=x.device)
        total = x.new_zeros(len(x))
        check_generator(generator)
        for _ in range(draws):
            i = torch.randint(steps, (len(x),), generator=generator, device=x.device)
            early, late = times[i], times[i + 1]
            eps = self._normal(*x.shape, generator=generator)
            xt = self.add_noise(x, eps, late)
            x0, _ = self.predict_x0_eps(xt, self._predict(xt, late, y), late)
            snr = (s.alpha(early) / s.sigma(early)).square() - (
                s.alpha(late) / s.sigma(late)
            ).square()
            missed = (x0 - x).flatten(1).square().sum(1)  # (n,)
            total = total + 0.5 * steps * snr * missed / draws
        eps = self._normal(*x.shape, generator=generator)
        # log p(x | x_first): a Gaussian around x_first / alpha.
        a, b = s.alpha(times[0]), s.sigma(times[0])
        d = prod(self.event_shape)
        width = (b / a).log() + 0.5 * LOG_2PI
        near = -0.5 * eps.flatten(1).square().sum(1) - d * width
        a, b = s.alpha(times[-1]), s.sigma(times[-1])
        prior = 0.5 * (
            (a * x.flatten(1)).square().sum(1) + d * (b.square() - 1 - 2 * b.log())
        )
        return near - total - prior  # (16.6)
