"""The two networks of a game: built from sizes, or given and looked over."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from genbook.models.networks._doors import answer
from genbook.models.networks.mlp import mlp


class _Times(nn.Module):
    """Multiplication by a constant."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, x: Tensor) -> Tensor:
        """Return ``factor * x``."""
        return self.factor * x


def connected(
    generator: Sequence[int], discriminator: Sequence[int], lipschitz: float
) -> tuple[nn.Sequential, nn.Sequential]:
    """Return two fully connected networks of the given sizes."""
    made = nn.Sequential(*mlp(generator))
    parts = mlp(discriminator, lambda: nn.LeakyReLU(0.2))
    if lipschitz:
        parts = [spectral_norm(m) if isinstance(m, nn.Linear) else m for m in parts]
        parts.append(_Times(lipschitz))
    return made, nn.Sequential(*parts)


def given(
    networks: Sequence[nn.Module],
    inputs: int,
    features: int,
    seen: int,
    unused: dict[str, float],
) -> tuple[nn.Sequential, nn.Sequential]:
    """Return two networks, or refuse what cannot play."""
    if not isinstance(networks, tuple | list) or len(networks) != 2:
        raise TypeError(f"networks must be two modules, got {networks!r}"[:200])
    for name, value in unused.items():
        if value:
            raise ValueError(f"{name} must be 0 with networks given, got {value:g}")
    _check_fits(networks[0], "networks[0]", inputs, features)
    _check_fits(networks[1], "networks[1]", seen, 1)
    return nn.Sequential(networks[0]), nn.Sequential(networks[1])


def _check_fits(net: nn.Module, name: str, inputs: int, outputs: int) -> None:
    """Refuse a network that does not turn so many numbers into so many."""
    if not isinstance(net, nn.Module):
        raise TypeError(f"{name} must be a torch.nn.Module, got {type(net).__name__}")
    try:
        made = answer(net, 2, inputs)
    except (RuntimeError, ValueError) as error:
        raise ValueError(f"{name} must take (n, {inputs}): {error}") from error
    if not isinstance(made, Tensor) or made.flatten(1).shape != (2, outputs):
        got = tuple(made.shape) if isinstance(made, Tensor) else type(made).__name__
        raise ValueError(f"{name} must make (2, {outputs}) of two rows, got {got}")
