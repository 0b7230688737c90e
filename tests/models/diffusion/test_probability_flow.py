"""The way along a known velocity, and its likelihood, against closed forms."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from doors import check_limits, check_path_doors
from genbook.models.diffusion.closed_form import GaussianMixtureVelocity
from genbook.models.diffusion.diffusion import Diffusion
from genbook.models.diffusion.flow_matching import FlowMatching
from genbook.models.diffusion.schedules import Cosine
from seeding import seeded


@pytest.mark.parametrize("prediction", ["eps", "v"])
@pytest.mark.parametrize("schedule", ["cosine", "linear-beta"])
def test_likelihood_of_the_ode_is_the_closed_form(
    known: Any, prediction: str, schedule: str
) -> None:
    model = known.diffusion(prediction, schedule)
    target = torch.distributions.Normal(known.mean, known.std)
    z = torch.randn(50, 2, generator=seeded(12))
    x = known.mean + known.std * z
    wanted = target.log_prob(x).sum(1)
    got = model.log_prob(x, method="rk4")
    # linear-beta ends with 0.7 % of the data still there: its end is not quite noise.
    tolerance = 1e-3 if schedule == "cosine" else 5e-2
    assert torch.allclose(got, wanted, atol=tolerance)


def leaning() -> Diffusion:
    """Return the exact diffusion of a Gaussian whose axes are not the coordinates'."""
    covariance = torch.tensor([[[1.0, 0.6], [0.6, 0.5]]]).double()
    one, mean = torch.ones(1).double(), torch.zeros(1, 2).double()
    network = GaussianMixtureVelocity(Cosine(), one, mean, covariance)
    return Diffusion((2,), network=network, steps=20)


def test_likelihood_by_hutchinson_s_estimate_is_right_in_the_mean() -> None:
    model, k = leaning(), 400
    x = torch.randn(1, 2, generator=seeded(1)).double()
    many = model.log_prob(
        x.expand(k, 2), divergence="hutchinson", generator=seeded(2)
    )  # a probe for each copy of the point
    error = (many.std() / k**0.5).item()
    exact = model.log_prob(x).item()
    assert error > 1e-3  # each of them errs
    assert many.mean().item() == pytest.approx(exact, abs=4 * error)
    fewer = model.log_prob(
        x.expand(k, 2), divergence="hutchinson", probes=16, generator=seeded(3)
    )
    assert fewer.std() < many.std() / 3  # 16 probes, a quarter of the error
    assert fewer.mean().item() == pytest.approx(exact, abs=4 * error)


def test_hutchinson_s_probes_follow_the_generator() -> None:
    model = leaning()
    x = torch.randn(5, 2, generator=seeded(4)).double()
    a, b, c = (
        model.log_prob(x, divergence="hutchinson", generator=seeded(s))
        for s in (5, 5, 6)
    )
    assert torch.equal(a, b)
    assert not torch.equal(a, c)
    assert torch.equal(model.log_prob(x), model.log_prob(x, divergence="exact"))


def test_bad_divergences_are_refused() -> None:
    x = torch.zeros(1, 2).double()
    with pytest.raises(ValueError, match="divergence must be exact or hutchinson"):
        leaning().log_prob(x, divergence="none")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="probes must be at least 1, got 0"):
        leaning().log_prob(x, divergence="hutchinson", probes=0)


# --- derivatives ----------------------------------------------------------------------

KINDS: dict[str, Callable[[], Any]] = {
    "diffusion": lambda: Diffusion((2,), width=8, depth=1, sigma_data=0.7, steps=6),
    "diffusion-of-data": lambda: Diffusion((2,), prediction="x0", width=8, steps=6),
    "flow-matching": lambda: FlowMatching((2,), width=8, depth=2, steps=6),
    "conditional": lambda: FlowMatching((2,), width=8, depth=1, classes=3, steps=6),
}


