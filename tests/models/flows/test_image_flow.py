"""Flows of images: the price of the table, exact densities, and the way back."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from doors import check_doors, check_limits
from genbook.models.flows.dequantisation import bits_per_dimension, dequantise
from genbook.models.flows.image_flow import ImageFlow
from genbook.models.flows.images import HALVES
from seeding import seeded


def images(n: int = 40, dim: int = 16, levels: int = 8) -> Tensor:
    """Dark and light pixels, of whole levels made continuous, ``(n, dim)``."""
    ink = torch.rand(n, dim, generator=seeded(0), dtype=torch.float64) ** 3
    return dequantise(ink, levels, generator=seeded(1))


def bent(classes: int = 3, scale: float = 0.2) -> ImageFlow:
    """A flow with random weights, far from the identity."""
    model = ImageFlow(4, 8, transforms=6, channels=5, classes=classes).double()
    model.start_from(images())
    for p in model.parameters():
        torch.nn.init.normal_(p, std=scale, generator=seeded(p.numel()))
    return model.requires_grad_(False)


def test_the_table_alone_has_the_price_of_the_counts() -> None:
    x = images()
    model = ImageFlow(4, 8, transforms=1).double().start_from(x)
    k = (x * 8).floor().long()
    counts = torch.stack([(k == level).sum(0) + 0.1 for level in range(8)]).double()
    shares = counts / counts.sum(0)
    bits = -shares.gather(0, k).log2().mean(1)
    log_p = model.log_prob(x)
    torch.testing.assert_close(bits_per_dimension(log_p, 16, levels=8), bits)


@pytest.mark.parametrize("classes", [0, 3])
def test_the_log_determinant_is_that_of_the_jacobian(classes: int) -> None:
    model, x = bent(classes), images()[:4]
    y = torch.tensor([0, 1, 2, 1]) if classes else None
    z, log_det = model(x, y)
    assert log_det.std() > 0.1
    for i in range(4):
        label = None if y is None else y[i : i + 1]
        jacobian = torch.autograd.functional.jacobian(
            lambda v, label=label: model(v[None], label)[0][0], x[i]
        )
        exact = torch.linalg.slogdet(jacobian).logabsdet
        assert log_det[i].item() == pytest.approx(exact.item(), abs=1e-8)
    base = torch.distributions.Normal(0.0, 1.0).log_prob(z).sum(1)
    torch.testing.assert_close(model.log_prob(x, y), base + log_det)


def test_the_inverse_undoes_the_flow_and_labels_matter() -> None:
    model, x, y = bent(), images(), torch.arange(40) % 3
    z = model.encode(x, y)
    torch.testing.assert_close(model.decode(z, y), x, rtol=0, atol=1e-8)
    assert (model.decode(z, (y + 1) % 3) - x).abs().max() > 0.01


def test_density_is_zero_outside_the_cube() -> None:
    x = images(3)
    x[1, 4], x[2, 0] = -0.01, 1.01
    log_p = bent(0).log_prob(x)
    assert log_p[0].isfinite()
    assert (log_p[1:] == -torch.inf).all()


def test_every_method_names_what_it_refuses() -> None:
    x = images().float()
    check_doors(lambda: ImageFlow(4, 8, transforms=1), x, skip=["start_from"])
    model = ImageFlow(4, 8, transforms=1)
    for bad, message in [
        (x[:0], "x must hold at least one observation"),
        (2 + x, r"x must lie in \[0, 1\]"),
        (x[:, :4], r"x must be \(n, 16\)"),
        (x.where(x > 0.1, torch.nan), "x must be finite"),
    ]:
        with pytest.raises(ValueError, match=message):
            model.start_from(bad)


def test_counts_have_limits() -> None:
    check_limits(lambda **n: ImageFlow(4, 8, **n), transforms=1, classes=0, channels=1)
    with pytest.raises(ValueError, match="side must be even, got 5"):
        ImageFlow(5)


def test_pieces_take_turns_and_are_as_large_as_asked() -> None:
    model = ImageFlow(4, 8, transforms=7, channels=5, bins=3, classes=2)
    four = range(4)
    turns = [(tuple(four[t.kept]), tuple(four[t.cut])) for t in model.transforms]
    assert turns == [HALVES[i % 6] for i in range(7)]
    assert {(t.bins, t.context_features) for t in model.transforms} == {(3, 2)}
    assert {t.first.out_channels for t in model.transforms} == {5}
    assert (model.table.dim, model.table.levels) == (16, 8)
    assert model.event_shape == (16,)


def test_samples_are_gaussian_numbers_sent_back() -> None:
    model, y = bent(), torch.arange(5) % 3
    z = torch.randn(5, 16, generator=seeded(4), dtype=torch.float64)
    drawn = model.sample(5, y, generator=seeded(4))
    assert torch.equal(drawn, model.decode(z, y))
    assert ((drawn >= 0) & (drawn <= 1)).all()
    assert drawn.std() > 0.1


def test_observations_stand_in_the_cube_its_faces_included() -> None:
    model = bent(0)
    x = images(3)
    x[0, 0], x[1, 3] = 0.0, 1.0
    assert model.encode(x).isfinite().all()
    assert model.log_prob(x).isfinite().all()
    for value in (-1e-9, 1 + 1e-9):
        x[1, 3] = value
        with pytest.raises(ValueError, match="x must lie in the box of the observati"):
            model.encode(x)
    assert model(x[:0])[0].shape == (0, 16)
    assert model(x * torch.nan)[0].isnan().all()


def test_counts_have_most() -> None:
    check_limits(
        lambda **n: ImageFlow(**{"side": 4, "levels": 8, "transforms": 1} | n),
        {"side": 128, "transforms": 1000, "classes": 2**20, "levels": 2**16}
        | {"channels": 2**20, "bins": 999},
        levels=2,
        bins=2,
    )
    with pytest.raises(ValueError, match="n must be at most 67,108,864, got"):
        ImageFlow(4, 8, transforms=1).sample(2**26 + 1)
    with pytest.raises(ValueError, match="side must be at least 2, got 1"):
        ImageFlow(1)
