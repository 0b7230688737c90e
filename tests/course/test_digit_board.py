"""The digits' board: sizes, verdicts and bits, against sums made by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from genbook.course.digit_board import at_side, judge_digits, pixel_bits
from genbook.data.digits import load_digits
from genbook.discriminative.convolutional import ConvolutionalClassifier


def G(n: int) -> torch.Generator:
    return torch.Generator().manual_seed(n)


@pytest.fixture(scope="module")
def reader() -> ConvolutionalClassifier:
    torch.manual_seed(0)
    return ConvolutionalClassifier((1, 14, 14), 10, width=4, features=6).eval()


@pytest.fixture(scope="module")
def digits() -> Tensor:
    return load_digits("test", size=14).x


def test_smaller_images_are_those_of_the_loader() -> None:
    large, small = (load_digits("test", size=s).x for s in (28, 14))
    assert torch.allclose(at_side(large, 14), small, atol=1e-6)
    assert torch.equal(at_side(small, 14), small)


def test_a_middle_gets_a_border_of_paper() -> None:
    x = 0.5 + 0.5 * torch.rand(3, 1, 10, 10, generator=G(0))
    whole = at_side(x, 14)
    assert torch.equal(whole[:, :, 2:12, 2:12], x)
    assert whole.sum() == pytest.approx(x.sum().item())


@pytest.mark.parametrize(("height", "side"), [(28, 12), (10, 13), (14, 28)])
def test_what_fits_no_size_is_refused(height: int, side: int) -> None:
    x = torch.zeros(2, 1, height, height)
    if (side - height) % 2 == 0 and side > height:
        assert at_side(x, side).shape[-1] == side
    else:
        with pytest.raises(ValueError, match="side must divide"):
            at_side(x, side)


def test_the_verdict_is_what_its_definitions_give(
    reader: ConvolutionalClassifier, digits: Tensor
) -> None:
    real, drawn = digits[:60], 0.7 * digits[100:160]
    asked = torch.arange(60) % 10
    verdict = judge_digits(reader, drawn, real, asked)
    a, b = (reader.features(x).double().numpy() for x in (real, drawn))
    apart = np.linalg.norm(a[:, None] - b, axis=2)
    balls = [np.sort(np.linalg.norm(f[:, None] - f, axis=2), 1)[:, 5] for f in (a, b)]
    among, met = apart <= balls[0][:, None], apart <= balls[1][None]
    assert verdict.precision == pytest.approx(among.any(0).mean())
    assert verdict.recall == pytest.approx(met.any(1).mean())
    assert verdict.coverage == pytest.approx(among.any(1).mean())
    assert verdict.precision != verdict.recall, "else their order is not tested"
    covs = [np.cov(f.T) for f in (a, b)]
    roots = np.sqrt(np.linalg.eigvals(covs[0] @ covs[1]).real.clip(0))
    far = np.sum((a.mean(0) - b.mean(0)) ** 2) + np.trace(sum(covs)) - 2 * roots.sum()
    assert verdict.frechet == pytest.approx(far, rel=1e-3)
    read = (reader.predict(drawn) == asked).double().mean().item()
    assert verdict.read == pytest.approx(read)
    assert judge_digits(reader, drawn, real).read is None


def test_the_same_digits_are_perfect_and_means_are_not(
    reader: ConvolutionalClassifier, digits: Tensor
) -> None:
    real = digits[:100]
    same = judge_digits(reader, real, real)
    assert same.frechet == pytest.approx(0, abs=1e-6)
    assert same.precision == same.recall == same.coverage == 1
    means = judge_digits(reader, digits.mean(0).expand(100, 1, 14, 14), real)
    assert means.recall == 0
    assert means.coverage < 0.3


def test_unlike_sets_are_refused(
    reader: ConvolutionalClassifier, digits: Tensor
) -> None:
    with pytest.raises(ValueError, match="drawn must hold as many digits as real, 50"):
        judge_digits(reader, digits[:40], digits[:50])
    with pytest.raises(ValueError, match="drawn must"):
        judge_digits(reader, digits[:40, :, 2:12, 2:12], digits[:40])


def test_bits_of_a_table_are_counted_by_hand() -> None:
    x, new = (torch.rand(n, 1, 2, 2, generator=G(n)).round(decimals=1) for n in (30, 7))
    y, new_y = torch.arange(30) % 10, torch.arange(7)
    bits = []
    for image, label in zip(new, new_y, strict=True):
        own = x[y == label].flatten(1)
        for j, value in enumerate(image.flatten()):
            level = round(value.item() * 3)
            n = sum(round(v.item() * 3) == level for v in own[:, j])
            bits.append(-math.log2((n + 0.5) / (len(own) + 0.5 * 4)))
    value = pixel_bits(x, y, new, new_y, levels=4, count=0.5)
    assert value == pytest.approx(sum(bits) / len(bits))


def test_bits_approach_the_entropy_of_independent_pixels() -> None:
    p = 0.2 + 0.05 * torch.arange(10)  # of each digit
    y = torch.arange(20_000) % 10
    x, new = (
        torch.bernoulli(p[y].view(-1, 1, 1, 1).expand(-1, 1, 2, 2), generator=G(s))
        for s in (1, 2)
    )
    entropy = -(p * p.log2() + (1 - p) * (1 - p).log2()).mean().item()
    assert pixel_bits(x, y, new, y, levels=2) == pytest.approx(entropy, abs=0.01)
