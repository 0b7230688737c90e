"""Two encoders that match captions and pictures: points, scores, and the loss."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from doors import check_doors, check_event_shape, check_limits, check_range
from genbook.models.networks.words import WordEncoder
from genbook.models.representation.contrastive import ContrastivePair
from genbook.training import fit, isolated_rng
from seeding import seeded
from starts import check_start

Y = torch.tensor([[1, 4, 2, 0], [1, 3, 0, 0], [2, 0, 0, 0]])


def pair(**options: Any) -> ContrastivePair:
    with isolated_rng(0):
        words = WordEncoder(12, 4, width=8, heads=2)
        made = ContrastivePair(words, (2, 3), **{"width": 16, "dim": 5} | options)
    return made.double()


def pictures(n: int = 3) -> Tensor:
    return torch.randn(n, 2, 3, generator=seeded(1), dtype=torch.float64)


def layers(net: nn.Sequential, x: Tensor) -> Tensor:
    """Apply linear layers with a rectifier between them, and make vectors of one."""
    linear = [m for m in net if isinstance(m, nn.Linear)]
    for m in linear[:-1]:
        x = m(x).clamp(min=0)
    x = linear[-1](x)
    return x / x.square().sum(1, keepdim=True).sqrt()


def test_points_are_what_the_layers_say() -> None:
    made, x = pair(), pictures()
    assert torch.allclose(made.pictures(x), layers(made.seen, x.flatten(1)))
    words, _ = made.words(Y)
    mean = torch.stack([words[i, :n].mean(0) for i, n in enumerate((3, 2, 1))])
    said = made.captions(Y)
    assert torch.allclose(said, layers(made.said, mean), atol=1e-6)
    assert torch.allclose(made.captions(Y[:, :3]), said, atol=1e-12)
    scores = made.scores(x[:2], Y)
    assert torch.allclose(scores, said @ made.pictures(x[:2]).T, atol=1e-12)
    assert scores.shape == (3, 2)
    assert not scores.requires_grad


def test_a_caption_of_filling_alone_is_read_as_one_token() -> None:
    none = torch.zeros(1, 4, dtype=torch.long)
    seen: list[Tensor] = []
    made = pair()
    made.words.register_forward_pre_hook(lambda net, given: seen.append(given[0]))
    made.captions(none)
    made.captions(Y)
    made.captions(Y[2:])
    assert [s.shape[1] for s in seen] == [1, 3, 1]


@pytest.mark.parametrize("scale", [2.0, 9.0])
def test_the_loss_is_that_of_finding_one_another(scale: float) -> None:
    made, x = pair(noise=0.3), pictures()
    with torch.no_grad():
        made.log_scale.fill_(scale)
    noisy = x + 0.3 * torch.randn(x.shape, generator=seeded(4), dtype=torch.float64)
    s = min(torch.tensor(scale).double().exp().item(), 100.0)
    s = s * made.captions(Y) @ made.pictures(noisy).T
    own = s.diagonal()
    wanted = -(2 * own - s.logsumexp(1) - s.logsumexp(0)).mean() / 2
    found = made.loss(x, Y, generator=seeded(4))
    assert found.item() == pytest.approx(wanted.item(), rel=1e-6)


def test_pairs_find_one_another() -> None:
    with isolated_rng(0):
        made = ContrastivePair(WordEncoder(12, 4, width=8), (2, 2), width=16, dim=8)
    y = torch.tensor([[1, k, 0, 0] for k in range(2, 12)])
    z = torch.randn(10, 2, 2, generator=seeded(2))
    fit(made, z, y, steps=150, lr=1e-2)
    assert (made.scores(z, y).argmax(1) == torch.arange(10)).all()


def test_a_new_pair_has_these_weights() -> None:
    made = pair()
    assert made.log_scale.item() == 2.0
    del made.words
    del made.log_scale
    check_start(
        made,
        {
            "said.0.weight": (16, 8),
            "said.2.weight": (5, 16),
            "said.2.bias": (5,),
            "seen.1.weight": (16, 6),
            "seen.3.weight": (16, 16),
            "seen.5.weight": (5, 16),
            "seen.5.bias": (5,),
            "*.bias": (16,),
        },
    )


def test_sizes_and_noise_have_both_ends() -> None:
    check_limits(
        lambda **n: pair(**{"width": 2, "dim": 2} | n),
        {"width": 65_536, "dim": 65_536},
        width=1,
        dim=1,
    )
    check_range(pair, "noise", (0.0, 1000.0), (-1e-9, 1000.1))
    words = WordEncoder(12, 4, width=8, heads=2)
    check_event_shape(lambda shape: ContrastivePair(words, shape, width=2, dim=2))
    with pytest.raises(TypeError, match="words must be a WordEncoder, got Linear"):
        ContrastivePair(nn.Linear(2, 2), (2,))  # type: ignore[arg-type]
    assert pair(dim=7).config["dim"] == 7


def test_every_method_names_what_it_refuses() -> None:
    made, x = pair(), pictures()
    check_doors(pair, x, y=Y, skip=["captions", "pictures", "scores"])
    for bad, error in ((x.float(), TypeError), (x[:, :1], ValueError)):
        for call in (made.pictures, lambda v: made.scores(v, Y)):
            with pytest.raises(error, match=r"^x must be"):
                call(bad)
    for bad, error in (
        (Y.double(), TypeError),
        (Y[0], ValueError),
        (Y + 9, ValueError),
        (torch.cat([Y, Y], 1), ValueError),
    ):
        for call in (made.captions, lambda v: made.scores(x, v)):
            with pytest.raises(error, match=r"^y must "):
                call(bad)
    with pytest.raises(ValueError, match=r"^y must be captions, .* got None"):
        made.loss(x)
    with pytest.raises(ValueError, match=r"^y must be 3 captions, one a picture, got"):
        made.loss(x, Y[:2])
