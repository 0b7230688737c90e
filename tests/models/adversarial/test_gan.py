"""The adversarial game: who moves whom, the penalty, the best judge."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn.functional import softplus

from doors import check_doors, check_event_shape, check_limits, check_range
from genbook.models.adversarial.gan import GAN
from genbook.training import fit
from seeding import seeded
from starts import check_start


@pytest.fixture
def x() -> Tensor:
    """Data, ``(500, 2)``."""
    return torch.randn(500, 2, generator=seeded(0)).double()


def gan(**config: object) -> GAN:
    with torch.random.fork_rng():
        torch.manual_seed(1)
        return GAN((2,), hidden=(16,), **config).double()  # type: ignore[arg-type]


def test_each_player_moves_only_itself(x: Tensor) -> None:
    """The gradient of the sum is each player's own gradient of its own loss."""
    model = gan()
    model.loss(x, generator=seeded(2)).backward()
    together = {k: p.grad.clone() for k, p in model.named_parameters()}

    z = torch.empty(len(x), 2).double().normal_(generator=seeded(2))
    d_real, d_fake = model.discriminate(x), model.discriminate(model.generate(z))
    of_d = softplus(-d_real).mean() + softplus(d_fake).mean()
    of_g = softplus(-d_fake).mean()
    for k, p in model.named_parameters():
        own = of_d if k.startswith("D") else of_g
        (wanted,) = torch.autograd.grad(own, p, retain_graph=True)
        assert torch.allclose(together[k], wanted, atol=1e-12), k


def test_penalty_is_the_squared_slope_at_the_data(x: Tensor) -> None:
    plain, penalised = gan(), gan(r1_weight=4.0)
    penalised.load_state_dict(plain.state_dict())
    fake = torch.zeros(5, 2).double()
    difference = penalised.discriminator_loss(x, fake) - plain.discriminator_loss(
        x, fake
    )
    slopes = [
        torch.autograd.functional.jacobian(
            lambda v: plain.discriminate(v[None])[0], row
        )
        for row in x
    ]
    wanted = 4 / 2 * torch.stack(slopes).square().sum(1).mean()
    assert difference.item() == pytest.approx(wanted.item(), abs=1e-10)


def test_spectral_layers_do_not_stretch() -> None:
    model = gan(lipschitz=5.0)
    for _ in range(50):  # the power method converges over calls
        model.discriminate(torch.zeros(1, 2).double())
    model.eval()
    for layer in model.D:
        if isinstance(layer, torch.nn.Linear):
            assert torch.linalg.matrix_norm(layer.weight, 2).item() < 1.05
    a, b = torch.randn(2, 500, 2, generator=seeded(3)).double()
    rise = (model.discriminate(a) - model.discriminate(b)).abs() / (a - b).norm(dim=1)
    assert rise.max() < 5 * 1.05**2
    plain = gan(lipschitz=1.0).eval()
    plain.load_state_dict(model.state_dict())
    assert torch.allclose(model.discriminate(a), 5 * plain.discriminate(a))


def test_the_best_judge_says_the_ratio_of_densities() -> None:
    """Trained alone on two Gaussians, it learns the line that is known."""
    model = GAN((1,), latent_dim=1, hidden=(32,))
    g = seeded(3)
    optimiser = torch.optim.Adam(model.D.parameters(), lr=1e-2)
    for _ in range(600):
        real, fake = (
            1 + torch.randn(512, 1, generator=g),
            torch.randn(512, 1, generator=g),
        )
        optimiser.zero_grad()
        model.discriminator_loss(real, fake).backward()
        optimiser.step()
    x = torch.linspace(-1, 2, 7)[:, None]
    # log N(x; 1, 1) - log N(x; 0, 1) = x - 1 / 2
    wanted = x[:, 0] - 0.5
    assert torch.allclose(model.discriminate(x), wanted, atol=0.3)


def test_the_game_moves_the_generator_to_the_data() -> None:
    x = 3 + 0.5 * torch.randn(2000, 2, generator=seeded(4))
    with torch.random.fork_rng():
        torch.manual_seed(5)
        model = GAN((2,), hidden=(32,), r1_weight=0.5)
    fit(model, x, steps=400, batch_size=128, lr=3e-3, betas=(0.5, 0.9))
    fake = model.sample(1000, generator=seeded(6))
    assert torch.allclose(fake.mean(0), x.mean(0), atol=0.3)


def test_labels_reach_both_players() -> None:
    model = gan(classes=2)
    y = torch.tensor([0, 1])
    z, x = torch.zeros(2, 2).double(), torch.zeros(2, 2).double()
    assert not torch.equal(*model.generate(z, y))
    assert not torch.equal(*model.discriminate(x, y))
    with pytest.raises(ValueError, match="y must hold 2 labels, got None"):
        model.loss(x)


