"""The reader of still lifes: its loss, its answers, and that it learns."""

from __future__ import annotations

import pytest
import torch

from genbook._looking import unseen
from genbook.data.still_life.pictures import sample_still_lifes
from genbook.data.still_life.render import check_scenes
from genbook.discriminative.scenes import SceneReader
from genbook.training import fit, isolated_rng
from seeding import seeded

DATA = sample_still_lifes(200, "all", generator=seeded(0))


def reader() -> SceneReader:
    with isolated_rng(0):
        return SceneReader(4).eval()


def test_the_loss_is_minus_log_probability() -> None:
    one, x, y = reader(), DATA.x[:3], DATA.scenes[:3]
    total = 0.0
    kind, colour, size, cloth, light = (s.log_softmax(-1) for s in one.logits(x))
    parts = {"kind": [], "colour": [], "size": []}
    for i, row in enumerate(y.tolist()):
        total -= (cloth[i, row[9]] + light[i, row[10]]).item() / 3
        for j in range(3):
            k, c, s = row[3 * j : 3 * j + 3]
            parts["kind"].append(kind[i, j, k + 1].item())
            if k >= 0:
                parts["colour"].append(colour[i, j, c].item())
                parts["size"].append(size[i, j, s].item())
    total -= 3 * sum(sum(v) / len(v) for v in parts.values())
    assert one.loss(x, y).item() == pytest.approx(total, rel=1e-5)


def test_it_reads_the_same_of_a_thing_at_every_place() -> None:
    one = reader()
    place = torch.rand(1, 3, 24, 16, generator=seeded(1))
    logits = one.logits(place.repeat(1, 1, 1, 3))[0]
    edge = one.logits(torch.cat([place, place, place.roll(1, 3)], 3))[0]
    assert not torch.allclose(edge[:, 2], logits[:, 2])
    assert torch.allclose(edge[:, 0], logits[:, 0])


def test_accuracy_counts_what_applies() -> None:
    one = reader()
    found = one.read(DATA.x)
    assert one.accuracy(DATA.x, found)["scene"] == 1
    wrong = found.clone()
    wrong[:, 9] = (wrong[:, 9] + 1) % 4
    shares = one.accuracy(DATA.x, wrong)
    assert shares["cloth"] == shares["scene"] == 0
    assert shares["kind"] == shares["light"] == 1


def test_it_learns() -> None:
    one = reader()
    before = one.accuracy(DATA.x, DATA.scenes)
    fit(one, DATA.x, DATA.scenes, steps=60, batch_size=50, lr=5e-3)
    after = one.accuracy(DATA.x, DATA.scenes)
    assert after["light"] > 0.9 > before["light"]
    assert after["kind"] > 0.7


def test_no_scenes_are_refused() -> None:
    with pytest.raises(ValueError, match="y must be the scenes"):
        reader().loss(DATA.x)


def test_what_is_no_picture_and_no_scene_is_named() -> None:
    one, x, y = reader(), DATA.x[:3], DATA.scenes[:3]
    for change, error, message in (
        ({"x": None}, TypeError, r"^x must be a torch.Tensor, got NoneType"),
        ({"x": x[:2]}, ValueError, r"^y must be \(2, 11\), got \(3, 11\)"),
        ({"x": x * torch.nan}, ValueError, r"^x must be finite"),
        ({"y": y.tolist()}, TypeError, r"^y must be a torch.Tensor, got list"),
        ({"y": y.float()}, TypeError, r"^y must hold integer values"),
        ({"y": y[0]}, ValueError, r"^y must be \(n, 11\), got \(11,\)"),
        ({"y": y[:0]}, ValueError, r"^y must be \(3, 11\), got \(0, 11\)"),
        ({"y": y + 9}, ValueError, r"^y must hold kinds .* got numbers out of range"),
    ):
        for ask in (one.loss, one.accuracy):
            with pytest.raises(error, match=message):
                ask(**{"x": x, "y": y} | change)
    with pytest.raises(ValueError, match=r"^x must hold at least one"):
        one.loss(x[:0], y[:0])
    with pytest.raises(TypeError, match=r"^generator must be"):
        one.loss(x, y, generator=3)  # type: ignore[arg-type]
    with unseen():  # shapes alone
        assert check_scenes(y + 9).equal(y + 9)
