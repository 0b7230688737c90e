"""The transformer that reads captions, and its encoder of words."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import gelu

from doors import check_event_shape, check_limits
from genbook.models.networks.dit import BEGIN, DiT
from genbook.models.networks.words import WordEncoder
from genbook.training import isolated_rng
from seeding import seeded
from starts import check_start

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


def by_hand(net: DiT, x: Tensor, t: Tensor, y: Tensor) -> Tensor:
    """Answer one code, ``(tokens, features)``, for one caption without padding."""
    words = net.words(y[None])[0][0]  # (T, known)
    late = (t / (1 - t)).log().clamp(-6, 6) / 6
    waves = [torch.sin(late * k * torch.pi / 2) for k in range(1, 9)]
    waves += [torch.cos(late * k * torch.pi / 2) for k in range(1, 9)]
    seen = torch.cat([words.mean(0), torch.stack([*waves, late])])
    first, _, second = net.known
    known = gelu(second(gelu(first(seen))))
    h = net.input(x) + net.place
    for block in net.blocks:
        scale1, shift1, scale2, shift2 = block.modulation(known).chunk(4)
        g = normed(h) * (1 + scale1) + shift1
        h = h + block.out(attended(*block.qkv(g).chunk(3, 1)))
        if block.look is not None:
            h = h + block.look.out(
                attended(block.look.q(g), *block.look.kv(words).chunk(2, 1))
            )
        g = normed(h) * (1 + scale2) + shift2
        h = h + block.down(gelu(block.up(g)))
    return net.output(normed(h))


def normed(h: Tensor) -> Tensor:
    """Return each token's vector with mean 0 and variance 1."""
    h = h - h.mean(1, keepdim=True)
    return h / (h.square().mean(1, keepdim=True) + 1e-5).sqrt()


def attended(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """Return what 4 heads see, one after the other."""
    heads = zip(*(part.chunk(4, 1) for part in (q, k, v)), strict=True)
    seen = [(a @ b.T / a.shape[1] ** 0.5).softmax(1) @ c for a, b, c in heads]
    return torch.cat(seen, 1)


@pytest.mark.parametrize("cross", [True, False])
def test_an_answer_is_what_the_blocks_say_one_after_the_other(cross: bool) -> None:
    net, (x, _) = network(cross).double(), question()
    t = torch.tensor([0.02, 0.4, 0.97]).double()
    said = net(x.double(), t, Y)
    for i in range(3):
        wanted = by_hand(net, x[i].double(), t[i], Y[i][Y[i] > 0])
        assert torch.allclose(said[i], wanted, rtol=0, atol=1e-9)


def test_the_ends_of_time_are_as_far_as_a_thousandth() -> None:
    net, (x, _) = network().double(), question()
    x = x.double()
    for end, near, off in ((0.0, 1e-3, 2e-3), (1.0, 1 - 1e-3, 1 - 2e-3)):
        said = [net(x, torch.tensor([t]).double(), Y) for t in (end, near, off)]
        # The logit of a thousandth is 6.9, and all beyond 6 is one time.
        assert torch.equal(said[0], said[1])
        late = math.log(off / (1 - off))
        assert abs(late) > 6
        assert torch.equal(said[0], said[2])
        inside = torch.tensor([0.003 if end == 0 else 0.997]).double()
        assert not torch.allclose(said[0], net(x, inside, Y), atol=1e-6)


@pytest.mark.parametrize("cross", [True, False])
def test_a_new_network_has_these_weights(cross: bool) -> None:
    with isolated_rng(3):
        words = WordEncoder(9, 6, width=12)
        net = DiT((10, 4), words, width=16, depth=2, cross=cross)
        del net.words  # it has tests of its own
    shapes: dict[str, tuple[int, ...]] = {
        "input.weight": (16, 4),
        "place": (10, 16),
        "known.0.weight": (16, 12 + 2 * 8 + 1),
        "known.2.weight": (16, 16),
        "*.modulation.weight": (64, 16),
        "*.modulation.bias": (64,),
        "*.qkv.weight": (48, 16),
        "*.qkv.bias": (48,),
        "*.up.weight": (32, 16),
        "*.up.bias": (32,),
        "*.down.weight": (16, 32),
        "blocks.?.out.weight": (16, 16),
        "output.weight": (4, 16),
        "output.bias": (4,),
    }
    if cross:
        shapes["*.look.q.weight"] = shapes["*.look.out.weight"] = (16, 16)
        shapes |= {"*.look.kv.weight": (32, 12), "*.look.kv.bias": (32,)}
    check_start(
        net,
        shapes | {"*.bias": (16,)},
        zero=("output.*",),
        times={
            "*.modulation.weight": 0.3,
            "blocks.?.out.weight": 0.5,
            "*.down.weight": 0.5,
        },
        normal={"place": 0.3},
    )


def test_sizes_have_limits() -> None:
    words = WordEncoder(9, 6, width=8)
    check_limits(
        lambda **n: DiT((3, 4), words, **{"width": 4, "depth": 1, "heads": 1} | n),
        {"width": 16_384, "depth": 100, "heads": 16_384},
        width=1,
        depth=1,
        heads=1,
    )
    check_event_shape(lambda shape: DiT(shape, words, width=8))
    with pytest.raises(ValueError, match="heads must divide width 8, got 3"):
        DiT((3, 4), words, width=8, heads=3)
    with pytest.raises(TypeError, match="cross must be True or False"):
        DiT((3, 4), words, cross="no")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="words must be a WordEncoder, got Linear"):
        DiT((3, 4), nn.Linear(2, 2))  # type: ignore[arg-type]


