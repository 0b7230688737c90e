"""The two networks of a variational autoencoder, and how they start."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from genbook.models.networks.mlp import mlp

INIT_LOG_STD = -2.0  # little noise: a code drowned in it stays ignored


def two_networks(
    encoder_sizes: Sequence[int], decoder_sizes: Sequence[int], features: int
) -> tuple[nn.Sequential, nn.Sequential]:
    """Return an encoder and a decoder that say little noise at first.

    Args:
        encoder_sizes: The widths of its layers; the last outputs are means and
            logarithms of standard deviations, half of them each.
        decoder_sizes: The same; it may say means alone.
        features: How many means the decoder says.
    """
    encoder = nn.Sequential(*mlp(encoder_sizes))
    decoder = nn.Sequential(*mlp(decoder_sizes))
    _start_narrow(encoder, encoder_sizes[-1] // 2)
    _start_narrow(decoder, features)
    return encoder, decoder


@torch.no_grad()
def _start_narrow(network: nn.Sequential, start: int) -> None:
    """Let the logarithms of deviations, from an output on, start small."""
    last = network[-1]
    if isinstance(last, nn.Linear):
        last.bias[start:] += INIT_LOG_STD
