"""Flow matching: learn the velocity that carries noise to data along straight lines.

Beside the model stand the paths that it walks, and a number that says how far from
straight they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Literal, Unpack

import torch
from torch import Tensor

from genbook._validate import check_choice, check_tensor
from genbook.models.diffusion.gaussian_path import GaussianPathModel, PathOptions
from genbook.models.diffusion.solvers import Method, check_steps, odeint


class FlowMatching(GaussianPathModel):
    r"""A network that says which way, and how fast, from data to noise.

    .. math::

        \min_\theta\; \mathbb E\,\bigl\lVert \mathbf v_\theta(\mathbf x_t, t)
        - (\boldsymbol\varepsilon - \mathbf x_0) \bigr\rVert^2,
        \qquad \mathbf x_t = (1 - t)\,\mathbf x_0 + t\,\boldsymbol\varepsilon.

    Args:
        event_shape: The shape of one observation; its values should have about unit
            scale.
        prediction: What the network says: ``"v"`` (the velocity) or ``"x0"`` (the data,
            from which the velocity follows; easier to say for images).
        options: What all models of a path may be told: ``network`` and ``classes``,
            ``width``, ``depth`` and ``frequencies``, ``label_dropout``, ``steps``,
            ``sigma_data`` and ``times``, see
            :class:`~genbook.models.diffusion.gaussian_path.GaussianPathModel`.

    Raises:
        TypeError: If an argument has the wrong type.
        ValueError: If a size is too small, ``prediction`` is unknown, or
            ``label_dropout`` is not in [0, 1).

    Reference:
        Y. Lipman, R. Chen, H. Ben-Hamu, M. Nickel and M. Le, "Flow matching for
        generative modeling", 2023, arXiv:2210.02747.

    Example:
        >>> import torch
        >>> model = FlowMatching((2,), width=16, depth=1)
        >>> model.sample(3, generator=torch.Generator().manual_seed(0)).shape
        torch.Size([3, 2])
    """

    def __init__(
        self,
        event_shape: Sequence[int] = (2,),
        *,
        prediction: Literal["v", "x0"] = "v",
        **options: Unpack[PathOptions],
    ) -> None:
        check_choice(prediction, "prediction", ("v", "x0"))
        super().__init__(
            event_shape, schedule="straight", prediction=prediction, **options
        )
        self.config["prediction"] = prediction

    def target(self, x0: Tensor, eps: Tensor, t: Tensor) -> Tensor:
        """Return the velocity of the straight line from data to noise, or the data.

        Equation :eq:`eq-fm-line`.

        Args:
            x0: Observations, ``(n, *event_shape)``; NaN and infinity pass through.
            eps: Noise of the same shape; NaN and infinity pass through.
            t: Times, ``(n,)``, or one, ``()``, for any number of points; they do not
                matter, NaN and infinity neither.

        Raises:
            TypeError: If an argument is not a floating-point tensor.
            ValueError: If the shapes do not fit.
        """
        self._check_points(t, x0=x0, eps=eps)
        if self.prediction == "x0":
            return x0
        return eps - x0  # (17.1)


@torch.no_grad()
def trajectory(
    model: GaussianPathModel,
    z: Tensor,
    y: Tensor | None = None,
    *,
    steps: int | None = None,
    method: Method = "heun",
) -> tuple[Tensor, Tensor]:
    """Return the way from noise to data, with every stop of the solver.

    It is for looking at: without gradient.

    Args:
        model: A model of flow matching or of diffusion.
        z: Noise, ``(n, features)``.
        y: Conditions, ``(n, ...)``, for a conditional model.
        steps: The steps of the solver; those of the model when ``None``.
        method: The solver, see :func:`~genbook.models.diffusion.solvers.odeint`.

    Returns:
        The times, noise first, ``(steps + 1,)``, and the points, ``(steps + 1, n,
        *event_shape)``. The last ones are those of ``model.decode(z)``.

    Raises:
        TypeError: If an argument is of another type.
        ValueError: If a shape is another, a value NaN or infinite, or ``method``
            unknown.

    Example:
        >>> import torch
        >>> model = FlowMatching((2,), width=16, depth=1)
        >>> times, path = trajectory(model, torch.randn(3, 2), steps=5)
        >>> path.shape
        torch.Size([6, 3, 2])
    """
    if not isinstance(model, GaussianPathModel):
        raise TypeError(
            f"model must be a diffusion or flow matching, got {type(model).__name__}"
        )
    shape = ("n", prod(model.event_shape))
    check_tensor(z, "z", shape, dtype=model.dtype, allow_empty=True)
    times = model.time_grid(steps).flip(0)  # noise first
    path = odeint(
        lambda x, t: model.velocity(x, t, y),
        z.unflatten(1, model.event_shape),
        times,
        method,
        return_intermediates=True,
    )
    return times, path


def straightness(times: Tensor, path: Tensor) -> float:
    r"""Return how far paths are from straight lines walked at constant speed.

    The *bend* of Equation :eq:`eq-fm-bend`, the smaller the straighter:

    .. math::

        \frac{\mathbb E\int_0^1 \lVert \dot{\mathbf x}_t - \mathbf d\rVert^2\,
        \mathrm dt}{\mathbb E\,\lVert\mathbf d\rVert^2},
        \qquad \mathbf d = \mathbf x_1 - \mathbf x_0.

    It is 0 where one step of Euler's method is exact.

    Args:
        times: Increasing or decreasing, ``(steps + 1,)``, from end to end one unit.
        path: Points, ``(steps + 1, n, *event_shape)``, of which some end elsewhere than
            they began.

    Raises:
        TypeError: If an argument is not a floating-point tensor.
        ValueError: If there are not as many points as times, the times turn back, a
            value is NaN or infinite, or every path ends where it began.

    Reference:
        X. Liu, C. Gong and Q. Liu, "Flow straight and fast", 2023, arXiv:2209.03003.

    Example:
        >>> import torch
        >>> t = torch.linspace(0, 1, 11)
        >>> straightness(t, t[:, None, None] * torch.ones(1, 2)) < 1e-9
        True
    """
    check_steps(times)
    check_tensor(path, "path", dtype=times.dtype)
    if path.ndim < 2 or len(path) != len(times):
        raise ValueError(
            f"path must be ({len(times)}, n, ...), one point for each of the "
            f"{len(times)} times, got {tuple(path.shape)}"
        )
    dt = times.diff()[:, None, None]
    way = path.flatten(2) if path.ndim > 2 else path[..., None]  # (steps + 1, n, d)
    total = (way[-1] - way[0]) / (times[-1] - times[0])  # (n, d)
    if not total.any():
        raise ValueError("path must lead elsewhere, got one that ends where it began")
    excess = (way.diff(dim=0) / dt - total).square().sum(2) * dt[..., 0].abs()
    return (excess.sum(0).mean() / total.square().sum(1).mean()).item()  # (17.6)
