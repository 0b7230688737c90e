"""The path from data to noise, and what is learned on it, against closed forms."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

import pytest
import torch
from scipy import integrate, special, stats
from torch import nn

from doors import check_event_shape, check_limits, check_path_doors
from genbook.models.diffusion.diffusion import Diffusion
from genbook.models.diffusion.flow_matching import FlowMatching
from genbook.training import fit, load, save
from seeding import seeded


@pytest.mark.parametrize("prediction", ["eps", "x0", "v"])
@pytest.mark.parametrize("schedule", ["cosine", "linear-beta"])
def test_what_the_network_says_is_split_into_data_and_noise(
    known: Any, prediction: str, schedule: str
) -> None:
    model = known.diffusion(prediction, schedule)
    x0, eps = (torch.randn(30, 2, generator=seeded(i)).double() for i in (0, 1))
    t = torch.linspace(0.05, 0.95, 30, dtype=torch.float64)
    x = model.add_noise(x0, eps, t)
    again = model.predict_x0_eps(x, model.target(x0, eps, t), t)
    assert torch.allclose(again[0], x0, rtol=0, atol=1e-10)
    assert torch.allclose(again[1], eps, rtol=0, atol=1e-10)


@pytest.mark.parametrize("sigma_data", [0.0, 0.5])
@pytest.mark.parametrize("classes", [0, 3])
def test_one_time_for_all_is_that_time_for_each(
    classes: int, sigma_data: float
) -> None:
    model = Diffusion(
        (2,), frequencies=2, classes=classes, sigma_data=sigma_data
    ).double()
    nn.init.normal_(model.net.output.weight, generator=seeded(0))
    x = torch.randn(5, 2, dtype=torch.float64, generator=seeded(1))
    t = torch.tensor(0.3, dtype=torch.float64)
    labels = torch.tensor([0, 2, 1, 1, 0]) if classes else None
    for y in (None, labels):
        options = {"guidance": 1.5} if y is not None else {}
        together = model.velocity(x, t, y, **options)
        each = model.velocity(x, t.expand(5), y, **options)
        assert torch.allclose(together, each, rtol=0, atol=1e-12)
        assert model.velocity(x[:0], t, y if y is None else y[:0]).shape == (0, 2)


def test_more_times_than_points_are_refused() -> None:
    with pytest.raises(ValueError, match=r"t must be \(\) or \(1,\), got \(5,\)"):
        Diffusion((2,)).velocity(torch.zeros(1, 2), torch.full((5,), 0.3))


#: The distributions of times, by SciPy.
NEAR = 0.01
DRAWN = {
    "log-uniform": stats.loguniform(NEAR, 1 + NEAR, loc=-NEAR),
    "uniform": stats.uniform(),
    "logit-normal": stats.norm(),  # of the logit
}


def distribution(times: str, t: Any) -> Any:
    return DRAWN[times].cdf(special.logit(t) if times == "logit-normal" else t)


def density(times: str, t: float) -> float:
    if times == "logit-normal":
        return float(DRAWN[times].pdf(special.logit(t)) / (t * (1 - t)))
    return float(DRAWN[times].pdf(t))


@pytest.mark.parametrize("times", DRAWN)
def test_loss_of_the_best_network_is_the_conditional_variance(
    known_gaussian: Any, times: str
) -> None:
    known = known_gaussian([0.5, -1.0], [0.1, 0.3])
    model = known.diffusion("eps")
    model.times = times
    x = known.mean + known.std * torch.randn(40_000, 2, generator=seeded(9))

    def left(t: float, spread: float, of: str) -> float:
        a, b = (f(torch.tensor(t).double()).item() for f in (s.alpha, s.sigma))
        return density(of, t) * a**2 * spread**2 / (a**2 * spread**2 + b**2)

    def mean(of: str) -> float:
        parts = (
            integrate.quad(left, lo, hi, (spread, of))[0]
            for spread in known.std.tolist()
            for lo, hi in ((0, 0.05), (0.05, 1))
        )
        return sum(parts) / 2

    s = model.schedule
    got = model.loss(x.double(), generator=seeded(10)).item()
    assert got == pytest.approx(mean(times), abs=0.004)
    assert all(abs(got - mean(other)) > 0.04 for other in DRAWN if other != times)


@pytest.mark.parametrize("prediction", ["eps", "x0", "v"])
def test_with_sigma_data_an_untrained_model_knows_the_gaussian(
    known_gaussian: Any, prediction: str
) -> None:
    """The network says nothing at first; the rest is right for Gaussian data."""
    model = Diffusion((2,), prediction=prediction, sigma_data=0.4).double()  # type: ignore[arg-type]
    wanted = known_gaussian([0.0, 0.0], [0.4, 0.4]).diffusion(prediction)
    x = torch.randn(20, 2, generator=seeded(15)).double()
    t = torch.linspace(0.05, 0.95, 20).double()
    assert torch.allclose(model.velocity(x, t), wanted.velocity(x, t), atol=1e-12)


def test_times_are_drawn_with_the_density_that_is_said() -> None:
    model = Diffusion((2,)).double()
    c = model.NEAR
    t = model.sample_times(1000, generator=seeded(16))
    share = ((t + c) / c).log() / math.log((1 + c) / c)  # the distribution function
    wanted = (torch.arange(1000) + 0.5) / 1000
    share = share.sort().values  # one in each interval, in any order
    assert torch.allclose(share, wanted.double(), rtol=0, atol=0.5 / 1000 + 1e-9)


@pytest.mark.parametrize("prediction", ["v", "x0"])
@pytest.mark.parametrize("times", DRAWN)
def test_times_are_distributed_as_scipy_says(times: Any, prediction: Any) -> None:
    """By Kolmogorov and Smirnov, drawn one by one, and many in their intervals."""
    model = FlowMatching((2,), prediction=prediction, times=times).double()
    g, low = seeded(30), model.t_min
    assert low == (0.01 if prediction == "x0" else 0)
    t = torch.cat([model.sample_times(1, generator=g) for _ in range(4000)])
    assert low <= t.min() < t.max() <= 1
    t = (t - low) / (1 - low)
    chance = {k: stats.kstest(t, lambda t, k=k: distribution(k, t)) for k in DRAWN}
    assert chance.pop(times).pvalue > 0.01
    assert all(other.pvalue < 1e-30 for other in chance.values())
    t = (model.sample_times(4000, generator=g) - low) / (1 - low)
    wanted = stats.kstest(t, lambda t: distribution(times, t))
    assert wanted.statistic <= 1 / 4000 + 1e-9  # by chance about 60 times that


@pytest.mark.parametrize("times", DRAWN)
def test_means_over_times_vary_less_and_are_right(times: Any) -> None:
    model, g = Diffusion((2,), times=times), seeded(31)
    t = torch.stack([model.sample_times(64, generator=g) for _ in range(400)]).double()
    mean, one = integrate.quad(lambda t: t * density(times, t), 0, 1)[0], t.std().item()
    assert t.mean().item() == pytest.approx(mean, abs=1e-3)
    assert t.mean(1).std() < 0.1 * one / 64**0.5


def test_times_as_ever_are_drawn_in_the_same_bits() -> None:
    model, g = FlowMatching((2,)), seeded(32)
    u = torch.rand(100, generator=g) + torch.arange(100)
    t = 0.01 * ((1 + 1 / 0.01) ** (u / 100) - 1)
    wanted = t[torch.randperm(100, generator=g)]
    assert torch.equal(model.sample_times(100, generator=seeded(32)), wanted)
    assert model.config["times"] == "log-uniform"


@pytest.mark.parametrize("times", DRAWN)
def test_densities_and_bounds_do_not_depend_on_the_times(times: Any) -> None:
    models = [Diffusion((2,), width=16, depth=1) for _ in range(2)]
    nn.init.normal_(models[0].net.output.weight, generator=seeded(33))
    models[1].load_state_dict(models[0].state_dict())
    models[1].times = times
    x = torch.randn(20, 2, generator=seeded(34))
    assert torch.equal(*(m.elbo(x, generator=seeded(35)) for m in models))
    assert torch.equal(*(m.log_prob(x, steps=3) for m in models))
    same = torch.equal(*(m.loss(x, generator=seeded(36)) for m in models))
    assert same == (times == "log-uniform")


@pytest.mark.parametrize("cls", [Diffusion, FlowMatching])
def test_a_file_knows_how_times_were_drawn(cls: Any, tmp_path: Path) -> None:
    model = cls((2,), width=16, depth=1, times="uniform")
    save(model, tmp_path / "model")
    twin = load(cls(**model.config), tmp_path / "model")
    assert twin.times == "uniform"
    draw = [m.sample_times(9, generator=seeded(37)) for m in (model, twin)]
    assert torch.equal(*draw)
    with pytest.raises(ValueError, match="times is uniform there and log-uniform here"):
        load(cls((2,), width=16, depth=1), tmp_path / "model")


@pytest.mark.parametrize("times", ["near", "Uniform", "", None, 1, ("uniform",)])
def test_bad_times(times: Any) -> None:
    wanted = "times must be log-uniform, uniform or logit-normal, got "
    with pytest.raises(ValueError, match=re.escape(wanted + repr(times))):
        FlowMatching((2,), times=times)


def test_every_row_is_given_every_time() -> None:
    """Which row is early and which late is drawn too, from the same generator."""
    model, g = Diffusion((2,)), seeded(17)
    rows = torch.stack([model.sample_times(8, generator=g) for _ in range(4000)])
    ranks = rows.argsort(1).argsort(1).double()  # of each row's time, 0 to 7
    error = (63 / 12) ** 0.5 / 4000**0.5
    assert ((ranks.mean(0) - 3.5).abs() < 4 * error).all()
    assert (ranks.T.corrcoef() - torch.eye(8)).abs().max() < 1 / 7 + 0.07
    again = model.sample_times(8, generator=seeded(17))
    assert torch.equal(again, rows[0])


@pytest.mark.parametrize("cls", [Diffusion, FlowMatching])
def test_the_loss_does_not_know_the_order_of_the_rows(cls: Any) -> None:
    """Sorted rows and the same rows shuffled have one mean loss, and one spread."""
    model = cls((1,), width=16, depth=1)
    nn.init.normal_(model.net.output.weight, generator=seeded(18))
    x = torch.linspace(-3, 3, 64)[:, None]  # in their order
    shuffled = x[torch.randperm(64, generator=seeded(19))]
    with torch.no_grad():
        losses = [
            torch.stack([model.loss(rows, generator=seeded(s)) for s in range(600)])
            for rows in (x, shuffled)
        ]
    a, b = (v.double() for v in losses)
    error = ((a.var() + b.var()) / 600).sqrt()
    assert (a.mean() - b.mean()).abs() < 4 * error
    assert (a.std() / b.std()).log().abs() < 0.25


@pytest.mark.parametrize("cls", [Diffusion, FlowMatching])
def test_sorted_data_in_one_batch_are_learned(cls: Any) -> None:
    """Two heaps of 200 points, one after the other: each is half of what is drawn."""
    x = 0.2 * torch.randn(400, 2, generator=seeded(20))
    x[:200, 0] -= 2
    x[200:, 0] += 2
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = cls((2,), width=64, depth=2)
    fit(model, x, steps=400, lr=3e-3)
    left = (model.sample(4000, steps=20, generator=seeded(21))[:, 0] < 0).double()
    assert left.mean().item() == pytest.approx(0.5, abs=0.06)


def test_where_the_network_says_the_data_samples_are_finite() -> None:
    """The velocity divides by the noise, so the path stops where some is left."""
    model = Diffusion((2,), prediction="x0", width=8, depth=1)
    assert model.time_grid(10)[0] == pytest.approx(model.t_min)
    assert 0 < model.t_min < 0.05
    x = model.sample(20, steps=10, generator=seeded(22))
    assert x.isfinite().all()
    assert x.abs().max() < 1  # an untrained network says 0


@pytest.mark.parametrize("classes", [0, 2])
def test_every_method_names_what_it_refuses(classes: int) -> None:
    check_path_doors(Diffusion, classes)


def test_counts_have_limits() -> None:
    check_limits(
        lambda **n: Diffusion((2,), **n), {"steps": 100000}, steps=1, classes=0
    )


@pytest.mark.parametrize(
    ("name", "taken", "refused"),
    [
        ("label_dropout", [0.0, 0.99], [-0.01, 1.0, float("nan")]),
        ("sigma_data", [0.0, 1.5], [-0.1, 1e30, float("inf")]),
    ],
)
def test_shares_and_widths_have_limits(
    name: str, taken: list[float], refused: list[float]
) -> None:
    for good in taken:
        assert getattr(Diffusion((2,), width=8, **{name: good}), name) == good
    for bad in refused:
        with pytest.raises(ValueError, match=f"^{name} must be"):
            Diffusion((2,), width=8, **{name: bad})


@pytest.mark.parametrize("name", ["schedule", "prediction", "times"])
def test_what_is_chosen_is_named(name: str) -> None:
    for bad in ("none", 3):
        with pytest.raises((TypeError, ValueError), match=f"^{name} must be"):
            Diffusion((2,), width=8, **{name: bad})


def test_the_shape_of_observations_is_made_of_counts() -> None:
    check_event_shape(lambda shape: Diffusion(shape, width=8))


@pytest.mark.parametrize("prediction", ["eps", "v", "x0"])
@pytest.mark.parametrize("dropout", [0.0, 0.5])
def test_the_loss_is_the_error_by_the_dice(prediction: Any, dropout: float) -> None:
    model = Diffusion(
        (2,),
        prediction=prediction,
        width=8,
        depth=1,
        classes=3,
        label_dropout=dropout,
        times="uniform",
    ).double()
    nn.init.normal_(model.net.output.weight, generator=seeded(1))
    x, y = torch.randn(9, 2, generator=seeded(2)).double(), torch.arange(9) % 3
    g = seeded(3)
    low = model.t_min
    u = torch.rand(9, generator=g, dtype=torch.float64) + torch.arange(9)
    t = (low + (1 - low) * u / 9)[torch.randperm(9, generator=g)]
    eps = torch.randn(9, 2, generator=g, dtype=torch.float64)
    dropped = torch.rand(9, generator=g, dtype=torch.float64) < dropout
    asked = torch.where(dropped, 3, y)
    error = model.net(model.add_noise(x, eps, t), t, asked) - model.target(x, eps, t)
    found = model.loss(x, y, generator=seeded(3)).item()
    assert found == pytest.approx(error.square().mean().item())
    assert dropped.any() == (dropout > 0)


def test_times_are_quantiles_of_what_was_asked() -> None:
    model = Diffusion((2,), width=8, depth=1).double()
    u = torch.tensor([0.0, 0.25, 1.0]).double()
    wanted = {
        "uniform": u,
        "logit-normal": special.expit(stats.norm.ppf(u)),
        "log-uniform": 0.01 * (101**u - 1),
    }
    for times, t in wanted.items():
        model.times = times
        assert torch.allclose(model._quantile(u), torch.as_tensor(t), atol=1e-12)


@pytest.mark.parametrize("prediction", ["eps", "v", "x0"])
@pytest.mark.parametrize("guidance", [1.0, 0.0, 3.0])
def test_a_velocity_is_what_the_guided_network_says(
    prediction: Any, guidance: float
) -> None:
    model = Diffusion((2,), prediction=prediction, width=8, depth=1, classes=3).double()
    nn.init.normal_(model.net.output.weight, generator=seeded(1))
    x, y = torch.randn(6, 2, generator=seeded(2)).double(), torch.arange(6) % 3
    t = torch.linspace(0.2, 0.9, 6).double()
    said, free = model.net(x, t, y), model.net(x, t, torch.full((6,), 3))
    said = free + guidance * (said - free)
    x0, eps = model.predict_x0_eps(x, said, t)
    s = model.schedule
    wanted = s.d_alpha(t)[:, None] * x0 + s.d_sigma(t)[:, None] * eps
    found = model.velocity(x, t, y, guidance=guidance)
    assert torch.allclose(found, wanted, atol=1e-9)
    one = torch.tensor(0.5).double()
    assert torch.allclose(
        model.velocity(x, one, y), model.velocity(x, one.expand(6), y), atol=1e-12
    )
    without = model.velocity(x, t)
    assert torch.allclose(without, model.velocity(x, t, y, guidance=0.0), atol=1e-9)


def test_a_network_that_answers_in_another_shape_is_named() -> None:
    class Short(nn.Linear):
        def forward(self, x, t, y=None):  # type: ignore[no-untyped-def]
            return super().forward(x)[:, :1]

    model = Diffusion((2,), network=Short(2, 2))
    with pytest.raises(ValueError, match=r"^network must return the shape of its poi"):
        model.loss(torch.zeros(3, 2))
    for bad in (1.0, 1.5):
        with pytest.raises(ValueError, match=r"^label_dropout must be in \[0, 1\)"):
            Diffusion((2,), label_dropout=bad)
