"""Linear probes and clusters against scikit-learn and every naming."""

from __future__ import annotations

import itertools
import math
import tracemalloc
from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LinearRegression

from doors import check_function_doors
from genbook.metrics import (
    clustering_accuracy,
    linear_probe_r2,
)
from genbook.metrics.representation import MOST_PAIRS
from seeding import seeded

X = torch.randn(40, 2, generator=seeded(8))


Y = torch.randn(30, 2, generator=seeded(9))


LABELS = torch.arange(4)


NAN = torch.tensor([[0.0, math.nan]])


def test_linear_r2_equals_scikit_learn() -> None:
    g = seeded(0)
    codes = torch.randn(200, 4, generator=g)
    noise = torch.randn(200, 3, generator=g)
    factors = codes[:, :3] * torch.tensor([1.0, 0.5, 0.0]) + noise + 7
    got = linear_probe_r2(codes, factors, held_out=0.25, generator=seeded(5))
    order = torch.randperm(200, generator=seeded(5))
    train, test = order[:150], order[150:]
    oracle = LinearRegression().fit(codes[train], factors[train])
    guess = oracle.predict(codes[test])
    for i in range(3):
        f = factors[test, i].double().numpy()
        r2 = 1 - ((f - guess[:, i]) ** 2).sum() / ((f - f.mean()) ** 2).sum()
        assert got[i].item() == pytest.approx(r2, abs=1e-5)


def test_linear_r2_of_a_line_a_curve_and_noise() -> None:
    g = seeded(0)
    z = torch.randn(4000, 2, generator=g)
    factors = torch.stack(
        [3 * z[:, 0] - z[:, 1] + 5, z[:, 0] ** 2, torch.randn(4000, generator=g)], 1
    )
    codes = torch.cat([z, z[:, :1]], 1)  # a column twice: still one answer
    line, curve, noise = linear_probe_r2(codes, factors, generator=g).tolist()
    assert line == pytest.approx(1, abs=1e-9)
    assert abs(curve) < 0.02
    assert -0.02 < noise < 0.01
    half = linear_probe_r2(
        z[:, :1], z[:, :1] + torch.randn(4000, 1, generator=g), generator=g
    )
    assert half.item() == pytest.approx(0.5, abs=0.06)


@settings(max_examples=50, deadline=None)
@given(
    pairs=st.lists(st.tuples(st.integers(0, 3), st.integers(0, 5)), min_size=1),
)
def test_clustering_accuracy_with_clusters_to_spare(
    pairs: list[tuple[int, int]],
) -> None:
    labels, clusters = torch.tensor(pairs).T
    table = np.zeros((6, 6), dtype=int)
    np.add.at(table, (clusters.numpy(), labels.numpy()), 1)
    namings = np.array(list(itertools.permutations(range(6))))  # (720, 6)
    oracle = table[np.arange(6), namings].sum(1).max() / len(pairs)
    assert clustering_accuracy(labels, clusters) == pytest.approx(oracle)


def test_clustering_accuracy_by_trying_every_naming() -> None:
    g = seeded(0)
    for _ in range(20):
        labels = torch.randint(5, (40,), generator=g)
        clusters = torch.randint(5, (40,), generator=g)
        best = max(
            (torch.tensor(names)[clusters] == labels).double().mean().item()
            for names in itertools.permutations(range(5))
        )
        assert clustering_accuracy(labels, clusters) == pytest.approx(best)


def test_clustering_accuracy_ignores_names() -> None:
    labels = torch.arange(10).repeat(20)
    names = torch.randperm(10, generator=seeded(0))
    assert clustering_accuracy(labels, names[labels]) == 1
    assert clustering_accuracy(labels, torch.zeros_like(labels)) == 0.1