@pytest.fixture(params=KINDS)
def small(request: pytest.FixtureRequest) -> Any:
    """A small model of each kind in float64, whose network says something."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(7)
        model = KINDS[request.param]().double()
        nn.init.normal_(model.net.output.weight, std=0.2)
    return model


def condition(model: Any, n: int) -> Tensor | None:
    return torch.arange(n) % 3 if model.classes else None


def asks(model: Any, y: Tensor | None) -> dict[str, Callable[[Tensor], Tensor]]:
    """All that a solver finds of points, each as a function of them."""
    g = {"guidance": 1.5} if model.classes else {}
    return {
        "log_prob": lambda x: model.log_prob(x, y),
        "estimate": lambda x: model.log_prob(
            x, y, divergence="hutchinson", probes=2, generator=seeded(8)
        ),
        "encode": lambda x: model.encode(x, y, method="adams").sin().sum(1),
        "decode": lambda x: model.decode(x, y, **g).sin().sum(1),
    }


def central(f: Callable[[], Tensor], at: Tensor, along: Tensor) -> float:
    """Return the slope of a sum, as ``at`` moves ``along``, by central differences."""
    h, sums = 1e-6, []
    with torch.no_grad():
        for sign in (1, -1):
            at += sign * h * along
            sums.append(f().sum().item())
            at -= sign * h * along
    return (sums[0] - sums[1]) / (2 * h)


@pytest.mark.parametrize("what", ["log_prob", "estimate", "encode", "decode"])
def test_gradients_are_central_differences(small: Any, what: str) -> None:
    """By the points, and by every weight, also where the points have no gradient."""
    x = torch.randn(3, 2, generator=seeded(9)).double()
    f = asks(small, condition(small, 3))[what]
    x.requires_grad_()
    (got,) = torch.autograd.grad(f(x).sum(), x)
    along = torch.randn(3, 2, generator=seeded(10)).double()
    slope = central(lambda: f(x), x, along)
    assert (got * along).sum().item() == pytest.approx(slope, rel=1e-6, abs=1e-8)
    x = x.detach()
    f(x).sum().backward()
    for name, p in small.named_parameters():
        along = torch.randn(p.shape, generator=seeded(11)).double()
        slope = central(lambda: f(x), p, along)
        got = 0.0 if p.grad is None else (p.grad * along).sum().item()
        assert got == pytest.approx(slope, rel=1e-5, abs=1e-7), name


def test_a_likelihood_added_to_another_loss_contributes() -> None:
    model = KINDS["flow-matching"]()
    x = torch.randn(9, 2, generator=seeded(12))
    (-model.log_prob(x).mean()).backward()
    assert model.net.output.weight.grad.abs().sum() > 0
    assert Diffusion((2,), steps=2).elbo(x).requires_grad


def test_second_derivatives_are_central_differences_of_the_first(small: Any) -> None:
    x = torch.randn(1, 2, generator=seeded(13)).double()
    y = condition(small, 1)

    def f(v: Tensor) -> Tensor:
        return small.log_prob(v[None], y)[0]

    got = torch.autograd.functional.hessian(f, x[0])
    h = 1e-5
    for i in range(2):
        slopes = []
        for sign in (1, -1):
            v = x[0].clone()
            v[i] += sign * h
            v.requires_grad_()
            slopes.append(torch.autograd.grad(f(v), v)[0])
        wanted = (slopes[0] - slopes[1]) / (2 * h)
        assert torch.allclose(got[i], wanted, rtol=1e-5, atol=1e-7)


def test_gradients_by_weights_that_are_only_lent(small: Any) -> None:
    """``functional_call`` takes its weights back before the gradient is asked for."""
    x, y = torch.randn(3, 2, generator=seeded(14)).double(), condition(small, 3)

    class Ask(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = small

        def forward(self, x: Tensor) -> Tensor:
            return self.model.log_prob(x, y).sum()

    ask = Ask()
    own = {k: p.detach().clone() for k, p in ask.named_parameters()}
    lent = {k: (1.1 * p).requires_grad_() for k, p in own.items()}
    got = torch.autograd.grad(
        torch.func.functional_call(ask, lent, (x,)), [*lent.values()], allow_unused=True
    )
    with torch.no_grad():
        for k, p in ask.named_parameters():
            p.copy_(1.1 * own[k])
    wanted = torch.autograd.grad(ask(x), [*ask.parameters()], allow_unused=True)
    for a, b in zip(got, wanted, strict=True):
        assert (a is None) == (b is None)
        assert a is None or torch.allclose(a, b, rtol=1e-10, atol=1e-12)


class Kept:
    """A tensor that autograd keeps for the way back."""

    def __init__(self, t: Tensor) -> None:
        self.tensor = t


@pytest.mark.parametrize("ask", ["log_prob", "decode"])
def test_a_solver_keeps_the_points_and_not_what_the_network_did(ask: str) -> None:
    model = FlowMatching((2,), width=64, depth=3, steps=10)
    kept: weakref.WeakSet[Kept] = weakref.WeakSet()

    def pack(t: Tensor) -> Kept:
        kept.add(box := Kept(t))
        return box

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda box: box.tensor):
        found = getattr(model, ask)(torch.zeros(1000, 2))
    weights = {id(p) for p in model.parameters()}
    sizes = [b.tensor.numel() for b in kept if id(b.tensor) not in weights]
    assert 20 * 1000 * 2 <= sum(sizes) <= 20 * 1000 * 6  # twenty evaluations
    found.sum().backward()


class Drops(nn.Module):
    """A network that draws from the global dice while it trains."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(2, 64), nn.Dropout(0.5), nn.Linear(64, 2))

    def forward(self, x: Tensor, t: Tensor, y: Tensor | None = None) -> Tensor:
        return self.layers(x).sin()


