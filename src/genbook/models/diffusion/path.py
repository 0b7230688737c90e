r"""The Gaussian path itself: how data and noise meet, and what can be said of a point.

No network stands here, only the schedule and the choice of what a network is asked for.
"""

from __future__ import annotations

from torch import Tensor

from genbook._validate import check_tensor
from genbook.models.diffusion import prediction as convert
from genbook.models.diffusion.schedules import Schedule


class GaussianPath:
    r"""A path from data to standard Gaussian noise, known in closed form.

    .. math:: \mathbf x_t = \alpha_t\,\mathbf x_0 + \sigma_t\,\boldsymbol\varepsilon.

    Training walks here at every step, so types and shapes are compared and the values
    left alone: NaN and infinity pass through, and times outside of [0, 1] are no error.

    Attributes:
        event_shape: The shape of one observation.
        schedule: Gives :math:`\alpha_t` and :math:`\sigma_t`.
        prediction: What a network is asked for: ``"eps"`` (the noise), ``"x0"`` (the
            data) or ``"v"`` (the velocity).
    """

    event_shape: tuple[int, ...]
    schedule: Schedule
    prediction: str

    @property
    def t_min(self) -> float:
        """The time at which observations stand.

        Zero, but where the schedule is not smooth there, and where the velocity is a
        difference divided by the noise: a little later, with a little noise left.
        """
        return max(self.schedule.t_min, 0.01 if self.prediction == "x0" else 0.0)

    def add_noise(self, x0: Tensor, eps: Tensor, t: Tensor) -> Tensor:
        """Return where data and noise have met at time ``t``.

        Equation :eq:`eq-diffusion-blend`.

        Args:
            x0: Observations, ``(n, *event_shape)``; NaN and infinity pass through.
            eps: Noise of the same shape; NaN and infinity pass through.
            t: Times, ``(n,)``, or one, ``()``, for any number of points; they are not
                looked at, so NaN and infinity give NaN.

        Raises:
            TypeError: If an argument is not a floating-point tensor.
            ValueError: If the shapes do not fit.
        """
        self._check_points(t, x0=x0, eps=eps)
        alpha, sigma = self._alpha_sigma(t, x0)
        return alpha * x0 + sigma * eps  # (16.2)

    def target(self, x0: Tensor, eps: Tensor, t: Tensor) -> Tensor:
        """Return what the network should say about ``add_noise(x0, eps, t)``.

        Args:
            x0: Observations, ``(n, *event_shape)``; NaN and infinity pass through.
            eps: Noise of the same shape; NaN and infinity pass through.
            t: Times, ``(n,)``, or one, ``()``, for any number of points; they are not
                looked at, so NaN and infinity give NaN.

        Raises:
            TypeError: If an argument is not a floating-point tensor.
            ValueError: If the shapes do not fit.
        """
        self._check_points(t, x0=x0, eps=eps)
        if self.prediction == "v":
            return convert.v_from_x0_eps(x0, eps, *self._rates(t, x0))
        return eps if self.prediction == "eps" else x0

    def predict_x0_eps(
        self, x: Tensor, model_output: Tensor, t: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Return the data and the noise in ``x``, from what the network said.

        Args:
            x: Points of the path, ``(n, *event_shape)``; NaN and infinity pass through.
            model_output: What the network says about them; NaN and infinity pass
                through.
            t: Times, ``(n,)``, or one, ``()``, for any number of points; they are not
                looked at, so NaN and infinity give NaN.

        Returns:
            Estimates of ``x0`` and ``eps``, of the shape of ``x``.

        Raises:
            TypeError: If an argument is not a floating-point tensor.
            ValueError: If the shapes do not fit.
        """
        self._check_points(t, x=x, model_output=model_output)
        alpha, sigma = self._alpha_sigma(t, x)
        if self.prediction == "eps":
            return convert.x0_from_eps(x, model_output, alpha, sigma), model_output
        if self.prediction == "x0":
            return model_output, convert.eps_from_x0(x, model_output, alpha, sigma)
        rates = self._rates(t, x)
        return convert.x0_eps_from_v(x, model_output, alpha, sigma, *rates)

    def _check_points(self, t: Tensor, **points: Tensor) -> None:
        """Check the types and shapes of points of the path and of their times."""
        n: int | str = "n"
        for name, x in points.items():
            shape = (n, *self.event_shape)
            check_tensor(x, name, shape, finite=False, allow_empty=True)
            n = len(x)
        check_tensor(t, "t", finite=False, allow_empty=True)
        if t.shape not in ((), (1,), (n,)):
            raise ValueError(f"t must be () or ({n},), got {tuple(t.shape)}")

    def _alpha_sigma(self, t: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
        s = self.schedule
        return _expand_like(s.alpha(t), x), _expand_like(s.sigma(t), x)

    def _rates(self, t: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
        s = self.schedule
        return _expand_like(s.d_alpha(t), x), _expand_like(s.d_sigma(t), x)


def _expand_like(t: Tensor, x: Tensor) -> Tensor:
    """Return a number a row, ``(n,)``, as ``(n, 1, ...)`` beside ``x``."""
    return t.view(-1, *(1 for _ in x.shape[1:])) if t.ndim else t
