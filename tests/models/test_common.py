"""The battery that every model of the table meets: ``conftest.py`` holds the table.

Each statistical test refuses at alpha = 5e-4 with fixed seeds. There are fewer than
fifty of them here, so that together they stay below two and a half per cent.
"""

from __future__ import annotations

import copy
import inspect
import json
import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from scipy import stats
from scipy.spatial import cKDTree
from torch import Tensor, nn

from genbook.course.taxonomy import discover
from genbook.data.base import KnownDensity
from genbook.models.autoregressive.pictures import PictureWriter
from genbook.models.autoregressive.pixelcnn import PixelCNN
from genbook.models.autoregressive.transformer import Transformer
from genbook.models.base import (
    EnergyModel,
    GenerativeModel,
    LatentVariableModel,
    TractableModel,
)
from genbook.models.density.box import UniformBox
from genbook.models.diffusion.gaussian_path import GaussianPathModel
from genbook.models.diffusion.masked import MaskedDiffusion
from genbook.models.diffusion.text_to_image import CaptionedFlow, TextToImage
from genbook.models.flows.image_flow import ImageFlow
from seeding import seeded

ALPHA = 5e-4
N = 20_000
Case = Any  # of conftest.py, which cannot be imported


def explicit(model: GenerativeModel) -> TractableModel:
    if not isinstance(model, TractableModel):
        pytest.skip("has no exact density")
    return model


def boxed(model: GenerativeModel) -> bool:
    """Return whether a model has corners that hold all its mass."""
    soft = isinstance(model, EnergyModel)  # its wall is steep, not vertical
    return getattr(model, "low", None) is not None and not soft


def region(model: GenerativeModel) -> tuple[Tensor, Tensor]:
    """Return a box that holds the mass: the model's own, or a wide one."""
    if boxed(model):
        return model.low, model.high
    return torch.full((2,), -8.0).double(), torch.full((2,), 8.0).double()


def grid(low: Tensor, high: Tensor, side: int) -> tuple[Tensor, float]:
    """Return the centres of ``side ** 2`` equal cells, and the area of one."""
    t = (torch.arange(side, dtype=low.dtype) + 0.5) / side
    points = low + torch.cartesian_prod(t, t) * (high - low)
    return points, ((high - low) / side).prod().item()


def equal_states(a: nn.Module, b: nn.Module) -> bool:
    one, two = a.state_dict(), b.state_dict()
    return one.keys() == two.keys() and all(
        torch.allclose(one[k], two[k], rtol=0, atol=0, equal_nan=True) for k in one
    )


# --- the table ------------------------------------------------------------------------


def test_every_generative_model_is_in_the_table(cases: dict[str, Case]) -> None:
    there = {type(c.make()) for c in cases.values()}
    there |= {
        MaskedDiffusion,
        PixelCNN,
        Transformer,
    }  # their observations are discrete: test_common_discrete.py
    there |= {ImageFlow}  # of images with an even side: test_image_flow.py
    there |= {CaptionedFlow, TextToImage}  # given captions: test_text_to_image.py
    there |= {PictureWriter}  # given captions, and discrete: test_pictures.py
    wanted = {c for c in discover() if issubclass(c, GenerativeModel)}
    missing = sorted(c.__qualname__ for c in wanted - there)
    assert not missing, f"add a line to CASES in tests/models/conftest.py: {missing}"


# --- the density ----------------------------------------------------------------------


def test_density_integrates_to_one(case: Case, trained: GenerativeModel) -> None:
    model = explicit(trained)
    points, area = grid(*region(model), case.side)  # a multiple of any grid's cells
    integral = model.log_prob(points).exp().sum().item() * area
    assert integral == pytest.approx(1, abs=1e-3)


def test_density_is_finite_far_away(
    case: Case, trained: GenerativeModel, x: Tensor
) -> None:
    model = explicit(trained)
    middle, half = (x.amax(0) + x.amin(0)) / 2, (x.amax(0) - x.amin(0)) / 2
    points, _ = grid(middle - 3 * half, middle + 3 * half, 60)
    log_p = model.log_prob(points)
    assert not log_p.isnan().any()
    assert (log_p < torch.inf).all()
    if case.everywhere:
        assert log_p.isfinite().all()
    else:
        low, high = region(model)
        inside = ((points >= low) & (points <= high)).all(1)
        assert (log_p[~inside] == -torch.inf).all()
    assert model.log_prob(x).isfinite().all()