def test_a_run_is_repeated_with_its_own_dice() -> None:
    model = Diffusion((2,), network=Drops().double(), steps=4).train()
    x = torch.randn(5, 2, generator=seeded(15)).double().requires_grad_()
    along = torch.randn(5, 2, generator=seeded(16)).double()

    def f() -> Tensor:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            return model.log_prob(x)

    value = f().sum()
    state = torch.get_rng_state()
    (got,) = torch.autograd.grad(value, x)
    assert torch.equal(state, torch.get_rng_state())
    slope = central(f, x, along)
    assert (got * along).sum().item() == pytest.approx(slope, rel=1e-6)


@pytest.mark.parametrize("cls", [Diffusion, FlowMatching])
def test_inference_mode_gives_the_same_numbers(cls: Any) -> None:
    model = cls((2,), width=8, depth=1, classes=2, steps=4).double()
    nn.init.normal_(model.net.output.weight, generator=seeded(17))
    x, y = torch.randn(4, 2, generator=seeded(18)).double(), torch.arange(4) % 2
    calls: list[Callable[[Tensor, Tensor], Tensor]] = [
        model.log_prob,
        lambda x, y: model.log_prob(x, y, divergence="hutchinson", generator=seeded(0)),
        model.encode,
        model.decode,
        lambda x, y: model.loss(x, y, generator=seeded(0)),
    ]
    for call in calls:
        wanted = call(x, y).detach()
        with torch.inference_mode():
            made = x.clone(), y.clone()
            inside = call(*made)
        assert torch.equal(inside, wanted)
        assert torch.equal(call(*made).detach(), wanted)  # made inside, used outside
    with torch.inference_mode():
        born = cls((2,), width=8, depth=1)
        with pytest.raises(ValueError, match=r"made outside of torch\.inference_mode"):
            born.log_prob(torch.zeros(1, 2))


def test_noise_and_densities_follow_the_order_of_the_rows(small: Any) -> None:
    x, y = torch.randn(7, 2, generator=seeded(19)).double(), condition(small, 7)
    order = torch.randperm(7, generator=seeded(20))
    with torch.no_grad():
        for call in (small.log_prob, small.encode, small.decode):
            wanted = call(x, y)[order]
            got = call(x[order], None if y is None else y[order])
            assert torch.allclose(got, wanted, rtol=0, atol=1e-12)


class Fixed(nn.Module):
    """A conditional network that was told its label."""

    def __init__(self, net: nn.Module, label: int) -> None:
        super().__init__()
        self.net, self.label = net, label

    def forward(self, x: Tensor, t: Tensor, y: Tensor | None = None) -> Tensor:
        return self.net(x, t, torch.full((len(t),), self.label))


