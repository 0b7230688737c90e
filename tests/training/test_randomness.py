"""The global random state is lent, and comes back as it was."""

from __future__ import annotations

import pytest
import torch

from genbook.training import isolated_rng
from genbook.training.randomness import exact_cudnn
from seeding import seeded


def draws(device: str = "cpu") -> list[float]:
    return torch.rand(3, device=device).tolist()


def test_draws_follow_from_the_seed() -> None:
    drawn = []
    for seed in (5, 5, 6):
        with isolated_rng(seed):
            drawn.append(draws())
    assert drawn[0] == drawn[1] != drawn[2]
    assert drawn[0] == torch.rand(3, generator=torch.manual_seed(5)).tolist()


def test_the_global_state_comes_back_even_after_an_error() -> None:
    def broken() -> None:
        with isolated_rng(1):
            draws()
            raise KeyError

    before = torch.get_rng_state()
    with pytest.raises(KeyError):
        broken()
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("seed", [-1, 2**63])
def test_other_seeds_are_refused(seed: int) -> None:
    with pytest.raises(ValueError, match="seed must be at"), isolated_rng(seed):
        pass


def test_one_may_stand_in_another() -> None:
    with isolated_rng(1):
        straight = [draws(), draws()]
    with isolated_rng(1):
        first = draws()
        with isolated_rng(2):
            draws()
        assert [first, draws()] == straight


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_the_state_of_a_device_is_lent_too() -> None:
    before = torch.cuda.get_rng_state()
    drawn = []
    for _ in range(2):
        with isolated_rng(3, torch.device("cuda")):
            drawn.append(draws("cuda"))
    assert drawn[0] == drawn[1]
    assert torch.equal(torch.cuda.get_rng_state(), before)


@pytest.mark.parametrize("before", [False, True])
def test_convolutions_are_exact_for_a_while(
    before: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.backends.cudnn, "deterministic", before)

    def broken() -> None:
        with exact_cudnn():
            assert torch.backends.cudnn.deterministic
            raise KeyError

    with pytest.raises(KeyError):
        broken()
    assert torch.backends.cudnn.deterministic == before


def test_a_processor_is_no_device_of_its_own() -> None:
    with isolated_rng(5, torch.device("cpu")):
        assert draws() == torch.rand(3, generator=seeded(5)).tolist()
    named = pytest.raises(TypeError, match="device must be of the type device")
    with named, isolated_rng(5, "cpu"):  # type: ignore[arg-type]
        pass