def test_bad_questions_are_named() -> None:
    net, (x, t) = network(), question()
    good = {"x": x, "t": t, "y": Y}
    for ask in (net, net.looks):
        ask(**good)
        ask(**good | {"t": t[:1]})
        for change, error, message in (
            ({"x": x[:, :2]}, ValueError, r"^x must be \(n, 3, 4\)"),
            ({"x": x.double()}, TypeError, "^x must be torch.float32"),
            ({"t": None}, TypeError, "^t must be a torch.Tensor, got NoneType"),
            ({"t": 0.5}, TypeError, "^t must be a torch.Tensor, got float"),
            ({"t": t.double()}, TypeError, "^t must be torch.float32"),
            ({"t": t[0]}, ValueError, r"^t must be \(n,\), got \(\)"),
            ({"y": None}, TypeError, "^y must be a torch.Tensor, got NoneType"),
            ({"y": Y.tolist()}, TypeError, "^y must be a torch.Tensor, got list"),
            ({"y": Y.float()}, TypeError, "^y must hold integer tokens"),
            ({"y": Y[0]}, ValueError, r"^y must be \(n, 1 to 6\), got \(6,\)"),
            ({"y": Y.repeat(1, 2)}, ValueError, r"^y must be \(n, 1 to 6\)"),
            ({"y": Y[:, :0]}, ValueError, r"^y must be \(n, 1 to 6\)"),
            ({"y": Y + 3}, ValueError, "^y must hold tokens 0 to 8, got 3 to 9"),
            ({"y": Y - (Y == 0).long()}, ValueError, "^y must hold tokens .* -1 to 6"),
        ):
            with pytest.raises(error, match=message):
                ask(**good | change)
    for change, message in (
        ({"t": t[:2]}, r"^t must be \(3,\) or \(1,\), got \(2,\)"),
        ({"y": Y[:2]}, "^y must hold captions whose number divides 3, got 2"),
        ({"y": Y[:0]}, "^y must hold captions whose number divides 3, got 0"),
        ({"x": x[:0], "t": t[:2]}, r"^t must be \(0,\) or \(1,\), got \(2,\)"),
    ):
        with pytest.raises(ValueError, match=message):
            net(**good | change)
    assert net(x * torch.nan, t, Y).isnan().all()
    assert net(x, t * torch.nan, Y).isnan().all()
    for beyond in (-1.0, -torch.inf):
        assert torch.equal(net(x, t * 0 + beyond, Y), net(x, t * 0, Y))
    for beyond in (2.0, 1e30, torch.inf):
        assert torch.equal(net(x, t * 0 + beyond, Y), net(x, t * 0 + 1, Y))
    with pytest.raises(ValueError, match=r"^x must be finite"):
        net.looks(x * torch.nan, t, Y)
    for change, error, message in (
        ({"t": t * torch.nan}, ValueError, "^t must be finite"),
        ({"x": x[:0]}, ValueError, "^x must hold at least one"),
        ({"y": Y[:2]}, ValueError, "^y must be 3 captions and t 3 times or 1, got 2 a"),
        ({"t": t[:2]}, ValueError, "^y must be 3 captions .* 1, got 3 and 2"),
    ):
        with pytest.raises(error, match=message):
            net.looks(**good | change)
    assert net.looks(**good).requires_grad is False


def test_looks_are_a_mean_over_blocks() -> None:
    net, (x, t) = network(), question()
    seen: list[Tensor] = []
    for block in net.blocks:
        shares = block.look.shares
        block.look.shares = lambda *a, f=shares: seen.append(f(*a)) or seen[-1]
    looks = net.looks(x, t, Y)
    assert len(seen) == 2
    assert torch.allclose(looks, (seen[0] + seen[1]) / 2)
    assert not torch.allclose(seen[0], seen[1])
