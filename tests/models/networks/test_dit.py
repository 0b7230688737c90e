"""The transformer that reads captions, and its encoder of words."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from genbook.models.networks.dit import BEGIN, DiT
from genbook.models.networks.words import WordEncoder
from genbook.training import isolated_rng
from seeding import seeded

Y = torch.tensor([[1, 4, 2, 3, 0, 0], [1, 3, 0, 0, 0, 0], [1, 2, 4, 3, 5, 6]])


def network(cross: bool = True) -> DiT:
    with isolated_rng(0):
        net = DiT((3, 4), WordEncoder(9, 6, width=8), width=16, depth=2, cross=cross)
        nn.init.normal_(net.output.weight)
    return net.eval()


def question(n: int = 3) -> tuple[Tensor, Tensor]:
    return torch.randn(n, 3, 4, generator=seeded(1)), torch.linspace(0.1, 0.9, n)


def test_padding_says_nothing() -> None:
    net, (x, t) = network(), question()
    both = net(x, t, Y)
    assert torch.allclose(net(x[:2], t[:2], Y[:2]), both[:2], atol=1e-6)
    longer = torch.cat([Y[1:2, :2], torch.zeros(1, 4, dtype=torch.long)], 1)
    assert torch.allclose(net(x[1:2], t[1:2], longer), both[1:2], atol=1e-6)


def test_a_caption_answers_for_several_codes() -> None:
    net, (x, t) = network(), question(6)
    at_once = net(x, t, Y)
    for i in range(6):
        alone = net(x[i : i + 1], t[i : i + 1], Y[i % 3][None])
        assert torch.allclose(at_once[i : i + 1], alone, atol=1e-5)


def test_one_caption_for_all_is_the_same_written_out() -> None:
    net, (x, t) = network(), question()
    spread = net.null_condition.expand(3, 6)
    assert torch.allclose(net(x, t, spread), net(x, t, spread.clone()), atol=1e-6)
    assert net.null_condition.tolist() == [BEGIN, 0, 0, 0, 0, 0]


def test_the_order_of_words_counts() -> None:
    net, (x, t) = network(), question()
    other = Y.clone()
    other[:, [1, 2]] = Y[:, [2, 1]]
    assert not torch.allclose(net(x, t, other)[[0, 2]], net(x, t, Y)[[0, 2]])


def test_looks_are_the_weights_of_the_attention() -> None:
    net, (x, t) = network(), question()
    looks = net.looks(x, t, Y)
    assert looks.shape == (3, 3, 6)
    assert torch.allclose(looks.sum(2), torch.ones(3, 3))
    assert (looks[1, :, 2:] == 0).all()
    look = net.blocks[0].look
    g = torch.randn(1, 3, 16, generator=seeded(2))
    words = torch.randn(1, 4, 8, generator=seeded(3))
    there = torch.ones(1, 4, dtype=torch.bool)
    with torch.no_grad():  # one head by hand, the others' values silenced
        look.kv.weight[16:] = 0
        look.kv.bias[16:] = 1
        look.out.weight.copy_(torch.eye(16))
        look.out.bias.zero_()
        assert torch.allclose(look(g, words, there), torch.ones(1, 3, 16))
        q, k = look.q(g), look.kv(words)[..., :16]
        score = torch.einsum(
            "qhd,khd->hqk", *(v[0].unflatten(1, (4, 4)) for v in (q, k))
        )
        by_hand = (score / 2).softmax(2).mean(0)
        assert torch.allclose(look.shares(g, words, there)[0], by_hand, atol=1e-6)


def test_without_cross_attention_only_the_mean_is_heard() -> None:
    net, (x, t) = network(cross=False), question()
    assert net(x, t, Y).shape == x.shape
    with pytest.raises(ValueError, match="cross=True"):
        net.looks(x, t, Y)
    assert not any("look" in name for name, _ in net.named_parameters())


def test_arguments_are_refused() -> None:
    with pytest.raises(ValueError, match="heads must divide"):
        WordEncoder(9, 6, width=9)
    with pytest.raises(ValueError, match="event_shape must be"):
        DiT((3,), WordEncoder(9, 6, width=8))
    with pytest.raises(ValueError, match="y must be"):
        WordEncoder(9, 6, width=8)(torch.ones(1, 7, dtype=torch.long))


def test_no_codes_are_answered_by_none() -> None:
    net, (x, t) = network(), question()
    assert net(x[:0], t[:1], Y).shape == (0, 3, 4)


def test_places_begin_small_and_apart() -> None:
    with isolated_rng(0):
        net = DiT((40, 4), WordEncoder(9, 6, width=8), width=64, depth=1)
    place = net.place.detach()
    assert place.std().item() == pytest.approx(0.3, rel=0.05)
    assert place.mean().item() == pytest.approx(0.0, abs=0.03)
