"""Models come back from files as they went, and nothing else comes with them."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest
import torch

from genbook.models.base import GenerativeModel
from genbook.models.density.gaussian import Gaussian
from genbook.models.density.kernel import KernelDensity
from genbook.models.flows.flow import Flow
from genbook.models.representation.pca import PCA
from genbook.practice.serving.shelf import KINDS, load_models, read_model
from genbook.training import save
from seeding import seeded


def test_a_model_comes_back_with_its_network_and_its_labels(shelf: Path) -> None:
    model = read_model(shelf / "digits.safetensors")
    assert (model.event_shape, model.classes, model.training) == ((1, 8, 8), 10, False)
    assert type(model.net).__name__ == "UNet"


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_what_the_data_filled_comes_back_in_either_type(
    tmp_path: Path, dtype: torch.dtype
) -> None:
    x = torch.randn(30, 2, generator=seeded(0), dtype=dtype)
    for model in (Gaussian(2), KernelDensity(2)):
        model = model.to(dtype).fit(x)
        save(model, tmp_path / "m.safetensors")
        twin = read_model(tmp_path / "m.safetensors")
        assert torch.equal(twin.log_prob(x), model.log_prob(x))
        assert twin.dtype == dtype


def test_reading_draws_no_random_numbers(shelf: Path) -> None:
    before = torch.get_rng_state()
    read_model(shelf / "flow.safetensors")
    assert torch.equal(before, torch.get_rng_state())


def test_every_kind_can_be_drawn_from() -> None:
    assert all(issubclass(kind, GenerativeModel) for kind in KINDS.values())


class Bomb:
    def __reduce__(self):
        return (Path.touch, (Path("exploded"),))


def test_a_pickle_is_refused_and_not_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bomb.safetensors").write_bytes(pickle.dumps(Bomb()))
    with pytest.raises(ValueError, match="damaged or not safetensors"):
        load_models(tmp_path)
    assert not (tmp_path / "exploded").exists()


def test_what_cannot_be_served_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"place must hold a file \*.safetensors"):
        load_models(tmp_path)
    with pytest.raises(FileNotFoundError, match="there is no file or folder"):
        load_models(tmp_path / "nowhere")
    save(PCA((4,), components=2), tmp_path / "pca.safetensors")
    with pytest.raises(ValueError, match=r"can be served, .* holds a PCA; those are"):
        load_models(tmp_path)
    save(Flow(2, transforms=1), tmp_path / "a b.safetensors")
    (tmp_path / "pca.safetensors").unlink()
    with pytest.raises(ValueError, match="must be up to 64 letters, digits, - and _"):
        load_models(tmp_path)
    save(Flow(2, transforms=1), tmp_path / "flow.pt")
    with pytest.raises(ValueError, match=r"place must be a file \*.safetensors"):
        load_models(tmp_path / "flow.pt")


def test_a_folder_gives_names_and_what_each_can_do(offers) -> None:
    assert list(offers) == ["digits", "flow", "words"]
    assert all(offer.batched and offer.has_log_prob for offer in offers.values())
    assert [name for name, offer in offers.items() if offer.tokens] == ["words"]
    assert offers["flow"].model.dtype == torch.float64