def test_sigmoid_output_stays_in_the_unit_box() -> None:
    fake = gan(output="sigmoid").sample(100, generator=seeded(7))
    assert ((fake > 0) & (fake < 1)).all()
    with pytest.raises(ValueError, match="output must be sigmoid or linear"):
        gan(output="tanh")


class Lookup(GAN):
    """A judge that keeps one number for each of three places."""

    def __init__(self) -> None:
        super().__init__((1,), latent_dim=1, hidden=(1,))
        self.says = torch.nn.Parameter(torch.zeros(3, dtype=torch.float64))

    def discriminate(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        return self.says[x[:, 0].long()]


def test_the_best_judge_of_three_places_counts() -> None:
    """The minimum is the log of the ratio of the shares, and its loss their JS."""
    model = Lookup().double()
    p, q = torch.tensor([0.5, 0.3, 0.2]), torch.tensor([0.1, 0.3, 0.6])
    places = torch.arange(3.0).double()[:, None]
    real, fake = (places.repeat_interleave((10 * s).round().long(), 0) for s in (p, q))
    optimiser = torch.optim.LBFGS(
        [model.says], max_iter=200, tolerance_grad=1e-12, tolerance_change=1e-16
    )

    def closure() -> Tensor:
        optimiser.zero_grad()
        loss = model.discriminator_loss(real, fake)
        loss.backward(inputs=[model.says])
        return loss

    optimiser.step(closure)  # type: ignore[no-untyped-call]
    p, q = p.double(), q.double()
    assert torch.allclose(model.says, (p / q).log(), atol=1e-6)
    m = (p + q) / 2
    js = ((p * (p / m).log()).sum() + (q * (q / m).log()).sum()) / 2
    lost = model.discriminator_loss(real, fake).item()
    assert lost == pytest.approx(2 * torch.tensor(2.0).log().item() - 2 * js.item())


def test_the_average_follows_the_generator(x: Tensor) -> None:
    model = gan(ema_decay=0.75)
    before = [p.clone() for p in model.G_ema.parameters()]
    with torch.no_grad():
        for p in model.G.parameters():
            p.add_(1.0)
    model.train()
    model.loss(x, generator=seeded(2))
    for slow, old in zip(model.G_ema.parameters(), before, strict=True):
        assert torch.allclose(slow, old + 0.25)
        assert not slow.requires_grad


def test_the_average_draws_and_the_generator_plays() -> None:
    model = gan(ema_decay=0.5)
    with torch.no_grad():
        model.G_ema[-1].bias.add_(100.0)
    assert (model.sample(3, generator=seeded(1)) > 50).all()
    model.D = torch.nn.Linear(2, 1).double()
    with torch.no_grad():
        model.D.weight.fill_(1.0)
    x = torch.zeros(5, 2).double()
    assert model.loss(x, generator=seeded(1)).item() < 20  # 100 and more if it played
    with pytest.raises(ValueError, match="ema_decay must be below 1, got 1"):
        gan(ema_decay=1.0)
    with pytest.raises(ValueError, match="ema_decay must be above 0 for an averaged"):
        gan().update_ema()


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda m, x: m.loss(x, generator=0), TypeError, "generator must be a torch"),
        (lambda m, x: m.generator_loss(x * torch.nan), ValueError, "fake must be fin"),
        (lambda m, x: m.discriminate(x[0]), ValueError, r"x must be \(n, 2\)"),
        (lambda m, x: m.generate(x[0]), ValueError, r"z must be \(n, 2\)"),
        (lambda m, x: gan(lipschitz="no"), TypeError, "lipschitz must be a number"),
        (lambda m, x: GAN((2,), hidden=()), ValueError, "hidden must hold at least"),
    ],
)
def test_bad_values_are_refused(
    x: Tensor, call: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        call(gan(), x)


@pytest.mark.parametrize("classes", [0, 2])
def test_every_method_names_what_it_refuses(classes: int) -> None:
    x = torch.rand(6, 2, generator=seeded(0)) - 0.5
    y = torch.arange(6) % 2 if classes else None
    check_doors(
        lambda: GAN((2,), hidden=(4,), classes=classes), x, y=y, z=torch.zeros(6, 2)
    )


def test_counts_have_limits() -> None:
    check_limits(
        lambda **n: GAN((2,), **n),
        {"r1_every": 10_000},
        latent_dim=1,
        frequencies=0,
        classes=0,
        r1_every=1,
    )


def test_the_judge_names_what_was_made_badly() -> None:
    game = GAN((2,), latent_dim=2)
    with pytest.raises(ValueError, match="fake must"):
        game.discriminator_loss(torch.zeros(4, 2), torch.zeros(4, 3))


@pytest.mark.parametrize("name", ["r1_weight", "ema_decay"])
def test_weights_of_the_game_are_not_negative(name: str) -> None:
    assert getattr(GAN((2,), **{name: 0.0}), name) == 0
    for bad in (-0.1, float("nan")):
        with pytest.raises(ValueError, match=f"^{name} must be"):
            GAN((2,), **{name: bad})


def test_the_shape_of_observations_is_made_of_counts() -> None:
    check_event_shape(GAN)


def layers(net: torch.nn.Module, v: Tensor, slope: float) -> Tensor:
    """Apply linear layers, bent between them below zero to a slope."""
    linear = [m for m in net.modules() if isinstance(m, torch.nn.Linear)]
    for m in linear[:-1]:
        v = m(v)
        v = torch.where(v > 0, v, slope * v)
    return linear[-1](v)


@pytest.mark.parametrize("classes", [0, 3])
@pytest.mark.parametrize("output", ["linear", "sigmoid"])
def test_both_players_are_what_their_layers_say(classes: int, output: str) -> None:
    with torch.random.fork_rng():
        torch.manual_seed(1)
        model = GAN(
            (2, 2),
            3,
            hidden=(16, 8),
            frequencies=2,
            classes=classes,
            output=output,  # type: ignore[arg-type]
        ).double()
    z = torch.randn(5, 3, generator=seeded(1)).double()
    x = torch.randn(5, 4, generator=seeded(2)).double()
    y = torch.arange(5) % 3 if classes else None
    label = torch.eye(3).double()[y] if classes else torch.zeros(5, 0).double()
    made = layers(model.G, torch.cat([z, label], 1), 0.0)
    made = made.sigmoid() if output == "sigmoid" else made
    assert torch.allclose(model.generate(z, y), made.view(5, 2, 2))
    angle = (x[..., None] * torch.pi / 2 * torch.tensor([1.0, 2.0]).double()).flatten(1)
    seen = torch.cat([x, angle.sin(), angle.cos(), label], 1)
    score = layers(model.D, seen, 0.2)[:, 0]
    assert torch.allclose(model.discriminate(x.view(5, 2, 2), y), score, atol=1e-9)
    drawn = model.sample(5, y, generator=seeded(3))
    z = torch.randn(5, 3, generator=seeded(3), dtype=torch.float64)
    assert torch.equal(drawn, model.generate(z, y))


def test_new_players_have_these_weights() -> None:
    with torch.random.fork_rng():
        torch.manual_seed(2)
        model = GAN((2, 3), 4, hidden=(16, 8), frequencies=1, classes=2)
    check_start(
        model,
        {
            "G.0.weight": (16, 4 + 2),
            "G.0.bias": (16,),
            "G.2.weight": (8, 16),
            "G.2.bias": (8,),
            "G.4.weight": (6, 8),
            "G.4.bias": (6,),
            "D.0.weight": (8, 6 * 3 + 2),
            "D.0.bias": (8,),
            "D.2.weight": (16, 8),
            "D.2.bias": (16,),
            "D.4.weight": (1, 16),
            "D.4.bias": (1,),
        },
    )


def test_the_loss_is_that_of_both_with_the_noise_of_the_generator(x: Tensor) -> None:
    model = gan(r1_weight=2.0, ema_decay=0.5)
    z = torch.empty(500, 2).double().normal_(generator=seeded(4))
    fake = model.G(z)
    wanted = (
        model.discriminator_loss(x, fake.detach())
        + softplus(-model.discriminate(fake)).mean()
    )
    before = [p.clone() for p in model.G_ema.parameters()]
    found = model.eval().loss(x, generator=seeded(4))
    assert found.item() == pytest.approx(wanted.item())
    for slow, old in zip(model.G_ema.parameters(), before, strict=True):
        assert torch.equal(slow, old)  # no average outside of training


def test_a_penalty_comes_where_the_dice_fall_low(x: Tensor) -> None:
    plain, always, rare = gan(), gan(r1_weight=3.0), gan(r1_weight=3.0, r1_every=4)
    fake = torch.zeros(5, 2).double()
    none = plain.discriminator_loss(x, fake).item()
    whole = always.discriminator_loss(x, fake).item() - none
    assert whole > 0.01
    g = seeded(5)
    for _ in range(30):
        u = torch.rand(1, generator=_copy(g), dtype=torch.float64).item()
        found = rare.discriminator_loss(x, fake, generator=g).item() - none
        assert found == pytest.approx(4 * whole if u < 0.25 else 0.0, abs=1e-9)
    state = g.get_state()
    always.discriminator_loss(x, fake, generator=g)  # certain: no dice
    assert torch.equal(g.get_state(), state)
    assert always.config.get("r1_every") is None
    assert rare.config["r1_every"] == 4


def _copy(g: torch.Generator) -> torch.Generator:
    twin = torch.Generator()
    twin.set_state(g.get_state())
    return twin


def test_numbers_of_the_game_have_both_ends() -> None:
    for name, good, bad in (
        ("r1_weight", (0.0, 1e6), (-1e-9, 1_000_001.0)),
        ("lipschitz", (0.0, 3.0), (-1e-9,)),
        ("ema_decay", (0.0, 0.999), (-1e-9, 1.0)),
    ):
        check_range(lambda **n: GAN((2,), hidden=(4,), **n), name, good, bad)