def test_clusters_far_apart_need_no_more_room() -> None:
    """Labels 0 and 60000 are two labels, whatever lies between their numbers."""
    labels = torch.tensor([0, 60_000, 60_000, 0, 2**40])
    clusters = torch.tensor([2**50, 7, 7, 7, 3])
    tracemalloc.start()
    assert clustering_accuracy(labels, clusters) == 0.8
    assert tracemalloc.get_traced_memory()[1] < 1e7
    tracemalloc.stop()


# --- randomness ----------------------------------------------------------------------

RANDOM: dict[str, Callable[[torch.Generator | None], object]] = {
    "r2": lambda g: linear_probe_r2(X, X[:, :1] + X**2, generator=g).tolist(),
}


@pytest.mark.parametrize("name", RANDOM)
def test_a_generator_decides_and_the_global_state_is_untouched(name: str) -> None:
    before = torch.get_rng_state()
    assert RANDOM[name](seeded(1)) == RANDOM[name](seeded(1))
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(5)
    first = RANDOM[name](None)
    torch.manual_seed(5)
    assert RANDOM[name](None) == first


# --- bad input -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: linear_probe_r2(X, Y), ValueError, r"factors must be \(40, f\)"),
        (
            lambda: linear_probe_r2(X[:4], X[:4]),
            ValueError,
            "codes must have more than 2",
        ),
        (
            lambda: linear_probe_r2(X, X, held_out=1.0),
            ValueError,
            "held_out must be between",
        ),
        (
            lambda: linear_probe_r2(X, torch.ones(40, 2)),
            ValueError,
            "column 0 has one value",
        ),
        (lambda: linear_probe_r2(NAN, NAN), ValueError, "codes must be finite"),
        (lambda: clustering_accuracy(X, LABELS), TypeError, "labels must hold integer"),
        (
            lambda: clustering_accuracy(LABELS, LABELS[:3]),
            ValueError,
            r"clusters must be \(4,\), got \(3,\)",
        ),
        (lambda: clustering_accuracy(-LABELS, LABELS), ValueError, "labels must hold"),
        (
            lambda: clustering_accuracy(LABELS[:0], LABELS[:0]),
            ValueError,
            "labels must hold at least one",
        ),
        (
            lambda: clustering_accuracy(torch.arange(6000), torch.arange(6000)),
            ValueError,
            "at most 25,000,000 pairs, got 6,000 labels and 6,000 clusters",
        ),
        (lambda: linear_probe_r2(X, X, held_out="a"), TypeError, "held_out must be a"),
    ],
)
def test_bad_input(
    call: Callable[[], object], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        call()


def test_linear_probe_r_names_what_it_refuses() -> None:
    x = torch.randn(40, 2, generator=seeded(0))
    check_function_doors(
        linear_probe_r2, codes=x, factors=x, held_out=0.5, generator=seeded(1)
    )


@pytest.mark.parametrize(("held_out", "size"), [(0.5, 4), (0.25, 6), (0.75, 2)])
def test_a_share_of_the_rows_is_held_out_and_enough_must_be_left(
    held_out: float, size: int
) -> None:
    x = torch.randn(8, 3, generator=seeded(0))
    fits = [k for k in (1, 2, 3) if size > k and 8 - size >= 2]
    for k in (1, 2, 3):
        codes = x[:, :k]
        if k in fits:
            linear_probe_r2(codes, x[:, :1], held_out=held_out, generator=seeded(1))
        else:
            with pytest.raises(
                ValueError, match=f"more than {k} rows .* got {size} and {8 - size}"
            ):
                linear_probe_r2(codes, x[:, :1], held_out=held_out)
    with pytest.raises(ValueError, match="got 7 and 1"):
        linear_probe_r2(x, x, held_out=0.1)


def test_pairs_of_labels_and_clusters_have_a_limit() -> None:
    for n, fits in ((5000, True), (5001, False)):
        labels, clusters = torch.arange(n), torch.arange(n).clamp(max=4999)
        if fits:
            assert MOST_PAIRS == 5000 * 5000
        else:
            with pytest.raises(ValueError, match="at most 25,000,000 pairs, got 5,001"):
                clustering_accuracy(labels, clusters)