def test_likelihood_is_not_inflated(
    trained: GenerativeModel, moons: KnownDensity
) -> None:
    model = explicit(trained)
    x = moons.sample(N, generator=seeded(10), dtype=torch.float64)
    log_p = model.log_prob(x)
    there = log_p.isfinite()
    gain = (log_p - moons.log_prob(x))[there]
    standard_error = gain.std().item() / math.sqrt(len(gain))
    # Gibbs' inequality on the part of the plane where the model's density is positive.
    bound = -math.log(there.double().mean().item())
    assert gain.mean().item() <= bound + 3 * standard_error


def test_model_beats_the_trivial_one(
    trained: GenerativeModel, moons: KnownDensity, x: Tensor
) -> None:
    model = explicit(trained)
    trivial = UniformBox.from_corners(moons.low.double(), moons.high.double())
    assert model.log_prob(x).mean() > trivial.log_prob(x).mean()


def test_loss_is_the_mean_negative_log_likelihood(
    trained: GenerativeModel, x: Tensor
) -> None:
    model = explicit(trained)
    if isinstance(model, GaussianPathModel):
        pytest.skip("learns a velocity: its likelihood follows from that")
    assert model.loss(x).shape == ()
    assert model.loss(x).item() == pytest.approx(-model.log_prob(x).mean().item())


# --- the samples ----------------------------------------------------------------------


