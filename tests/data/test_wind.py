"""Wind: what was extracted, what is left out, and how bins are spread."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from scipy import stats

from genbook.data._files import FOLDER, read_arrays
from genbook.data.wind import KNOT, SHA256, SITES, load_wind
from seeding import seeded

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def script() -> ModuleType:
    path = ROOT / "tools" / "make_wind.py"
    spec = importlib.util.spec_from_file_location("make_wind", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_script_reads_tmy3(script: ModuleType, tmp_path: Path) -> None:
    path = tmp_path / "station.csv"
    path.write_text(
        '723170,"GREENSBORO, NC",NC,-5.0,36.100,-79.950,273\n'
        "Time (HH:MM),Wdir (degrees),Wdir source,Wspd (m/s),Wspd source\n"
        "01:00,200,A,6.2,A\n02:00,0,A,0.0,A\n03:00,360,B,2.1,A\n04:00,10,A,1.5,E\n"
    )
    direction, tenths, measured = script.extract(path)
    assert direction.tolist() == [200, 0, 360, 10]
    assert tenths.tolist() == [62, 0, 21, 15]
    assert measured.tolist() == [True, True, False, False]


@pytest.mark.parametrize("site", SITES)
def test_the_committed_file_is_a_year_of_hours(site: str, script: ModuleType) -> None:
    assert tuple(script.SOURCES) == SITES
    arrays = read_arrays(FOLDER / "wind.npz", SHA256)
    direction, speed = arrays[f"{site}/direction"], arrays[f"{site}/speed"]
    assert len(direction) == len(speed) == len(arrays[f"{site}/measured"]) == 8760
    assert direction.min() == 0
    assert direction.max() == 360
    assert not np.any(direction % 10)
    assert speed.min() == 0
    assert np.all(direction[speed == 0] == 0)  # a calm has no direction


@pytest.mark.parametrize(
    ("site", "hours", "calm"), [("greensboro", 8674, 1050), ("sand-point", 5836, 501)]
)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_hours_are_calm_or_windy(
    site: str, hours: int, calm: int, dtype: torch.dtype
) -> None:
    wind = load_wind(site, dtype=dtype)
    assert (wind.site, wind.hours, wind.calm_hours) == (site, hours, calm)
    assert wind.speed.shape == wind.direction.shape == (hours - calm,)
    assert wind.speed.dtype == wind.direction.dtype == dtype
    assert (wind.speed > 0).all()
    assert ((wind.direction >= 0) & (wind.direction < 360)).all()
    assert (wind.direction % 10 == 0).all()


def test_speeds_are_metres_a_second() -> None:
    """Means and modes as pandas finds them in the source files."""
    greensboro = load_wind("greensboro", dtype=torch.float64)
    assert greensboro.speed.mean().item() == pytest.approx(3.485283315844702, rel=1e-12)
    sand_point = load_wind("sand-point", dtype=torch.float64)
    assert sand_point.speed.mean().item() == pytest.approx(5.743542642924087, rel=1e-12)
    assert sand_point.speed.max().item() == pytest.approx(23.7)
    assert sand_point.speed.mode().values.item() == pytest.approx(3.6)
    assert sand_point.direction.mode().values.item() == 340


@pytest.mark.parametrize("site", SITES)
def test_most_speeds_are_whole_knots(site: str) -> None:
    knots = load_wind(site, dtype=torch.float64).speed / KNOT
    whole = (knots - knots.round()).abs() < 0.25  # rounded to tenths twice over
    assert whole.double().mean() > 0.97


@pytest.mark.parametrize("site", SITES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_dequantised_stays_within_half_a_bin(site: str, dtype: torch.dtype) -> None:
    wind = load_wind(site, dtype=dtype)
    spread = wind.dequantised(seeded())
    assert spread.shape == (len(wind.speed), 2)
    assert spread.dtype == dtype
    assert (spread[:, 0] >= 0).all()
    assert ((spread[:, 1] >= 0) & (spread[:, 1] < 360)).all()
    turn = (spread[:, 1] - wind.direction + 180) % 360 - 180
    assert turn.abs().max() <= 5 + 1e-4
    shift = spread[:, 0] - wind.speed
    slow = wind.speed < KNOT / 2
    assert shift[~slow].abs().max() <= KNOT / 2 + 1e-5
    assert stats.kstest(turn.numpy() / 10 + 0.5, "uniform").pvalue > 1e-3
    assert stats.kstest(shift[~slow].numpy() / KNOT + 0.5, "uniform").pvalue > 1e-3
    assert len(spread.unique(dim=0)) == len(spread)  # no atoms left


def test_north_wraps_around() -> None:
    wind = load_wind("sand-point")
    north = wind.dequantised(seeded())[wind.direction == 0, 1]
    assert (north < 5).any()
    assert (north > 355).any()


def test_generator_decides_and_nothing_else_moves() -> None:
    wind = load_wind("sand-point")
    before, speed = torch.get_rng_state(), wind.speed.clone()
    first = wind.dequantised(seeded(1))
    assert torch.equal(first, wind.dequantised(seeded(1)))
    assert not torch.equal(first, wind.dequantised(seeded(2)))
    assert torch.equal(before, torch.get_rng_state())
    assert torch.equal(speed, wind.speed)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (("boston",), ValueError, "site must be one of greensboro, sand-point, got"),
        ((3,), TypeError, "site must be a string, got int 3"),
    ],
)
def test_bad_site(arguments: tuple, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        load_wind(*arguments)


def test_bad_types() -> None:
    with pytest.raises(TypeError, match="dtype must be"):
        load_wind("greensboro", dtype=torch.float16)
    with pytest.raises(TypeError, match=r"generator must be a torch\.Generator"):
        load_wind("greensboro").dequantised(0)  # type: ignore[arg-type]
