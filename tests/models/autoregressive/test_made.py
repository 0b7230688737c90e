"""Masked networks: no coordinate sees itself or the future, and the sum is one."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from doors import check_doors, check_limits
from genbook.models.autoregressive.made import MADE, MaskedLinear
from seeding import seeded

ONE = 1 - 2**-24  # the largest number below one in float32


def made(dim: int = 3, **config: object) -> MADE:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        config = {"bins": 4, "hidden": (12, 12), "frequencies": 2} | config
        model = MADE([0.0] * dim, [1.0] * dim, **config)  # type: ignore[arg-type]
        with torch.no_grad():
            for p in model.parameters():
                p += 0.3 * torch.randn_like(p)
    return model.double().requires_grad_(False)


@pytest.mark.parametrize("order", [None, [2, 0, 1], [1, 2, 0]])
def test_nothing_depends_on_itself_or_what_comes_after(order: list[int] | None) -> None:
    model = made(orders=None if order is None else [order])
    x = torch.rand(20, 3, generator=seeded(1), dtype=torch.float64)
    jacobian = torch.autograd.functional.jacobian(
        lambda v: model.log_mass(v).sum(0), x
    )  # (dim, bins, 20, dim)
    depends = (jacobian != 0).any(2).any(1)
    sequence = order or [0, 1, 2]
    place = {c: i for i, c in enumerate(sequence)}
    for i, j in itertools.product(range(3), repeat=2):
        assert bool(depends[i, j]) == (place[j] < place[i])
    for j in range(3):
        moved = x.clone()
        moved[:, j] = 0.123
        same = [i for i in range(3) if place[i] <= place[j]]
        assert torch.equal(model.log_mass(moved)[:, same], model.log_mass(x)[:, same])


def test_probabilities_of_all_cells_sum_to_one() -> None:
    model = made(dim=2, frequencies=0, hidden=(8,))
    # With no frequencies and one hidden layer the density still varies with the exact
    # value of the coordinate before: take the bin's centre in both.
    t = (torch.arange(400, dtype=torch.float64) + 0.5) / 400
    points = torch.cartesian_prod(t, t)
    assert model.log_prob(points).exp().mean().item() == pytest.approx(1, abs=1e-10)


def test_temperature_sharpens() -> None:
    model = made(dim=2)
    cold = model.sample(2000, temperature=0.2, generator=seeded(2))
    warm = model.sample(2000, generator=seeded(2))
    hot = model.sample(2000, temperature=5.0, generator=seeded(2))
    likelihoods = [model.log_prob(s).mean().item() for s in (cold, warm, hot)]
    assert likelihoods == sorted(likelihoods, reverse=True)


def test_labels_choose_the_density() -> None:
    model = made(dim=2, classes=3)
    x = torch.rand(1, 2, generator=seeded(3), dtype=torch.float64).expand(3, -1)
    log_p = model.log_prob(x, torch.arange(3))
    assert len(log_p.unique()) == 3
    with pytest.raises(ValueError, match="y must hold 3 labels, got None"):
        model.log_prob(x)


@pytest.mark.parametrize("order", [[0, 0, 1], [0, 1], [1, 2, 3]])
def test_an_order_names_each_coordinate_once(order: list[int]) -> None:
    with pytest.raises(ValueError, match="an order must name each of 0 to 2 once"):
        made(orders=[[0, 1, 2], order])


@pytest.mark.parametrize(
    ("orders", "error"), [([0, 1, 2], TypeError), ("012", TypeError), ([], ValueError)]
)
def test_orders_are_permutations(orders: object, error: type[Exception]) -> None:
    with pytest.raises(error, match="orders must"):
        made(orders=orders)


def test_several_orders_are_a_mixture() -> None:
    model = made(dim=2, orders=[(0, 1), (1, 0)])
    parts = [made(dim=2, orders=[order]) for order in model.orders]
    for part, net in zip(parts, model.nets, strict=True):
        part.nets[0].load_state_dict(net.state_dict())
    x = torch.rand(50, 2, generator=seeded(5), dtype=torch.float64)
    p = [part.log_prob(x).exp() for part in parts]
    assert torch.allclose(model.log_prob(x).exp(), sum(p) / 2, rtol=1e-12)
    separate = -sum(part.log_prob(x).mean() for part in parts) / 2
    assert model.loss(x).item() == pytest.approx(separate.item(), abs=1e-12)
    assert model.loss(x) >= -model.log_prob(x).mean()


def test_samples_of_several_orders_follow_the_mixture() -> None:
    model = made(dim=2, frequencies=0, orders=[(0, 1), (1, 0)])
    with torch.no_grad():  # make the two orders differ as much as they can
        for p in model.nets[1].parameters():
            p.neg_()
    n, side, fine = 40_000, 4, 100
    x = model.sample(n, generator=seeded(6))
    cell = (x * side).long().clamp(max=side - 1)
    counts = torch.bincount(cell[:, 0] * side + cell[:, 1], minlength=side**2)
    t = (torch.arange(side * fine, dtype=torch.float64) + 0.5) / (side * fine)
    p = model.log_prob(torch.cartesian_prod(t, t)).exp().view(side, fine, side, fine)
    p = p.mean((1, 3)).flatten() / side**2
    deviation = (counts / n - p) / (p * (1 - p) / n).sqrt()
    assert deviation.abs().max() < 4.5


def test_temperature_raises_each_factor_to_a_power() -> None:
    model = made(dim=1)
    x = model.sample(40_000, temperature=0.5, generator=seeded(7))
    counts = torch.bincount((x[:, 0] * 4).long().clamp(max=3), minlength=4)
    p = model.log_mass(torch.zeros(1, 1).double())[0, 0].exp() ** 2
    p = p / p.sum()
    deviation = (counts / 40_000 - p) / (p * (1 - p) / 40_000).sqrt()
    assert deviation.abs().max() < 4.5


def test_labels_reach_the_first_coordinate_too() -> None:
    model = made(dim=2, classes=2)
    x = torch.zeros(2, 2, dtype=torch.float64)
    first = model.log_mass(x, torch.tensor([0, 1]))[:, 0]
    assert not torch.allclose(first[0], first[1])
    orders = [(0, 1), (1, 0)]
    both = made(dim=2, classes=2, orders=orders)
    y = torch.tensor([0, 1, 1])
    assert both.sample(3, y, generator=seeded(8)).shape == (3, 2)


def test_the_box_holds_its_corners() -> None:
    model = made(2)
    corners = torch.tensor([[0.0, 0.0], [0.0, 1.0], [1.0, 1.0]], dtype=torch.float64)
    assert model.log_prob(corners).isfinite().all()
    assert (model.log_prob(corners * 1.002 - 0.001) == -torch.inf).all()


def test_samples_stay_in_the_box() -> None:
    x: Tensor = made().sample(3000, generator=seeded(4))
    assert ((x >= 0) & (x <= 1)).all()


def some_bins(low: float = 0.0, high: float = 1.0) -> MADE:
    """Return a density of one coordinate that is zero in three of its six bins."""
    model = MADE([low], [high], bins=6, hidden=(4,), frequencies=0)
    with torch.no_grad():
        for p in model.parameters():
            p.zero_()
        last = model.nets[0][-1]
        assert isinstance(last, MaskedLinear)
        last.bias[:] = torch.tensor([-1e4, 0.3, -1e4, 0.1, 0.0, -1e4])
    return model


@pytest.mark.parametrize(("low", "high"), [(0.0, 1.0), (-1000.0, -999.9), (0.1, 0.3)])
def test_nothing_is_drawn_where_no_mass_is(
    monkeypatch: pytest.MonkeyPatch, low: float, high: float
) -> None:
    model = some_bins(low, high)
    there = model.log_mass(torch.full((1, 1), low))[0, 0].exp()
    edges = there.cumsum(0)  # and the numbers next to them, and next to one
    u = torch.cat([edges, edges.nextafter(torch.zeros(1)), torch.tensor([0.0])])
    u = torch.cat([u, edges.nextafter(torch.ones(1)), torch.tensor([ONE])])
    u = torch.cat([u, torch.rand(5000, generator=seeded(9))])[:, None].clamp(max=ONE)

    def uniform(*shape: int, generator: object) -> Tensor:
        return u if len(shape) == 2 else u[:, 0]

    monkeypatch.setattr(model, "_uniform", uniform)
    for temperature in (1.0, 0.05, 1e-300):
        x = model.sample(len(u), temperature=temperature)
        assert x.isfinite().all()
        assert (model.log_prob(x) > -50).all()


def test_first_weights_are_those_of_a_layer_of_what_is_seen() -> None:
    # A dense layer of k inputs starts within 1 / sqrt(k): so does each masked unit.
    degrees = torch.arange(1, 41)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        layer = MaskedLinear(degrees, degrees.repeat(50))
    seen = layer.mask.sum(1)
    assert torch.equal(seen, degrees.repeat(50).float())
    scaled = layer.weight.detach() * layer.mask * seen.sqrt()[:, None]
    assert scaled.abs().max() <= 1 + 1e-5
    # Uniform in (-1, 1): a third of variance, for many seen as for few.
    for rows in (seen < 10, seen > 30):
        spread = scaled[rows].square().sum() / layer.mask[rows].sum()
        assert spread.item() == pytest.approx(1 / 3, rel=0.05)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda m, x: m.loss(x, generator=0), TypeError, "generator must be a torch"),
        (lambda m, x: m.log_mass(x[:, 1:]), ValueError, r"x must be \(n, 3\)"),
        (lambda m, x: m.log_mass(x, net=1), ValueError, "net must be below 1, got 1"),
        (lambda m, x: m.log_mass(x, net=-1), ValueError, "net must be at least 0"),
        (lambda m, x: m.sample(2, temperature="a"), TypeError, "temperature must be a"),
        (lambda m, x: made(orders=[[0, 1, 2.5]]), TypeError, "orders must be an int"),
        (lambda m, x: made(orders=["012"]), TypeError, "orders must be a sequence"),
        (lambda m, x: MaskedLinear(x, x), TypeError, "inputs must hold integer"),
        (
            lambda m, x: MaskedLinear(torch.arange(0), torch.arange(2)),
            ValueError,
            "inputs and outputs must hold a degree at least",
        ),
    ],
)
def test_bad_values_are_refused(
    call: Callable[[MADE, Tensor], object], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        call(made(), torch.rand(4, 3, generator=seeded(0)).double())


def test_the_network_sees_the_box_from_minus_one_to_one_and_waves_of_it() -> None:
    model = MADE([2.0, -1.0], [6.0, 1.0], bins=4, hidden=(8,), frequencies=2).double()
    x = torch.tensor([[2.0, 1.0], [4.0, -0.5], [5.0, 0.2]]).double()
    seen: list[Tensor] = []
    model.nets[0][0].register_forward_pre_hook(lambda net, v: seen.append(v[0]))
    model.log_mass(x)
    unit = torch.stack([(x[:, 0] - 2) / 4, (x[:, 1] + 1) / 2], 1)
    angle = math.pi * unit[..., None] * torch.tensor([1.0, 2.0])
    each = torch.cat([2 * unit[..., None] - 1, angle.sin(), angle.cos()], 2)
    assert torch.allclose(seen[0], each.flatten(1))


@pytest.mark.parametrize("classes", [0, 2])
def test_every_method_names_what_it_refuses(classes: int) -> None:
    x = torch.rand(6, 2, generator=seeded(0)) - 0.5
    y = torch.arange(6) % 2 if classes else None
    check_doors(
        lambda: MADE([-1.0, -1.0], [1.0, 1.0], bins=4, hidden=(4,), classes=classes),
        x,
        y=y,
    )


def test_counts_have_limits() -> None:
    check_limits(
        lambda **n: MADE([-1.0, -1.0], [1.0, 1.0], **n),
        bins=2,
        frequencies=0,
        classes=0,
    )


def test_a_masked_layer_names_what_it_refuses() -> None:
    layer = MaskedLinear(torch.arange(3), torch.arange(3))
    for bad in (torch.ones(4, 2), torch.ones(3)):
        with pytest.raises(ValueError, match=r"x must be \(n, 3\)"):
            layer(bad)
    with pytest.raises(TypeError, match=r"x must be torch\.float32"):
        layer(torch.ones(4, 3).double())
    assert layer(torch.ones(0, 3)).shape == (0, 3)


def test_layers_and_widths_name_what_they_refuse() -> None:
    degrees = torch.arange(3)
    for bad in (degrees.float(), degrees.tolist(), degrees[0]):
        with pytest.raises((TypeError, ValueError), match=r"^outputs must"):
            MaskedLinear(degrees, bad)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"^strict must be True or False"):
        MaskedLinear(degrees, degrees, strict=1)  # type: ignore[arg-type]
    for hidden in ((0,), (), (1.5,), "ab"):
        with pytest.raises((TypeError, ValueError), match=r"^hidden must"):
            MADE([0.0], [1.0], hidden=hidden)  # type: ignore[arg-type]
    for low, high in (([0.0], [0.0]), ([0.0, 0.0], [1.0]), ([float("nan")], [1.0])):
        with pytest.raises(ValueError, match="must"):
            MADE(low, high)
    loose, tight = (
        MaskedLinear(degrees, degrees),
        MaskedLinear(degrees, degrees, strict=True),
    )
    assert torch.equal(loose.mask, torch.ones(3, 3).tril())
    assert torch.equal(tight.mask, torch.ones(3, 3).tril(-1))


@pytest.mark.parametrize("classes", [0, 2])
def test_no_unit_of_a_flat_model_is_idle(classes: int) -> None:
    # The first of two coordinates is all that a hidden unit may hand on.
    *_, last = made(2, classes=classes).nets[0]
    assert isinstance(last, MaskedLinear)
    assert last.mask.any(0).all()


@pytest.mark.parametrize("temperature", [1.0, 0.5])
def test_draws_are_those_of_the_chain_rule(temperature: float) -> None:
    """The bin by the share of mass below, the place in it by what is left of u."""
    low, high = [2.0, -1.0], [6.0, 1.0]
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = MADE(low, high, bins=4, hidden=(12,), orders=[(0, 1), (1, 0)]).double()
        for p in model.parameters():
            torch.nn.init.normal_(p, std=0.8)
    g = seeded(3)
    u = torch.rand(30, 2, generator=g, dtype=torch.float64)
    which = (torch.rand(30, generator=g, dtype=torch.float64) * 2).long()
    wanted = torch.tensor(low).double().repeat(30, 1)
    for n in range(30):
        net = int(which[n])
        for i in model.orders[net]:
            mass = model.log_mass(wanted[n : n + 1], net=net)[0, i] / temperature
            p = mass.softmax(0).tolist()
            k, below = 0, 0.0
            while below + p[k] <= u[n, i]:
                below += p[k]
                k += 1
            share = (k + (u[n, i].item() - below) / p[k]) / 4
            wanted[n, i] = low[i] + (high[i] - low[i]) * share
    found = model.sample(30, temperature=temperature, generator=seeded(3))
    assert torch.allclose(found, wanted, atol=1e-9)
    assert which.double().mean().item() == pytest.approx(0.5, abs=0.3)


def test_a_new_model_has_these_weights() -> None:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = MADE([0.0] * 3, [1.0] * 3, 4, hidden=(7, 6), frequencies=2, classes=2)
    shapes = [tuple(p.shape) for p in model.parameters()]
    assert shapes == [(7, 3 * 5 + 2), (7,), (6, 7), (6,), (12, 6), (12,)]
    masks = [m.mask for m in model.nets[0] if isinstance(m, MaskedLinear)]
    degrees = [
        [1] * 5 + [2] * 5 + [3] * 5 + [0] * 2,
        [0, 1, 2] * 2 + [0],
        [0, 1, 2] * 2,
    ]
    degrees.append([1] * 4 + [2] * 4 + [3] * 4)
    for i, mask in enumerate(masks):
        for a, into in enumerate(degrees[i + 1]):
            for b, of in enumerate(degrees[i]):
                assert mask[a, b] == (into > of if i == 2 else into >= of)
    plain = MADE([0.0] * 3, [1.0] * 3, 4, hidden=(5,), frequencies=0)
    first = plain.nets[0][0]
    assert isinstance(first, MaskedLinear)
    assert first.mask.sum(1).tolist() == [1, 2, 1, 2, 1]
    alone = MADE([0.0], [1.0], 4, hidden=(3,), frequencies=0)
    assert alone.nets[0][0].mask.sum().item() == 3
