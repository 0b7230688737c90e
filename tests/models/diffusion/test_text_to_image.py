"""Flow matching of codes given captions."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch import nn

from doors import check_limits
from genbook.models.diffusion.text_to_image import CaptionedFlow, TextToImage
from genbook.models.networks.dit import DiT
from genbook.models.networks.words import WordEncoder
from genbook.training import fit, isolated_rng, load, save
from seeding import seeded

Y = torch.tensor([[1, 4, 2, 0], [1, 3, 0, 0]])


def flow(draws: int = 3, dropout: float = 0.1) -> CaptionedFlow:
    with isolated_rng(0):
        net = DiT((3, 4), WordEncoder(9, 4, width=8), width=16, depth=1)
        return CaptionedFlow(net, draws=draws, label_dropout=dropout)


def picture_model() -> TextToImage:
    with isolated_rng(0):
        model = TextToImage(
            9, 4, components=20, code_width=16, words_width=8, width=8, depth=1
        )
    return model.eval()


def test_the_loss_is_that_of_flow_matching_on_repeated_rows() -> None:
    model = flow(dropout=0.0)
    x = torch.randn(2, 3, 4, generator=seeded(1))
    got = model.loss(x, Y, generator=seeded(2))
    g = seeded(2)
    torch.rand(2, generator=g)  # who is left without a caption
    t = model.sample_times(6, generator=g)
    eps = torch.randn(6, 3, 4, generator=g)
    rows, y = x.repeat(3, 1, 1), Y.repeat(3, 1)
    noisy = (1 - t[:, None, None]) * rows + t[:, None, None] * eps
    v = torch.stack(
        [model.velocity(noisy[i][None], t[i], y[i][None])[0] for i in range(6)]
    )
    assert got.item() == pytest.approx(
        (v - eps + rows).square().mean().item(), rel=1e-5
    )


def test_it_learns_what_words_say() -> None:
    y = Y.repeat(200, 1)
    x = torch.where(y[:, 1:2] == 4, 1.5, -1.5)[..., None].expand(400, 3, 4)
    x = x + 0.1 * torch.randn(x.shape, generator=seeded(3))
    model = flow()
    fit(model, x, y, steps=150, batch_size=50, lr=1e-2)
    drawn = model.sample(100, Y.repeat(50, 1), generator=seeded(4))
    assert (
        (drawn.mean((1, 2)) > 0) == (Y[:, 1] == 4).repeat(50)
    ).double().mean() > 0.95


def test_an_edit_keeps_more_the_less_noise_there_is() -> None:
    model, x = picture_model(), torch.rand(4, 3, 24, 48, generator=seeded(5))
    model.code.fit_components(torch.rand(30, 3, 24, 48, generator=seeded(6)))
    coded, y = model.code.decode(model.code.encode(x)), Y.repeat(2, 1)
    far = [
        (model.edit(x, y, strength=s, generator=seeded(7)) - coded).abs().mean().item()
        for s in (0.05, 0.3, 0.9)
    ]
    assert far[0] < far[1] < far[2]


def test_a_bridge_to_the_same_caption_leads_home() -> None:
    model, x = picture_model(), torch.rand(4, 3, 24, 48, generator=seeded(5))
    model.code.fit_components(torch.rand(30, 3, 24, 48, generator=seeded(6)))
    y, coded = Y.repeat(2, 1), model.code.decode(model.code.encode(x))
    back = model.bridge(x, y, y, guidance=1.0, steps=60)
    assert torch.allclose(back, coded, atol=2e-3)


def test_a_file_holds_all_of_it(tmp_path) -> None:
    model = picture_model()
    save(model, tmp_path / "m.safetensors")
    twin = load(TextToImage(**model.config), tmp_path / "m.safetensors").eval()
    a, b = (m.sample(2, Y, generator=seeded(8)) for m in (model, twin))
    assert torch.equal(a, b)


def test_arguments_are_refused() -> None:
    with pytest.raises(ValueError, match="y must be captions"):
        flow().loss(torch.zeros(2, 3, 4))
    with pytest.raises(TypeError, match="network must be a DiT"):
        CaptionedFlow(torch.nn.Linear(2, 2))
    x = torch.rand(2, 3, 24, 48)
    with pytest.raises(ValueError, match="strength"):
        picture_model().edit(x, Y, strength=1.0)


def test_an_edit_is_euler_s_method_from_a_noisy_code() -> None:
    model, x = picture_model(), torch.rand(4, 3, 24, 48, generator=seeded(5))
    model.code.fit_components(torch.rand(30, 3, 24, 48, generator=seeded(6)))
    nn.init.normal_(model.flow.net.output.weight, generator=seeded(7))
    y = Y.repeat(2, 1)
    z = model.code.encode(x)
    eps = torch.randn(z.shape, generator=seeded(8))
    z = 0.4 * z + 0.6 * eps
    for t in (0.6, 0.3):
        z = z - 0.3 * model.flow.velocity(z, torch.tensor(t), y, guidance=1.5)
    found = model.edit(x, y, strength=0.6, guidance=1.5, steps=2, generator=seeded(8))
    assert torch.allclose(found, model.code.decode(z), atol=1e-4)


def test_captions_are_left_out_by_the_dice_once_for_all_draws() -> None:
    model = flow(draws=2, dropout=0.5)
    nn.init.normal_(model.net.output.weight, generator=seeded(3))
    x, y = torch.randn(8, 3, 4, generator=seeded(1)), Y.repeat(4, 1)
    g = seeded(2)
    out = torch.rand(8, generator=g) < 0.5
    assert 0 < out.sum() < 8
    asked = torch.where(out[:, None], model.net.null_condition, y).repeat(2, 1)
    t = model.sample_times(16, generator=g)
    eps, rows = torch.randn(16, 3, 4, generator=g), x.repeat(2, 1, 1)
    noisy = model.add_noise(rows, eps, t)
    said = [model.velocity(noisy[i][None], t[i], asked[i][None])[0] for i in range(16)]
    wanted = (torch.stack(said) - eps + rows).square().mean().item()
    found = model.loss(x, y, generator=seeded(2)).item()
    assert found == pytest.approx(wanted, rel=1e-5)


def test_a_model_is_as_large_as_asked() -> None:
    with isolated_rng(0):
        model = TextToImage(
            9,
            4,
            latent_dim=5,
            components=20,
            code_width=16,
            words_width=8,
            words_blocks=2,
            width=12,
            depth=2,
            cross=False,
            draws=3,
        )
    assert model.code.latent_shape == (3, 5)
    assert model.code.encoder[0].in_features == 20
    assert model.code.encoder[0].out_features == 16
    net = model.flow.net
    assert net.event_shape == (3, 5)
    assert net.words.config == {
        "vocabulary": 9,
        "length": 4,
        "width": 8,
        "blocks": 2,
        "heads": 4,
    }
    assert (net.config["width"], net.config["depth"], net.cross) == (12, 2, False)
    assert (model.flow.draws, model.flow.times) == (3, "logit-normal")
    assert model.event_shape == (3, 24, 48)
    assert TextToImage(**model.config).config == model.config


def test_a_picture_is_drawn_as_a_code_and_then_decoded() -> None:
    model = picture_model()
    nn.init.normal_(model.flow.net.output.weight, std=0.3, generator=seeded(7))
    drawn = model.sample(2, Y, guidance=1.5, steps=3, generator=seeded(8))
    code = model.flow.sample(2, Y, guidance=1.5, steps=3, generator=seeded(8))
    assert torch.equal(drawn, model.code.decode(code))
    x = torch.rand(2, 3, 24, 48, generator=seeded(9))
    loss = model.loss(x, Y, generator=seeded(10))
    assert torch.equal(
        loss, model.flow.loss(model.code.encode(x), Y, generator=seeded(10))
    )
    loss.backward()
    assert all(p.grad is None for p in model.code.parameters())
    noise = model.flow.encode(model.code.encode(x), Y, steps=4)
    z = model.flow.decode(noise, Y.flip(0), steps=4, guidance=1.5)
    found = model.bridge(x, Y, Y.flip(0), guidance=1.5, steps=4)
    assert torch.allclose(found, model.code.decode(z), atol=1e-6)


def test_numbers_of_draws_steps_and_strength_have_ends() -> None:
    net = flow().net
    check_limits(
        lambda draws: CaptionedFlow(net, draws=draws), {"draws": 1000}, draws=1
    )
    model, x = picture_model(), torch.rand(2, 3, 24, 48, generator=seeded(9))
    check_limits(
        lambda steps: model.edit(x, Y, strength=0.5, steps=steps),
        {"steps": 100_000},
        steps=1,
    )
    for change, error, message in (
        ({"strength": 0.0}, ValueError, r"^strength must be"),
        ({"guidance": "much"}, TypeError, r"^guidance must be"),
        ({"generator": 3}, TypeError, r"^generator must be"),
    ):
        with pytest.raises(error, match=message):
            model.edit(x, Y, **{"strength": 0.5, "steps": 1} | change)
    for bad, error in ((Y.float(), TypeError), (Y[:1], ValueError)):
        with pytest.raises(error, match=r"^y must"):
            flow().loss(torch.zeros(2, 3, 4), bad)
    with pytest.raises(ValueError, match=r"^x must hold at least one"):
        flow().loss(torch.zeros(0, 3, 4), Y[:0])


def bad_captions() -> list[tuple[Any, type[Exception], str]]:
    """Return what is not two captions of the picture model."""
    return [
        (Y + 6, ValueError, "must hold tokens 0 to 8, got 6 to 10"),
        (Y - 1, ValueError, "must hold tokens 0 to 8, got -1 to 3"),
        (Y.float(), TypeError, "must"),
        (Y[:1], ValueError, "must be"),
        (Y[:, :3], ValueError, "must be"),
    ]


@pytest.mark.parametrize(("y", "error", "message"), bad_captions())
def test_captions_are_refused_before_anything_is_drawn(
    y: Any, error: type[Exception], message: str
) -> None:
    model, flows, g = picture_model(), flow(), seeded(1)
    x, codes = torch.zeros(2, 3, 24, 48), torch.zeros(2, 3, 4)
    way: dict[str, Any] = {"steps": 1, "generator": g}
    before = g.get_state()
    for call in (
        lambda: model.sample(2, y, **way),
        lambda: model.loss(x, y, generator=g),
        lambda: model.edit(x, y, strength=0.5, **way),
        lambda: flows.sample(2, y, **way),
        lambda: flows.loss(codes, y, generator=g),
        lambda: flows.log_prob(codes, y, divergence="hutchinson", **way),
        lambda: flows.encode(codes, y, steps=1),
        lambda: flows.decode(codes.flatten(1), y, steps=1),
        lambda: flows.velocity(codes, torch.tensor(0.5), y),
    ):
        with pytest.raises(error, match=f"^y {message}"):
            call()
        assert torch.equal(g.get_state(), before)


@pytest.mark.parametrize(("y", "error", "message"), bad_captions())
def test_a_bridge_says_which_of_its_captions_is_none(
    y: Any, error: type[Exception], message: str
) -> None:
    model, x = picture_model(), torch.zeros(2, 3, 24, 48)
    with pytest.raises(error, match=f"^y_from {message}"):
        model.bridge(x, y, Y, steps=1)
    with pytest.raises(TypeError, match=r"^steps must be an integer, got None"):
        model.bridge(x, Y, Y, steps=None)  # type: ignore[arg-type]
    seen: list[Any] = []
    model.flow.encode = lambda *a, **k: seen.append(a)  # type: ignore[assignment,method-assign]
    with pytest.raises(error, match=f"^y_to {message}"):
        model.bridge(x, Y, y, steps=1)
    assert not seen


def test_an_edit_weighs_guidance_before_it_draws() -> None:
    model, x, g = picture_model(), torch.zeros(2, 3, 24, 48), seeded(1)
    before = g.get_state()
    for change, message in (
        ({"guidance": -1.0}, "^guidance must be zero or positive"),
        ({"guidance": 2_000.0}, "^guidance must be at most 1000"),
        ({"y": None}, "^guidance must be 1 where there is no condition y"),
        ({"x": x[:1]}, r"^y must be \(1, 4\)"),
    ):
        asked = {"x": x, "y": Y, "strength": 0.5, "steps": 1, "generator": g} | change
        with pytest.raises(ValueError, match=message):
            model.edit(**asked)
        assert torch.equal(g.get_state(), before)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"code_width": 0}, ValueError, "^code_width must be at least 1, got 0"),
        ({"code_width": 65_537}, ValueError, "^code_width must be at most 65,536"),
        ({"code_width": 8.0}, TypeError, "^code_width must be an integer"),
        ({"words_width": 0}, ValueError, "^words_width must be at least 1, got 0"),
        ({"words_width": 6}, ValueError, "^words_width must be a multiple of 4, got 6"),
        ({"words_width": "8"}, TypeError, "^words_width must be an integer"),
        ({"words_width": 16_388}, ValueError, "^words_width must be at most 16,384"),
        ({"words_blocks": -1}, ValueError, "^words_blocks must be at least 0"),
        ({"words_blocks": 101}, ValueError, "^words_blocks must be at most 100"),
        ({"width": 6}, ValueError, "^width must be a multiple of 4, got 6"),
        ({"width": None}, TypeError, "^width must be an integer"),
    ],
)
def test_a_size_is_refused_by_its_own_name(
    change: dict[str, Any], error: type[Exception], message: str
) -> None:
    before = torch.get_rng_state()
    with pytest.raises(error, match=message):
        TextToImage(9, 4, components=20, **change)
    assert torch.equal(torch.get_rng_state(), before)


def test_an_edit_in_double_precision_is_that_in_single() -> None:
    model, x = picture_model(), torch.rand(2, 3, 24, 48, generator=seeded(5))
    nn.init.normal_(model.flow.net.output.weight, generator=seeded(7))
    exact = copy.deepcopy(model).double()
    noise = torch.randn(2, 3, 16, generator=seeded(8))
    for one in (model, exact):
        one._normal = lambda *_, one=one, **__: noise.to(one.dtype)  # type: ignore
    found = model.edit(x, Y, strength=0.4, steps=2)
    same = exact.edit(x.double(), Y, strength=0.4, steps=2)
    assert same.dtype == torch.float64
    assert torch.allclose(same.float(), found, atol=1e-4)
