"""The players of a game: connected ones as they are made, and those that are given."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from genbook.models.adversarial._networks import connected, given
from genbook.models.adversarial.gan import GAN
from seeding import seeded

X = torch.randn(5, 3, generator=seeded(0))


def linear(net: nn.Module) -> list[nn.Linear]:
    return [m for m in net.modules() if isinstance(m, nn.Linear)]


@pytest.mark.parametrize("lipschitz", [0.0, 2.5])
def test_connected_players_bend_as_they_should(lipschitz: float) -> None:
    made, judge = connected((3, 8, 2), (3, 6, 4, 1), lipschitz)
    first, last = linear(made)
    assert torch.allclose(made(X), last(first(X).clamp(min=0)))
    judge.eval()  # the power method stands still
    h = X
    for layer in linear(judge)[:-1]:
        h = layer(h)
        h = torch.where(h > 0, h, 0.2 * h)
    wanted = (lipschitz or 1.0) * linear(judge)[-1](h)
    assert torch.allclose(judge(X), wanted, atol=1e-6)
    sizes = [(m.in_features, m.out_features) for m in linear(judge)]
    assert sizes == [(3, 6), (6, 4), (4, 1)]
    assert [(m.in_features, m.out_features) for m in linear(made)] == [(3, 8), (8, 2)]
    normed = [hasattr(m, "parametrizations") for m in linear(judge)]
    assert normed == [bool(lipschitz)] * 3


def test_given_players_are_taken_as_they_are() -> None:
    nets = nn.Linear(4, 6), nn.Linear(6, 1)
    for pair in (nets, list(nets)):
        made, judge = given(pair, 4, 6, 6, {"lipschitz": 0.0})
        assert made[0] is nets[0]
        assert judge[0] is nets[1]
    game = GAN((2, 3), 4, networks=nets)
    assert game.config["networks"] == [{"class": "Linear", "config": None}] * 2
    z = torch.randn(5, 4, generator=seeded(1))
    assert torch.equal(game.generate(z), nets[0](z).view(5, 2, 3))
    x = torch.randn(5, 2, 3, generator=seeded(2))
    assert torch.equal(game.discriminate(x), nets[1](x.flatten(1))[:, 0])


class Shape(nn.Module):
    """A network that answers whatever it was told to."""

    def __init__(self, said: Any) -> None:
        super().__init__()
        self.said = said

    def forward(self, x: Tensor) -> Any:
        return self.said


GOOD = nn.Linear(4, 6), nn.Linear(6, 1)


@pytest.mark.parametrize(
    ("networks", "error", "message"),
    [
        (GOOD[:1], TypeError, r"^networks must be two modules, got \(Linear"),
        ((*GOOD, GOOD[0]), TypeError, r"^networks must be two modules, got"),
        (nn.Linear(4, 6), TypeError, r"^networks must be two modules, got Linear"),
        ("ab", TypeError, r"^networks must be two modules, got 'ab'"),
        ((1, GOOD[1]), TypeError, r"^networks\[0\] must be a torch.nn.Module, got int"),
        (
            (GOOD[0], None),
            TypeError,
            r"^networks\[1\] must be a torch.nn.Module, got N",
        ),
        (
            (nn.Linear(5, 6), GOOD[1]),
            ValueError,
            r"^networks\[0\] must take \(n, 4\): ",
        ),
        (
            (GOOD[0], nn.Linear(5, 1)),
            ValueError,
            r"^networks\[1\] must take \(n, 6\): ",
        ),
        (
            (nn.Linear(4, 5), GOOD[1]),
            ValueError,
            r"^networks\[0\] must make \(2, 6\) of two rows, got \(2, 5\)",
        ),
        (
            (GOOD[0], nn.Linear(6, 2)),
            ValueError,
            r"^networks\[1\] must make \(2, 1\) of two rows, got \(2, 2\)",
        ),
        (
            (Shape("six"), GOOD[1]),
            ValueError,
            r"^networks\[0\] must make \(2, 6\) of two rows, got str",
        ),
    ],
)
def test_players_that_do_not_fit_are_named(
    networks: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        given(networks, 4, 6, 6, {"lipschitz": 0.0, "frequencies": 0})


def test_what_given_players_cannot_use_must_be_nothing() -> None:
    for name, value in (("lipschitz", 1.5), ("frequencies", 2)):
        with pytest.raises(
            ValueError, match=f"^{name} must be 0 with networks given, got {value:g}"
        ):
            given(GOOD, 4, 6, 6, {name: value})
    long = [nn.Sequential(*[nn.Linear(4, 4)] * 99)]
    with pytest.raises(TypeError) as error:
        given(long, 4, 6, 6, {})
    assert len(str(error.value)) == 200


def test_an_answer_may_be_an_image() -> None:
    made, _ = given(
        (nn.Sequential(nn.Linear(4, 6), nn.Unflatten(1, (2, 3))), GOOD[1]), 4, 6, 6, {}
    )
    assert made(torch.zeros(5, 4)).shape == (5, 2, 3)
