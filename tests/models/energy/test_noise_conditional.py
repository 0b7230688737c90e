"""One energy for every level of noise: its start, its loss, its chains."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from doors import check_doors, check_event_shape, check_limits, check_range
from genbook.models.energy.noise_conditional import NoiseConditionalEnergy
from genbook.models.networks.cnn import TimeConditionedCNN
from genbook.models.networks.time import TimeConditionedMLP
from genbook.models.networks.unet import UNet
from genbook.training import fit, load, save
from seeding import seeded
from starts import check_start


def test_noise_energy_starts_at_the_gaussian_of_the_data() -> None:
    """Before training the energy is that of the data's Gaussian with the noise."""
    x = torch.randn(500, 3, generator=seeded(13)).double() @ torch.randn(
        3, 3, generator=seeded(14), dtype=torch.float64
    )
    model = NoiseConditionalEnergy((3,), x, width=8, depth=1).double()
    sigma = torch.full((500,), 0.7).double()
    c = (x - x.mean(0)).T @ (x - x.mean(0)) / 500 + 0.49 * torch.eye(3)
    gauss = torch.distributions.MultivariateNormal(x.mean(0), c)
    difference = model.energy(x, sigma) + gauss.log_prob(x)
    assert (difference - difference[0]).abs().max() < 1e-5


def test_noise_loss_is_the_score_error_against_the_noise() -> None:
    """Autograd of the public energy, by hand, gives the same loss."""
    x = torch.rand(20, 2, generator=seeded(15)).double()
    model = NoiseConditionalEnergy((2,), x, width=8, depth=1).double()
    with torch.no_grad():
        for p in model.parameters():
            p.add_(0.1 * torch.randn(p.shape, generator=seeded(16)))
    loss = model.loss(x, generator=seeded(17))
    g = seeded(17)
    top, bottom = model.sigmas[0].log(), model.sigmas[-1].log()
    t = torch.rand(20, generator=g, dtype=torch.float64)
    sigma = (bottom + t * (top - bottom)).exp()
    eps = torch.randn(20, 2, generator=g, dtype=torch.float64) @ model.axes.T
    noisy = (x + sigma[:, None] * eps).requires_grad_()
    (score,) = torch.autograd.grad(-model.energy(noisy, sigma).sum(), noisy)
    weight = 1 + sigma**2 / model.variances.mean()
    wanted = weight[:, None] * (sigma[:, None] * score + eps).square()
    assert loss.item() == pytest.approx(wanted.mean().item(), rel=1e-9)


def test_noise_chains_draw_two_hills() -> None:
    """Trained on two hills, the chains find both, and their width."""
    side = (torch.rand(2000, 1, generator=seeded(18)) < 0.5) * 2.0 - 1
    x = side + 0.1 * torch.randn(2000, 1, generator=seeded(19))
    torch.manual_seed(0)
    model = NoiseConditionalEnergy((1,), x, width=32, depth=1, sigma_max=3.0)
    fit(model, x, steps=600, batch_size=512, lr=1e-2)
    s = model.sample(2000, generator=seeded(20))
    assert (s > 0).double().mean().item() == pytest.approx(0.5, abs=0.15)
    assert s.abs().mean().item() == pytest.approx(1, abs=0.08)
    assert s[s > 0].std().item() == pytest.approx(0.1, abs=0.05)


def test_noise_scales_in_the_wrong_order_are_refused() -> None:
    with pytest.raises(ValueError, match="sigma_max must be above sigma_min"):
        NoiseConditionalEnergy((2,), sigma_min=2.0, sigma_max=1.0)


def test_samples_and_loss_under_inference_mode() -> None:
    x = torch.rand(20, 2, generator=seeded(30))
    model = NoiseConditionalEnergy((2,), x, width=8, depth=1, num_scales=3)

    def use() -> tuple[torch.Tensor, torch.Tensor]:
        loss = model.loss(x.clone(), generator=seeded(31)).detach()
        return model.sample(5, langevin_steps=2, generator=seeded(32)), loss

    with torch.inference_mode():
        found = use()
    for a, b in zip(found, use(), strict=True):
        assert torch.equal(a, b)


def test_the_data_decide_the_type() -> None:
    x = torch.rand(20, 2, generator=seeded(30)).double()
    model = NoiseConditionalEnergy((2,), x, width=8, depth=1)
    assert {t.dtype for t in model.state_dict().values()} == {torch.float64}
    assert model.energy(x).dtype == torch.float64


