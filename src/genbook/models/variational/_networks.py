"""The two networks of a variational autoencoder, and how they start."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import torch
from torch import Tensor, nn

from genbook.models.networks._doors import answer, describe
from genbook.models.networks.mlp import mlp

INIT_LOG_STD = -2.0  # little noise: a code drowned in it stays ignored


def networks_of(
    config: dict[str, Any], networks: tuple[nn.Module, nn.Module] | None
) -> tuple[nn.Module, nn.Module]:
    """Return the encoder and the decoder of a model: those given, or connected ones.

    Both turn rows into rows, and say little noise at first. The encoder's last outputs
    are logarithms of standard deviations, half of all, and so are the decoder's where
    the likelihood is Gaussian.

    Args:
        config: The arguments of the model, all checked; what was given is noted in it.
        networks: What was given.
    """
    seen, classes = 1 + 2 * config["frequencies"], config["classes"]
    features, latent_dim = prod(config["event_shape"]), config["latent_dim"]
    said = features * (2 if config["likelihood"] == "gaussian" else 1)
    inward = features * seen + classes, *config["hidden"], 2 * latent_dim
    outward = latent_dim * seen + classes, *config["hidden"][::-1], said
    if networks is not None:
        if seen > 1:
            raise ValueError(
                f"frequencies must be 0 with networks, got {config['frequencies']}"
            )
        ends = (inward[0], inward[-1]), (outward[0], outward[-1])
        config["networks"] = _described(networks, *ends)
        return networks[0], networks[1]
    encoder, decoder = nn.Sequential(*mlp(inward)), nn.Sequential(*mlp(outward))
    _start_narrow(encoder, latent_dim)
    _start_narrow(decoder, features)
    return encoder, decoder


@torch.no_grad()
def _start_narrow(network: nn.Sequential, start: int) -> None:
    """Let the logarithms of deviations, from an output on, start small."""
    last = network[-1]
    if isinstance(last, nn.Linear):
        last.bias[start:] += INIT_LOG_STD


def _described(
    networks: Sequence[nn.Module], inward: tuple[int, int], outward: tuple[int, int]
) -> list[dict[str, Any]]:
    """Return what a file says of an encoder and a decoder; refuse what does not fit.

    Args:
        networks: The two of them.
        inward: The numbers of a row that the encoder takes and gives.
        outward: Those of the decoder.
    """
    pair = isinstance(networks, Sequence) and len(networks) == 2
    if not pair or not all(isinstance(net, nn.Module) for net in networks):
        got = f"{type(networks).__name__} {networks!r}"
        raise TypeError(
            f"networks must be an encoder and a decoder, two modules, got {got[:80]}"
        )
    for name, net, sizes in zip(
        ("n encoder", " decoder"), networks, (inward, outward), strict=True
    ):
        found = _answer(net, sizes[0])
        if found != (1, sizes[1]):
            raise ValueError(
                f"networks must hold a{name} from rows of {sizes[0]} numbers to "
                f"rows of {sizes[1]}, got one that answers {found}"
            )
    return [describe(net) for net in networks]


def _answer(network: nn.Module, size: int) -> tuple[int, ...] | str:
    """Return the shape of what a network says of a row, or why it says nothing."""
    try:
        said = answer(network, 1, size)
    except (RuntimeError, ValueError, TypeError) as error:
        return f"with {type(error).__name__}: {error}"
    return tuple(said.shape) if isinstance(said, Tensor) else type(said).__name__