def test_samples_fill_cells_as_the_density_says(
    case: Case, trained: GenerativeModel
) -> None:
    model = explicit(trained)
    x = model.sample(N, generator=seeded(11))
    low, high = region(model)
    if not boxed(model):
        low, high = x.amin(0) - 0.1, x.amax(0) + 0.1
    side, fine = 24, case.side
    points, area = grid(low, high, fine)
    p = (model.log_prob(points).exp() * area).view(side, fine // side, side, -1)
    expected = N * p.sum(dim=(1, 3)).flatten()
    cell = ((x - low) / (high - low) * side).floor().long().clamp(0, side - 1)
    counts = torch.bincount(cell[:, 0] * side + cell[:, 1], minlength=side**2)
    assert (counts[expected == 0] == 0).all()
    # Cells with few points go together into one, with what lies outside the grid.
    big = expected >= 10
    observed = torch.cat([counts[big], (N - counts[big].sum())[None]]).numpy()
    wanted = torch.cat([expected[big], (N - expected[big].sum())[None]]).numpy()
    if wanted[-1] < 10:
        observed, wanted = observed[:-1], wanted[:-1]
    wanted *= observed.sum() / wanted.sum()
    assert stats.chisquare(observed, wanted).pvalue > ALPHA


def test_distances_between_samples_are_as_the_density_says(
    case: Case, trained: GenerativeModel
) -> None:
    model = explicit(trained)
    if not case.smooth:
        pytest.skip("near a jump of the density the spacing is another")
    x = model.sample(N, generator=seeded(12))
    distance = cKDTree(x.numpy()).query(x.numpy(), k=2)[0][:, 1]
    volume = np.pi * distance**2
    u = np.exp(-(N - 1) * model.log_prob(x).exp().numpy() * volume)
    counts = np.histogram(u, bins=20, range=(0, 1))[0]
    # In the plane 62 % of the points are the nearest of their own nearest: these values
    # come in equal pairs, which inflates the statistic by as much.
    statistic = stats.chisquare(counts).statistic / 1.62
    assert stats.chi2.sf(statistic, df=19) > ALPHA


def test_samples_follow_the_generator(trained: GenerativeModel) -> None:
    a = trained.sample(50, generator=seeded(4))
    assert torch.equal(a, trained.sample(50, generator=seeded(4)))
    assert not torch.equal(a, trained.sample(50, generator=seeded(5)))
    g = seeded(4)
    assert not torch.equal(
        trained.sample(50, generator=g), trained.sample(50, generator=g)
    )


def test_samples_without_a_generator_follow_the_global_one(
    trained: GenerativeModel,
) -> None:
    with torch.random.fork_rng():
        torch.manual_seed(6)
        a = trained.sample(50)
        torch.manual_seed(6)
        assert torch.equal(a, trained.sample(50))
        assert not torch.equal(a, trained.sample(50))


def test_global_randomness_is_untouched(
    case: Case, trained: GenerativeModel, x: Tensor
) -> None:
    model = copy.deepcopy(trained).requires_grad_(True)
    before = torch.get_rng_state()
    model.sample(10, generator=seeded(7))
    model.loss(x, generator=seeded(7))
    case.train(model, x[:300])
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("n", [0, 1, 7])
def test_samples_have_shape_and_type(
    trained: GenerativeModel, n: int, dtype: torch.dtype
) -> None:
    model = copy.deepcopy(trained).to(dtype).requires_grad_(True)
    x = model.sample(n, generator=seeded(8))
    assert x.shape == (n, *model.event_shape)
    assert x.dtype == dtype
    assert not x.requires_grad
    assert not x.is_inference()
    assert x.isfinite().all()


def test_samples_have_a_finite_density(trained: GenerativeModel) -> None:
    model = explicit(copy.deepcopy(trained).float())
    assert model.log_prob(model.sample(N, generator=seeded(9))).isfinite().all()


# --- types, sizes, gradients ----------------------------------------------------------


def test_float32_agrees_with_float64(trained: GenerativeModel, x: Tensor) -> None:
    model = explicit(trained)
    single = copy.deepcopy(model).float().log_prob(x.float())
    assert single.dtype == torch.float32
    assert model.log_prob(x).dtype == torch.float64
    near = (single.double() - model.log_prob(x)).abs() < 1e-4
    assert near.double().mean() > 0.99  # a few points change cells with their digits


def test_float32_can_be_trained(case: Case, x: Tensor) -> None:
    model = case.make()
    case.train(model, x[:1000].float())
    assert model.loss(x[:1000].float()).dtype == torch.float32
    assert all(t.isfinite().all() for t in model.state_dict().values())


def test_batches_of_any_size(trained: GenerativeModel, x: Tensor) -> None:
    model = explicit(trained)
    whole = model.log_prob(x[:9])
    assert whole.shape == (9,)
    assert model.log_prob(x[:0]).shape == (0,)
    ones = torch.cat([model.log_prob(x[i : i + 1]) for i in range(9)])
    assert torch.allclose(ones, whole, rtol=0, atol=1e-10)


def test_order_and_layout_do_not_matter(trained: GenerativeModel, x: Tensor) -> None:
    model = explicit(trained)
    order = torch.randperm(len(x), generator=seeded(13))
    log_p = model.log_prob(x)
    assert torch.allclose(model.log_prob(x[order]), log_p[order], rtol=0, atol=1e-10)
    strided = x.mT.contiguous().mT
    assert torch.allclose(model.log_prob(strided), log_p, rtol=0, atol=1e-10)


class Loss(nn.Module):
    """A model whose call is its loss, for ``functional_call``."""

    def __init__(self, model: GenerativeModel) -> None:
        super().__init__()
        self.model = model

    def forward(self, x: Tensor) -> Tensor:
        return self.model.loss(x, generator=seeded(0))


def test_gradient_of_the_loss(case: Case, trained: GenerativeModel, x: Tensor) -> None:
    call = Loss(copy.deepcopy(trained).requires_grad_(True))
    if "game" in case.gradients:
        pytest.skip("no one number is lowered")
    names = [n for n, _ in call.named_parameters()]
    theta = [p.detach().clone().requires_grad_() for p in call.parameters()]
    points = x[:6].clone().requires_grad_("x" in case.gradients)
    assert bool(theta) == ("theta" in case.gradients)
    if not case.gradients:
        assert not call(points).requires_grad
        return

    def loss(points: Tensor, *theta: Tensor) -> Tensor:
        named = dict(zip(names, theta, strict=True))
        return torch.func.functional_call(call, named, (points,))

    many = sum(p.numel() for p in theta) > 500
    assert torch.autograd.gradcheck(loss, (points, *theta), fast_mode=many)


def test_density_is_the_same_with_and_without_gradient(
    trained: GenerativeModel, x: Tensor
) -> None:
    model = explicit(trained)
    with_gradient = model.log_prob(x[:100].clone().requires_grad_())
    assert torch.allclose(with_gradient.detach(), model.log_prob(x[:100]), atol=1e-10)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_model_follows_its_device(trained: GenerativeModel, x: Tensor) -> None:
    model = explicit(copy.deepcopy(trained).cuda())
    log_p = model.log_prob(x.cuda())
    assert log_p.is_cuda
    assert torch.allclose(log_p.cpu(), trained.log_prob(x), atol=1e-8)
    assert model.sample(5, generator=torch.Generator("cuda").manual_seed(0)).is_cuda


# --- keeping --------------------------------------------------------------------------


def test_state_and_arguments_make_the_same_model(
    trained: GenerativeModel, x: Tensor
) -> None:
    arguments = json.loads(json.dumps(trained.config))
    twin = type(trained)(**arguments).double()
    twin.load_state_dict(trained.state_dict())
    assert twin.config == trained.config
    assert equal_states(twin, trained)
    assert torch.equal(
        twin.sample(20, generator=seeded(14)), trained.sample(20, generator=seeded(14))
    )
    model = explicit(trained)
    assert torch.equal(twin.log_prob(x), model.log_prob(x))


def test_state_shares_no_memory_with_the_data(case: Case, x: Tensor) -> None:
    model, data = case.make().double(), x[:500].clone()
    case.train(model, data)
    before = copy.deepcopy(model)
    data.zero_()
    assert equal_states(model, before)


# --- latent variables -----------------------------------------------------------------


def test_codes_have_a_length_and_decode(trained: GenerativeModel, x: Tensor) -> None:
    if not isinstance(trained, LatentVariableModel):
        pytest.skip("has no latent variable")
    z = trained.encode(x[:5])
    assert z.ndim == 2
    assert len(z) == 5
    assert trained.decode(z).shape == x[:5].shape
    assert trained.encode(x[:0]).shape == (0, z.shape[1])
    assert trained.decode(z[:0]).shape == (0, *trained.event_shape)
    with pytest.raises(ValueError, match="z must be"):
        trained.decode(z[:, 1:])
    with pytest.raises(TypeError, match="z must be"):
        trained.decode(z.float())


# --- bad input ------------------------------------------------------------------------

GOOD = torch.zeros(4, 2, dtype=torch.float64)
BAD: dict[str, tuple[Any, type[Exception], str]] = {
    "too wide": (torch.zeros(4, 3).double(), ValueError, r"x must be \(n, 2\), got"),
    "rows as columns": (torch.zeros(2, 5).double(), ValueError, "columns as rows"),
    "one point": (torch.zeros(2).double(), ValueError, r"pass x\[None\]"),
    "three axes": (torch.zeros(4, 2, 1).double(), ValueError, "x must be"),
    "float32": (torch.zeros(4, 2), TypeError, "x must be torch.float64"),
    "integers": (torch.zeros(4, 2).long(), TypeError, "x must be floating point"),
    "NaN": (GOOD + torch.nan, ValueError, "x must be finite"),
    "infinity": (GOOD + torch.inf, ValueError, "x must be finite"),
    "list": ([[0.0, 0.0]], TypeError, "x must be a torch.Tensor, got list"),
    "array": (np.zeros((4, 2)), TypeError, "x must be a torch.Tensor, got ndarray"),
    "nothing": (None, TypeError, "x must be a torch.Tensor, got NoneType"),
}
EMPTY = {"empty": (GOOD[:0], ValueError, "x must hold at least one observation")}


def doors(model: GenerativeModel, case: Case) -> dict[str, Callable[[Any], Any]]:
    """Return the methods of a model that take observations."""
    names = ("loss", "log_prob", "encode", "elbo", "energy", "fit")
    found = {n: getattr(model, n) for n in names if hasattr(model, n)}
    if case.conditional:
        found["fit"] = partial(model.fit, y=torch.zeros(4, dtype=torch.long))
    return found


@pytest.mark.parametrize("kind", [*BAD, *EMPTY])
def test_bad_observations_are_refused(
    case: Case, trained: GenerativeModel, kind: str
) -> None:
    value, error, message = (BAD | EMPTY)[kind]
    model = copy.deepcopy(trained)
    for name, door in doors(model, case).items():
        if kind in EMPTY and name not in ("loss", "fit"):
            continue
        with pytest.raises(error, match=message):
            door(value)
        assert equal_states(model, trained), f"{name} left something half-done"


def test_a_condition_is_refused(
    case: Case, trained: GenerativeModel, x: Tensor
) -> None:
    if case.conditional:
        pytest.skip("takes a condition")
    y = torch.zeros(4, dtype=torch.long)
    for call in (
        lambda: trained.loss(x[:4], y),
        lambda: explicit(trained).log_prob(x[:4], y),
        lambda: trained.sample(4, y),
    ):
        with pytest.raises(ValueError, match="y must be None"):
            call()


@pytest.mark.parametrize(
    ("n", "error", "message"),
    [
        (-1, ValueError, "n must be at least 0, got -1"),
        (2.0, TypeError, "n must be an integer, got float"),
        ("2", TypeError, "n must be an integer, got str"),
        (True, TypeError, "n must be an integer, got bool"),
        (None, TypeError, "n must be an integer, got NoneType"),
    ],
)
def test_bad_counts_are_refused(
    trained: GenerativeModel, n: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        trained.sample(n)


def test_a_bare_seed_is_refused(trained: GenerativeModel) -> None:
    with pytest.raises(TypeError, match=r"generator must be a torch\.Generator"):
        trained.sample(3, generator=3)  # type: ignore[arg-type]


def test_bad_arguments_are_refused(case: Case) -> None:
    cls = type(case.make())
    good = case.make().config
    for name, value in good.items():
        for bad in (-1, "what", 2.5j):
            if value == bad:
                continue
            with pytest.raises((ValueError, TypeError), match=name):
                cls(**(good | {name: bad}))


def test_doors_are_documented(case: Case) -> None:
    cls = type(case.make())
    for section in ("Args:", "Raises:", "Reference:", "Example:"):
        assert section in inspect.getdoc(cls), section
