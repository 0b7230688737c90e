"""Flows: the change of variables, the box, labels, and the first batch."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from torch import Tensor

from doors import check_doors, check_limits, check_range
from genbook.models.flows.flow import Flow
from genbook.models.flows.transforms import ActNorm
from genbook.training import fit
from seeding import seeded


@pytest.fixture
def x() -> Tensor:
    """A ring and its inside, ``(1000, 2)``."""
    return torch.randn(1000, 2, generator=seeded(0)).tanh()


def trained(x: Tensor, y: Tensor | None = None, **config: object) -> Flow:
    with torch.random.fork_rng():
        torch.manual_seed(1)
        model = Flow(x.shape[1], **config)  # type: ignore[arg-type]
    fit(model, x, y, steps=30, batch_size=256)
    return model.double().requires_grad_(False)


BOX = {"low": [-1.0, -1.0], "high": [1.0, 1.0]}
CONFIGS = {
    "spline": {},
    "affine": {"kind": "affine", "transforms": 6},
    "box": BOX,
    "waves": {"frequencies": 3},
    "affine-in-a-box": {"kind": "affine", "low": [-1.0, -2.0], "high": [1.0, 2.0]},
}


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
def test_density_is_that_of_the_change_of_variables(config: dict, x: Tensor) -> None:
    model = trained(x, **config)
    points = 0.9 * x[:10].double()
    z = model.encode(points)
    if not model.uniform:
        base = torch.distributions.Normal(torch.zeros(2).double(), 1.0)
        log_base = base.log_prob(z).sum(1)
    else:
        log_base = torch.full((10,), -2 * torch.tensor(2.0).log().item())
    for i, point in enumerate(points):
        jacobian = torch.autograd.functional.jacobian(
            lambda v: model.encode(v[None])[0], point
        )
        exact = log_base[i] + torch.linalg.slogdet(jacobian).logabsdet
        assert model.log_prob(points)[i].item() == pytest.approx(exact.item(), abs=1e-8)
    assert torch.allclose(model.decode(z), points, rtol=0, atol=1e-9)


def test_the_density_in_a_box_integrates_to_one(x: Tensor) -> None:
    model = trained(x, **BOX)
    side = (torch.arange(200).double() + 0.5) / 100 - 1
    p = model.log_prob(torch.cartesian_prod(side, side)).exp()
    assert p.mean().item() * 4 == pytest.approx(1, abs=1e-3)
    assert p.std() > 0.1


def test_three_dimensions_are_mixed_by_matrices(x: Tensor) -> None:
    data = torch.cat([x, x.sum(1, keepdim=True) + 0.1 * x[:, :1] ** 2], 1)
    model = trained(data, transforms=3)
    points = data[:20].double()
    assert torch.allclose(model.decode(model.encode(points)), points, atol=1e-9)
    jacobian = torch.autograd.functional.jacobian(
        lambda v: model.encode(v[None])[0], points[0]
    )
    assert (jacobian != 0).all()


def test_the_first_batch_standardises(x: Tensor) -> None:
    model = Flow(2, kind="affine")
    model.train()
    model.loss(5 + 3 * x)
    z = model.eval().encode(5 + 3 * x)
    assert torch.allclose(z.mean(0), torch.zeros(2), atol=1e-4)
    before = model.state_dict()["transforms.0.shift"].clone()
    model.train()
    model.loss(x)
    assert torch.equal(before, model.state_dict()["transforms.0.shift"])


def test_evaluation_never_standardises(x: Tensor) -> None:
    model = Flow(2).eval()
    before = {k: v.clone() for k, v in model.state_dict().items()}
    model.loss(x)
    assert all(torch.equal(v, before[k]) for k, v in model.state_dict().items())


def test_the_box_is_never_left(x: Tensor) -> None:
    model = trained(x, **BOX)
    points = model.sample(2000, generator=seeded(2))
    assert (points.abs() <= 1).all()
    outside = torch.tensor([[1.5, 0.0], [0.0, -1.01]]).double()
    assert (model.log_prob(outside) == -torch.inf).all()


def test_labels_choose_the_density() -> None:
    y = torch.arange(600) % 2
    x = torch.randn(600, 2, generator=seeded(3)) * 0.2 + 2 * y[:, None] - 1
    model = trained(x, y, classes=2, transforms=2)
    left = model.sample(200, torch.zeros(200).long(), generator=seeded(4))
    right = model.sample(200, torch.ones(200).long(), generator=seeded(4))
    assert left.mean() < -0.5 < 0.5 < right.mean()
    labels = torch.tensor([0, 1])
    z = model.encode(x[:2].double(), labels)
    assert torch.allclose(model.decode(z, labels), x[:2].double(), atol=1e-9)
    with pytest.raises(ValueError, match="y must hold 2 labels, got None"):
        model.log_prob(x[:2].double())
    with pytest.raises(ValueError, match="y must hold labels 0 to 1, got 2"):
        model.sample(1, torch.tensor([2]))


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"kind": "planar"}, "kind must be spline or affine, got 'planar'"),
        ({"low": [0.0, 0.0]}, "low and high must be given together"),
        ({"low": [0.0], "high": [1.0]}, r"low must be \(2,\), got \(1,\)"),
        ({"dim": 1}, "dim must be at least 2, got 1"),
        ({"bins": 1}, "bins must be at least 2, got 1"),
        ({"bins": 1000}, "bins must be at most 999, got 1000"),
        ({"dim": 10**12}, "dim must be at most 16,384"),
        ({"transforms": 10**12}, "transforms must be at most 1,000"),
        ({"hidden": (10**12,)}, "hidden must be at most"),
        ({"frequencies": 25}, "frequencies must be at most 24, got 25"),
        ({"classes": 10**12}, "classes must be at most"),
    ],
)
def test_bad_arguments_are_named(config: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Flow(**config)


def test_the_corners_count() -> None:
    """A flow that bends nothing is uniform on its box, whatever its size."""
    model = Flow(2, low=[0.0, 0.0], high=[4.0, 0.5])
    x = torch.tensor([[1.0, 0.25], [3.9, 0.01]])
    wanted = -torch.tensor(2.0).log().expand(2)
    assert torch.allclose(model.log_prob(x), wanted, atol=1e-4)


def test_numbers_of_numpy_are_kept_as_numbers() -> None:
    model = Flow(
        np.int64(3),  # type: ignore[arg-type]
        transforms=np.int32(2),  # type: ignore[arg-type]
        hidden=(np.int64(8),),  # type: ignore[arg-type]
        bins=np.int64(4),  # type: ignore[arg-type]
        bound=np.float32(3),  # type: ignore[arg-type]
        frequencies=np.int8(1),  # type: ignore[arg-type]
        classes=np.uint8(2),  # type: ignore[arg-type]
    )
    assert Flow(**json.loads(json.dumps(model.config))).config == model.config


def test_corners_decide_the_type() -> None:
    low, high = torch.zeros(2).double(), torch.ones(2).double()
    for kind in ("spline", "affine"):
        model = Flow(2, kind=kind, low=low, high=high)  # type: ignore[arg-type]
        assert {p.dtype for p in model.parameters()} == {torch.float64}
        assert model.log_prob(model.sample(5, generator=seeded(5))).isfinite().all()


def test_a_bare_seed_is_no_generator(x: Tensor) -> None:
    with pytest.raises(TypeError, match=r"generator must be a torch\.Generator"):
        Flow(2).loss(x, generator=0)  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", ["spline", "affine"])
def test_what_lies_outside_has_no_code(kind: str) -> None:
    model = Flow(2, kind=kind, low=[0.0, 0.0], high=[1.0, 2.0])  # type: ignore[arg-type]
    corners = torch.tensor([[0.0, 0.0], [1.0, 2.0], [0.0, 2.0]])
    assert model.encode(corners).isfinite().all()
    with pytest.raises(
        ValueError, match=r"x must lie in the box .* \[0\.5, 3\.0\] in r"
    ):
        model.encode(torch.tensor([[0.5, 0.5], [0.5, 3.0]]))
    if kind == "spline":
        with pytest.raises(ValueError, match="z must lie in the box of the base"):
            model.decode(torch.tensor([[1.5, 0.0]]))


def test_codes_never_leave_the_base() -> None:
    """The image of the box is the base, to the last bit: even of its corners."""
    model = Flow(2, transforms=3, low=[-1.0, -1.0], high=[1.0, 1.0])
    with torch.no_grad():
        for p in model.parameters():
            p += torch.randn(p.shape, generator=seeded(6))
    edge = 2 * torch.rand(4000, 2, generator=seeded(7)) - 1
    edge[:2000, 0], edge[1000:3000, 1] = 1, -1
    model.requires_grad_(False)
    assert (model.encode(edge).abs() <= 1).all()
    assert model.decode(model.encode(edge)).isfinite().all()
    assert model.log_prob(edge).isfinite().all()


def test_too_many_draws_are_refused() -> None:
    with pytest.raises(ValueError, match="n must be at most 16,777,216, got 10"):
        Flow(2).sample(10**12)


@pytest.mark.parametrize("classes", [0, 2])
def test_every_method_names_what_it_refuses(classes: int) -> None:
    x = torch.rand(6, 2, generator=seeded(0)) - 0.5
    y = torch.arange(6) % 2 if classes else None
    check_doors(
        lambda: Flow(2, transforms=2, hidden=(4,), classes=classes),
        x,
        y=y,
        z=torch.zeros(6, 2),
    )


def test_counts_have_limits() -> None:
    check_limits(
        lambda **n: Flow(**{"dim": 2} | n),
        {"dim": 16384, "transforms": 1000, "classes": 1048576, "bins": 999},
        dim=2,
        transforms=1,
        classes=0,
        bins=2,
    )


@pytest.mark.parametrize("kind", ["spline", "affine"])
def test_every_standardisation_is_set_by_the_first_batch(kind: str) -> None:
    x = torch.randn(500, 3, generator=seeded(1)).cumsum(1)  # matrices mix what varies
    model = Flow(3, kind=kind, hidden=(4,)).train()  # alike, and change how much
    outputs: list[Tensor] = []
    norms = [t for t in model.transforms if isinstance(t, ActNorm)]
    model.loss(x)
    for t in norms:
        t.register_forward_hook(lambda module, given, out: outputs.append(out[0]))
    model.loss(x)
    assert len(outputs) == len(norms) > 1
    for out in outputs:
        assert torch.allclose(out.mean(0), torch.zeros(3), atol=1e-4)
        assert torch.allclose(out.std(0), torch.ones(3), atol=2e-3)


def test_the_bound_is_positive() -> None:
    check_range(lambda **n: Flow(2, hidden=(4,), **n), "bound", [0.5], [0.0, -1.0])


def test_two_rows_settle_the_units_and_one_does_not(x: Tensor) -> None:
    model = Flow(2, kind="affine", hidden=(4,)).train()
    model.loss(x[:1])
    assert not model.initialised
    assert torch.equal(model.std, torch.ones(2))
    model.loss(x[:2])
    assert model.initialised
    assert torch.allclose(model.mean, x[:2].mean(0))
    assert torch.allclose(model.std, x[:2].std(0, correction=0))
    settled = model.mean.clone()
    model.loss(x[2:9] + 5)
    assert torch.equal(model.mean, settled)


def test_which_pieces_stand_between_the_ends() -> None:
    box = {"low": [0.0, 0.0, 0.0], "high": [1.0, 2.0, 3.0]}

    def names(dim: int, **options: object) -> list[str]:
        model = Flow(dim, transforms=3, hidden=(4,), **options)  # type: ignore[arg-type]
        return [type(t).__name__ for t in model.transforms]

    spline, affine = "SplineCoupling", "AffineCoupling"
    assert names(2) == ["ActNorm", spline, spline, spline]
    assert names(2, kind="affine") == ["ActNorm", affine, affine, affine]
    assert names(3) == ["ActNorm", "PLULinear", spline] * 3
    assert names(3, kind="affine", **box) == ["ActNorm", "PLULinear", affine] * 3
    assert names(3, **box) == [spline] * 3
    model = Flow(2, transforms=4, hidden=(4,), bins=5, bound=2.5, frequencies=2)
    pieces = [t for t in model.transforms if not isinstance(t, ActNorm)]
    assert [t.swap for t in pieces] == [False, True, False, True]
    assert {(t.bins, t.bound, t.linear_tails) for t in pieces} == {(5, 2.5, True)}
    inside = Flow(3, transforms=1, hidden=(4,), **box).transforms[0]  # type: ignore[arg-type]
    assert (inside.bound, inside.linear_tails) == (1.0, False)
    assert Flow(2, transforms=1, hidden=(7, 5)).widest == 7
    assert Flow(9, transforms=1, hidden=(7, 5)).widest == 9


def test_samples_are_the_base_s_draws_sent_back(x: Tensor) -> None:
    for config in CONFIGS.values():
        model = trained(x, **config)
        g = seeded(6)
        if model.uniform:
            z = 2 * torch.rand(9, 2, generator=g, dtype=torch.float64) - 1
        else:
            z = torch.randn(9, 2, generator=g, dtype=torch.float64)
        drawn = model.sample(9, generator=seeded(6))
        assert torch.allclose(drawn, model.decode(z), atol=1e-12)
        assert torch.allclose(model.encode(drawn), z, atol=1e-6)