X = torch.rand(20, 2, generator=seeded(33))
MODEL = NoiseConditionalEnergy((2,), X, width=8, depth=1)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: NoiseConditionalEnergy((2,), X * 0 + 3),
            "x must vary, and in torch.fl",
        ),
        (
            lambda: NoiseConditionalEnergy((2,), X * 1e30),
            "x must vary, and in torch.fl",
        ),
        (
            lambda: NoiseConditionalEnergy((2,), X * 1e-30),
            "x must vary, and in torch.f",
        ),
        (lambda: NoiseConditionalEnergy((2,), X[:, :1]), r"x must be \(n, 2\)"),
        (
            lambda: NoiseConditionalEnergy((10**6,)),
            "event_shape must be at most 16,384",
        ),
        (lambda: NoiseConditionalEnergy((2,), depth=10**12), "depth must be at most"),
        (
            lambda: NoiseConditionalEnergy((2,), num_scales=1),
            "num_scales must be at le",
        ),
        (
            lambda: MODEL.energy(X, torch.zeros(20)),
            "sigma must be from 0.05 to 1.5, got",
        ),
        (lambda: MODEL.energy(X, torch.full((20,), 9.0)), "sigma must be from 0.05 to"),
        (lambda: MODEL.energy(X, torch.ones(3)), r"sigma must be \(20,\), got \(3,\)"),
        (lambda: MODEL.sample(2, step_size=2.0), "step_size must be below 2, got 2.0"),
        (lambda: MODEL.sample(2, langevin_steps=-1), "langevin_steps must be at least"),
        (lambda: MODEL.sample(10**12), "n must be at most"),
    ],
)
def test_bad_values_are_named(call: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()


def test_every_level_of_the_chain_has_an_energy() -> None:
    for sigma in MODEL.sigmas:
        assert MODEL.energy(X, sigma.expand(20)).isfinite().all()


def test_the_energy_is_the_gaussian_s_less_the_correction() -> None:
    x = torch.randn(50, 2, generator=seeded(0)) @ torch.tensor([[2.0, 0.3], [0.0, 0.5]])
    model = NoiseConditionalEnergy((2,), x, width=8, depth=1).double()
    torch.nn.init.normal_(model.network[-1].weight, generator=seeded(1))
    points, sigma = x[:6].double(), torch.linspace(0.1, 1.2, 6).double()
    z, s = (points - model.mean) @ model.axes, model.variances.mean().sqrt()
    total = sigma[:, None] ** 2 + model.variances
    v = z / s * (model.variances / total).sqrt()
    seen: list[torch.Tensor] = []
    model.network.register_forward_hook(lambda net, given, out: seen.append(out))
    found = model.energy(points, sigma)
    wanted = (z**2 / (2 * total)).sum(1) - s / sigma * (v * seen[0]).sum(1)
    assert torch.allclose(found, wanted)
    assert (s / sigma * (v * seen[0]).sum(1)).abs().max() > 0.1


def test_every_method_names_what_it_refuses() -> None:
    x = torch.rand(6, 2, generator=seeded(0)) - 0.5
    check_doors(lambda: NoiseConditionalEnergy((2,), width=8, depth=1), x)


def test_counts_have_limits() -> None:
    check_limits(
        lambda **n: NoiseConditionalEnergy((2,), **n),
        {"depth": 1000, "num_scales": 10000},
        width=1,
        depth=1,
        num_scales=2,
    )


def test_the_network_sees_the_place_of_a_noise_between_the_first_and_the_last() -> None:
    x = torch.randn(50, 2, generator=seeded(0))
    model = NoiseConditionalEnergy((2,), x, width=8, depth=1)
    seen: list[torch.Tensor] = []
    model.network.register_forward_hook(lambda net, given, out: seen.append(*given))
    middle = (model.sigmas[0] * model.sigmas[-1]).sqrt()
    sigma = torch.stack([model.sigmas[0], middle, model.sigmas[-1]])
    model.energy(x[:3], sigma)
    place = seen[0][:, 2]  # after the two coordinates
    assert torch.allclose(place, torch.tensor([1.0, 0.5, 0.0]), atol=1e-5)


def test_draws_and_steps_have_limits() -> None:
    check_limits(
        lambda **n: MODEL.sample(**{"n": 1, "langevin_steps": 1} | n),
        {"n": 10_000_000, "langevin_steps": 1_000_000},
        n=0,
        langevin_steps=0,
    )


def test_the_shape_of_observations_is_made_of_counts() -> None:
    check_event_shape(NoiseConditionalEnergy)


def test_the_network_sees_a_noise_in_three_octaves() -> None:
    x = torch.randn(50, 2, generator=seeded(0))
    model = NoiseConditionalEnergy((2,), x, width=8, depth=1)
    assert model.network[0].in_features == 2 + 1 + 2 * 3


def test_a_level_is_known_within_a_thousandth() -> None:
    top, bottom = MODEL.sigmas[0], MODEL.sigmas[-1]
    for good in (0.9995 * bottom, 1.0005 * top):
        assert MODEL.energy(X, good.expand(20)).isfinite().all()
    for bad in (0.998 * bottom, 1.002 * top):
        with pytest.raises(ValueError, match=r"sigma must be from 0.05 to 1.5, got"):
            MODEL.energy(X, bad.expand(20))
    mixed = torch.full((20,), 0.5)
    mixed[3] = 0.02
    with pytest.raises(ValueError, match=r"got 0.02 to 0.5"):
        MODEL.energy(X, mixed)
    assert torch.equal(MODEL.energy(X), MODEL.energy(X, bottom.expand(20)))


def test_levels_lie_evenly_on_a_logarithmic_scale() -> None:
    model = NoiseConditionalEnergy((2,), sigma_min=0.1, sigma_max=1.6, num_scales=5)
    wanted = torch.tensor([1.6, 0.8, 0.4, 0.2, 0.1])
    assert torch.allclose(model.sigmas, wanted)
    with pytest.raises(ValueError, match="sigma_max must be above sigma_min 1"):
        NoiseConditionalEnergy((2,), sigma_min=1.0, sigma_max=1.0)
    for name in ("sigma_min", "sigma_max"):
        with pytest.raises(ValueError, match=f"^{name} must be positive"):
            NoiseConditionalEnergy((2,), **{name: 0.0})  # type: ignore[arg-type]


@pytest.mark.parametrize("steps", [0, 1, 3])
def test_a_chain_goes_down_the_levels_step_by_step(steps: int) -> None:
    x = torch.randn(50, 2, generator=seeded(0)).double() @ torch.tensor(
        [[2.0, 0.3], [0.0, 0.5]], dtype=torch.float64
    )
    model = NoiseConditionalEnergy((2,), x + 1, width=8, depth=1, num_scales=3)
    torch.nn.init.normal_(model.network[-1].weight, std=0.3, generator=seeded(1))

    def slope(x: torch.Tensor, sigma: torch.Tensor) -> torch.Tensor:
        x = x.clone().requires_grad_()
        energy = model.energy(x, sigma.expand(len(x))).sum()
        return torch.autograd.grad(energy, x)[0]

    g = seeded(2)
    z = torch.randn(5, 2, generator=g, dtype=torch.float64)
    z = z * (1.5**2 + model.variances).sqrt()
    at = model.mean + z @ model.axes.T
    for sigma in model.sigmas:
        h = 0.6 * sigma
        for _ in range(steps):
            eps = torch.randn(5, 2, generator=g, dtype=torch.float64) @ model.axes.T
            at = at - h**2 / 2 * slope(at, sigma) + h * eps
    at = at - model.sigmas[-1] ** 2 * slope(at, model.sigmas[-1])
    drawn = model.sample(5, langevin_steps=steps, step_size=0.6, generator=seeded(2))
    assert torch.allclose(drawn, at, atol=1e-9)


def test_a_new_model_has_these_weights() -> None:
    model = NoiseConditionalEnergy((2, 2), width=8, depth=2)
    check_start(
        model,
        {
            "network.0.weight": (8, 4 + 1 + 6),
            "network.2.weight": (8, 8),
            "network.4.weight": (4, 8),
            "network.4.bias": (4,),
            "*.bias": (8,),
        },
        zero=("network.4.*",),
    )
    assert isinstance(model.network[1], torch.nn.SiLU)
    assert torch.equal(model.axes, torch.eye(4))
    assert model.mean.tolist() == [0.0] * 4
    assert model.variances.tolist() == [1.0] * 4


def test_a_step_is_below_twice_the_level() -> None:
    check_range(
        lambda step_size: MODEL.sample(1, langevin_steps=1, step_size=step_size),
        "step_size",
        (0.1, 1.999),
        (0.0, -1.0, 2.0),
    )


# --- a network that is given ----------------------------------------------------------

IMAGES = torch.rand(30, 1, 4, 4, generator=seeded(40), dtype=torch.float64)
LABELS = torch.arange(30) % 3


def convolutional(classes: int = 0) -> NoiseConditionalEnergy:
    """Return an energy by convolutions whose every layer speaks."""
    net = TimeConditionedCNN((1, 4, 4), channels=(3,), width=4, classes=classes)
    model = NoiseConditionalEnergy((1, 4, 4), IMAGES, network=net, num_scales=3)
    g = seeded(41)
    with torch.no_grad():
        for p in model.parameters():
            p.copy_(0.5 * torch.randn(p.shape, generator=g))
    return model


def parts(
    model: NoiseConditionalEnergy, x: Tensor, sigma: Tensor
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return the Gaussian's energy, the image that is shown, its time and its unit."""
    level, lowest, highest = sigma.log(), model.sigmas[-1].log(), model.sigmas[0].log()
    z, s = (x.flatten(1) - model.mean) @ model.axes, model.variances.mean().sqrt()
    total = sigma[:, None] ** 2 + model.variances
    v = (z / s * (model.variances / total).sqrt()) @ model.axes.T
    shown = v.view(x.shape)
    return (
        (z**2 / (2 * total)).sum(1),
        shown,
        (level - lowest) / (highest - lowest),
        s / sigma,
    )


def test_a_number_of_a_given_network_corrects_the_gaussian() -> None:
    model = convolutional()
    x, sigma = IMAGES[:5], torch.linspace(0.1, 1.2, 5).double()
    gauss, shown, t, unit = parts(model, x, sigma)
    wanted = gauss - unit * model.network(shown, t)
    assert torch.allclose(model.energy(x, sigma), wanted)
    assert (wanted - gauss).abs().max() > 0.1


@pytest.mark.parametrize(
    "network",
    [
        TimeConditionedMLP((1, 4, 4), width=6, depth=1),
        UNet((1, 4, 4), width=4, levels=1, bottom=1),
    ],
)
def test_an_image_of_a_given_network_stands_beside_the_one_shown(
    network: nn.Module,
) -> None:
    model = NoiseConditionalEnergy((1, 4, 4), IMAGES, network=network)
    g = seeded(42)
    with torch.no_grad():
        for p in model.parameters():
            p.copy_(0.3 * torch.randn(p.shape, generator=g))
    x, sigma = IMAGES[:5], torch.linspace(0.1, 1.2, 5).double()
    gauss, shown, t, unit = parts(model, x, sigma)
    wanted = gauss - unit * (shown * model.network(shown, t)).sum((1, 2, 3))
    assert torch.allclose(model.energy(x, sigma), wanted)
    assert (wanted - gauss).abs().max() > 0.1


def test_the_slope_of_a_given_network_is_that_of_differences() -> None:
    """Also the slope's slope, by which it is trained."""
    model = convolutional()
    z = model._turn(IMAGES[:2]).requires_grad_()
    sigma = torch.tensor([0.1, 1.0]).double()
    assert torch.autograd.gradcheck(lambda z: model._energy(z, sigma), z)
    assert torch.autograd.gradgradcheck(lambda z: model._energy(z, sigma), z)
    (wanted,) = torch.autograd.grad(model._energy(z, sigma).sum(), z)
    assert torch.equal(model._grad(z, sigma, None), wanted)


def test_the_loss_s_gradient_is_that_of_differences() -> None:
    model = convolutional()
    model.loss(IMAGES, generator=seeded(43)).backward()
    weight = model.network.dense.weight
    assert weight.grad is not None
    h, g = 1e-5, weight.grad[0, 0].item()

    def moved(by: float) -> float:
        with torch.no_grad():
            weight[0, 0] += by
            found = model.loss(IMAGES, generator=seeded(43)).item()
            weight[0, 0] -= by
        return found

    assert g == pytest.approx((moved(h) - moved(-h)) / (2 * h), rel=1e-5)


def test_a_new_network_of_convolutions_leaves_the_gaussian() -> None:
    net = TimeConditionedCNN((1, 4, 4), channels=(3,), width=4)
    model = NoiseConditionalEnergy((1, 4, 4), IMAGES, network=net)
    plain = NoiseConditionalEnergy((1, 4, 4), IMAGES, width=4, depth=1)
    assert torch.equal(model.energy(IMAGES), plain.energy(IMAGES))


def test_labels_reach_energy_loss_and_chains() -> None:
    model = convolutional(classes=3)
    sigma = torch.full((30,), 0.5).double()
    gauss, shown, t, unit = parts(model, IMAGES, sigma)
    wanted = gauss - unit * model.network(shown, t, LABELS)
    assert torch.allclose(model.energy(IMAGES, sigma, LABELS), wanted)
    other = (LABELS + 1) % 3
    for ask in (
        lambda y: model.energy(IMAGES, sigma, y),
        lambda y: model.loss(IMAGES, y, generator=seeded(44)).detach(),
        lambda y: model.sample(30, y, langevin_steps=0, generator=seeded(45)),
        lambda y: model.sample(30, y, langevin_steps=1, generator=seeded(45)),
    ):
        assert torch.equal(ask(LABELS), ask(LABELS.int()))
        assert not torch.allclose(ask(LABELS), ask(other))


def test_chains_draw_the_label_that_they_are_asked_for() -> None:
    y = torch.arange(600) % 2
    x = (2.0 * y - 1)[:, None, None, None] * torch.ones(1, 1, 2, 2)
    x = x + 0.1 * torch.randn(600, 1, 2, 2, generator=seeded(46))
    torch.manual_seed(0)
    net = TimeConditionedCNN((1, 2, 2), channels=(8,), width=16, classes=2)
    model = NoiseConditionalEnergy((1, 2, 2), x, network=net, sigma_max=2.0)
    fit(model, x, y, steps=300, batch_size=200, lr=1e-2)
    drawn = model.sample(200, y[:200], generator=seeded(47)).mean((1, 2, 3))
    right = (drawn > 0) == (y[:200] == 1)
    assert right.double().mean() > 0.95
    assert drawn.abs().mean().item() == pytest.approx(1, abs=0.1)


def test_labels_are_refused_where_they_do_not_fit() -> None:
    with pytest.raises(ValueError, match="y must hold 30 labels, got None"):
        convolutional(classes=3).energy(IMAGES)
    with pytest.raises(ValueError, match="y must be None: NoiseConditionalEnergy"):
        convolutional().loss(IMAGES, LABELS)
    check_doors(lambda: convolutional(classes=3), IMAGES[:6], y=LABELS[:6])


@pytest.mark.parametrize("classes", [0, 3])
def test_a_file_brings_a_given_network_back(tmp_path: Path, classes: int) -> None:
    model = convolutional(classes)
    y = LABELS if classes else None
    save(model, tmp_path / "energy.safetensors")
    net = TimeConditionedCNN(**model.config["network"]["config"])
    again = NoiseConditionalEnergy((1, 4, 4), network=net, num_scales=3).double()
    load(again, tmp_path / "energy.safetensors")
    assert torch.equal(again.energy(IMAGES, y=y), model.energy(IMAGES, y=y))
    other = TimeConditionedCNN((1, 4, 4), channels=(3,), width=5, classes=classes)
    model = NoiseConditionalEnergy((1, 4, 4), network=other, num_scales=3).double()
    with pytest.raises(ValueError, match="network"):
        load(model, tmp_path / "energy.safetensors")


class Says(nn.Module):
    """A network that returns what it was made with, whatever is asked."""

    def __init__(self, answer: Any) -> None:
        super().__init__()
        self.answer = answer

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        return self.answer + 0 * x.sum()


def test_networks_that_do_not_fit_are_refused() -> None:
    with pytest.raises(
        TypeError, match=r"network must be a torch\.nn\.Module, got list"
    ):
        NoiseConditionalEnergy((2,), network=[])  # type: ignore[arg-type]
    model = NoiseConditionalEnergy((2,), network=Says(torch.zeros(20, 3)))
    with pytest.raises(ValueError, match=r"network must return \(20,\) or \(20, 2\)"):
        model.energy(X)