def test_the_likelihood_given_a_label_is_that_of_its_own_network() -> None:
    with torch.random.fork_rng():
        torch.manual_seed(8)
        model = FlowMatching((2,), width=16, depth=1, classes=2).double()
        nn.init.normal_(model.net.output.weight, std=0.3)
    x = torch.randn(5, 2, generator=seeded(9)).double()
    for label in (0, 1):
        alone = FlowMatching((2,), network=Fixed(model.net, label)).double()
        y = torch.full((5,), label)
        found = model.log_prob(x, y, steps=8)
        assert torch.allclose(found, alone.log_prob(x, steps=8))
    assert not torch.allclose(found, model.log_prob(x, 1 - y, steps=8))


def test_a_grid_of_times_has_a_step_at_least(small: Any) -> None:
    assert len(small.time_grid(1)) == 2
    with pytest.raises(ValueError, match="steps must be at least 1, got 0"):
        small.time_grid(0)


@pytest.mark.parametrize("classes", [0, 2])
def test_every_method_names_what_it_refuses(classes: int) -> None:
    check_path_doors(Diffusion, classes)


def test_steps_and_probes_have_limits() -> None:
    model, x = Diffusion((2,), width=8, depth=1), torch.zeros(2, 2)
    check_limits(model.time_grid, {"steps": 100_000}, steps=1)
    check_limits(
        lambda probes: model.log_prob(
            x, steps=1, divergence="hutchinson", probes=probes
        ),
        {"probes": 100_000},
        probes=1,
    )


def test_times_lie_closer_together_near_the_data(small: Any) -> None:
    model = Diffusion((2,), schedule="linear-beta", width=8, depth=1, steps=4)
    wanted = [1e-3 + (1 - 1e-3) * (k / 4) ** 2 for k in range(5)]
    assert model.time_grid().tolist() == pytest.approx(wanted)
    assert model.time_grid(2).tolist() == pytest.approx(wanted[::2])
    assert model.time_grid(1).tolist() == pytest.approx([1e-3, 1.0])


@pytest.mark.parametrize("steps", [1, 2, 5, 6])
def test_a_density_takes_half_as_many_steps_by_itself(steps: int) -> None:
    with torch.random.fork_rng():
        torch.manual_seed(2)
        model = FlowMatching((2,), width=8, depth=1, steps=steps).double()
        nn.init.normal_(model.net.output.weight)
    x = torch.randn(4, 2, generator=seeded(1)).double()
    wanted = model.log_prob(x, steps=max(steps // 2, 1), method="rk4")
    assert torch.equal(model.log_prob(x), wanted)
    assert torch.equal(model.encode(x), model.encode(x, steps=steps, method="heun"))
    z = torch.randn(4, 2, generator=seeded(2), dtype=torch.float64)
    drawn = model.sample(4, generator=seeded(2))
    assert torch.equal(drawn, model.decode(z, steps=steps, method="heun"))


def test_a_density_is_that_of_where_a_point_comes_from_by_steps() -> None:
    with torch.random.fork_rng():
        torch.manual_seed(2)
        model = FlowMatching((2,), width=8, depth=1, steps=3).double()
        nn.init.normal_(model.net.output.weight)
    x = torch.randn(4, 2, generator=seeded(1)).double()
    at, gained = x, torch.zeros(4).double()
    for a, b in ((0.0, 1 / 9), (1 / 9, 4 / 9), (4 / 9, 1.0)):
        t = torch.tensor(a).double()
        jacobian = torch.stack(
            [
                torch.autograd.functional.jacobian(
                    lambda v, t=t: model.velocity(v[None], t)[0], row
                )
                for row in at
            ]
        )
        gained = gained + (b - a) * jacobian.diagonal(dim1=1, dim2=2).sum(1)
        at = at + (b - a) * model.velocity(at, t)
    base = torch.distributions.Normal(0.0, 1.0).log_prob(at).sum(1)
    found = model.log_prob(x, steps=3, method="euler")
    assert torch.allclose(found, base + gained, atol=1e-9)
    assert torch.allclose(model.encode(x, steps=3, method="euler"), at, atol=1e-12)


def test_probes_are_signs_of_the_generator_s_numbers() -> None:
    model = FlowMatching((2,), width=8, depth=1)
    u = torch.rand(3, 5, 2, generator=seeded(7))
    found = model._directions(5, "hutchinson", 3, seeded(7))
    assert torch.equal(found, torch.where(u < 0.5, -1.0, 1.0))
    assert model._directions(5, "exact", 3, seeded(7)) is None
