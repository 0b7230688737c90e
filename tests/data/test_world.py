"""The world map: its file, its land, its area, its continents, its samples."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import math
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from genbook.data._files import FOLDER, read_arrays
from genbook.data.world import CONTINENTS, SHA256, WorldMap
from seeding import seeded

ROOT = Path(__file__).parents[2]
SOURCE = Path(__file__).parent / "land-110m.json"
DOUBLE = torch.float64


@pytest.fixture(scope="module")
def world() -> WorldMap:
    return WorldMap()


@pytest.fixture(scope="module")
def script() -> ModuleType:
    path = ROOT / "tools" / "make_world.py"
    spec = importlib.util.spec_from_file_location("make_world", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


# The file


def test_the_script_makes_the_committed_file(script: ModuleType) -> None:
    source = SOURCE.read_bytes()
    assert hashlib.sha256(source).hexdigest() == script.SOURCE_SHA256
    made, committed = script.make(SOURCE), read_arrays(FOLDER / "world.npz", SHA256)
    assert made.keys() == committed.keys()
    for name in made:
        assert np.array_equal(made[name], committed[name])
        assert made[name].dtype == committed[name].dtype


def test_decoding_equals_a_walk_along_the_arcs(script: ModuleType) -> None:
    """Rings decoded one step at a time, in exact integers."""
    topology = json.loads(SOURCE.read_text())
    (sx, sy), (tx, ty) = topology["transform"].values()
    rings = []
    for polygon in topology["objects"]["land"]["geometries"][0]["arcs"]:
        for indices in polygon:
            ring: list[tuple[int, int]] = []
            for index in indices:
                x = y = 0
                walk = []
                for dx, dy in topology["arcs"][index if index >= 0 else -1 - index]:
                    x, y = x + dx, y + dy
                    walk.append((x, y))
                walk = walk if index >= 0 else walk[::-1]
                assert not ring or ring[-1] == walk[0]
                ring += walk[1:] if ring else walk
            assert ring[0] == ring[-1]
            rings.append([(x * sx + tx, y * sy + ty) for x, y in ring])
    decoded = script.decode(SOURCE)
    assert len(decoded) == 126
    assert sum(map(len, decoded)) == 5123
    for ours, theirs in zip(decoded, rings, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-9)


def test_rings_are_closed_and_seamless(world: WorldMap) -> None:
    long_edges = 0
    for ring in world.rings:
        assert np.array_equal(ring[0], ring[-1])
        assert np.abs(ring).max() <= 1
        assert np.array_equal(ring, ring.astype(np.float32))  # exact in both types
        long_edges += int((np.abs(np.diff(ring[:, 0])) > 0.2).sum())
    assert long_edges == 1  # along the South Pole
    assert len(world.rings) == 128


# Land and sea


def even_odd(rings: list[np.ndarray], x: np.ndarray) -> np.ndarray:
    inside = np.zeros(len(x), dtype=bool)
    for ring in rings:
        for (x0, y0), (x1, y1) in pairwise(ring):
            if y0 == y1:
                continue
            if y0 > y1:
                x0, y0, x1, y1 = x1, y1, x0, y0
            beside = (y0 <= x[:, 1]) & (x[:, 1] < y1)
            inside ^= beside & (x[:, 0] < x0 + (x[:, 1] - y0) * ((x1 - x0) / (y1 - y0)))
    return inside


def test_on_land_equals_the_slow_rule(world: WorldMap) -> None:
    rng = np.random.default_rng(0)
    vertices = np.concatenate(world.rings)
    chance = rng.uniform(-1, 1, vertices.shape)
    near = vertices + rng.normal(0, 1e-4, vertices.shape)
    x = np.concatenate(
        [
            rng.uniform(-1, 1, (10_000, 2)),
            np.clip(near, -1, 1),
            np.stack([chance[:, 0], vertices[:, 1]], 1),  # rays through vertices
            np.stack([vertices[:, 0], chance[:, 1]], 1),
            vertices,
        ]
    )
    x = x[x[:, 0] < 1]  # x = 1 is said as x = -1, tested below
    ours = world.on_land(torch.from_numpy(x)).numpy()
    assert np.array_equal(ours, even_odd(world.rings, x))


def test_near_the_coast_equals_exact_arithmetic(world: WorldMap) -> None:
    """Fractions, the sign of a cross product, and rays to the left."""
    rng = np.random.default_rng(1)
    edges = np.concatenate([np.hstack([r[:-1], r[1:]]) for r in world.rings])
    chosen = edges[rng.integers(0, len(edges), 300)]
    share = rng.uniform(0, 1, (300, 1))
    points = chosen[:, :2] * share + chosen[:, 2:] * (1 - share)
    points = np.clip(points + rng.normal(0, 1e-9, points.shape), -1, 1 - 1e-12)
    ours = world.on_land(torch.from_numpy(points)).tolist()
    for (px, py), land in zip(points, ours, strict=True):
        low, high = np.minimum(edges[:, 1], edges[:, 3]), edges[:, [1, 3]].max(1)
        crossings, x, y = 0, Fraction(float(px)), Fraction(float(py))
        for edge in edges[(low <= py) & (py < high)]:
            x0, y0, x1, y1 = (Fraction(float(v)) for v in edge)
            if y0 > y1:
                x0, y0, x1, y1 = x1, y1, x0, y0
            crossings += (x1 - x0) * (y - y0) - (y1 - y0) * (x - x0) <= 0
        assert land == (crossings % 2 == 1)


def test_known_places(world: WorldMap) -> None:
    assert world.is_land(40.7306, -73.9352) is True  # New York
    assert world.is_land(11.3493, 142.1996) is False  # the Challenger Deep
    assert world.is_land(42.0, 50.5) is False  # the Caspian Sea
    assert world.is_land(0.0, 0.0) is False
    assert world.is_land(-90.0, 0.0) is True
    assert world.is_land(-90.0, 180.0) is True
    assert world.is_land(90.0, 0.0) is False
    assert world.is_land(67.0, 100.0) is True  # Siberia, level with the seams
    assert world.is_land(67.0, 0.0) is False  # the Norwegian Sea, likewise


def test_the_antimeridian_is_one_line(world: WorldMap) -> None:
    """East and west of it is the same place: Chukotka, Wrangel, Fiji, Antarctica."""
    lat = torch.linspace(-90, 90, 20_001, dtype=DOUBLE)
    east = world.is_land(lat, torch.full_like(lat, 180.0))
    west = world.is_land(lat, torch.full_like(lat, -180.0))
    assert torch.equal(east, west)
    assert east[(lat > 65.1) & (lat < 68.8)].all()
    assert east[lat < -84.8].all()
    just_east = world.is_land(lat, torch.full_like(lat, 180 - 1e-9))
    assert (just_east == west).double().mean() > 0.999
    assert world.is_land(71.1, 179.5)
    assert world.is_land(71.1, -179.0)


def test_outside_the_square_is_sea(world: WorldMap) -> None:
    x = torch.tensor([[-1.2, 0.0], [0.1, 1.01], [0.1, -1.01], [9.0, 9.0]])
    assert not world.on_land(x).any()


@pytest.mark.parametrize("dtype", [torch.float32, DOUBLE])
def test_log_prob(world: WorldMap, dtype: torch.dtype) -> None:
    x = world.sample(500, generator=seeded(), dtype=dtype)
    log_p = world.log_prob(x)
    assert log_p.dtype == dtype
    assert log_p.shape == (500,)
    torch.testing.assert_close(log_p, torch.full_like(log_p, -world.entropy))
    sea = torch.tensor([[0.0, 0.0], [3.0, 0.0]], dtype=dtype)
    assert world.log_prob(sea).tolist() == [-math.inf, -math.inf]
    assert not world.on_support(sea).any()
    assert world.on_support(x).all()


# Area


def test_area_by_shoelace(world: WorldMap) -> None:
    """Coasts do not cross, so signed areas add up, the Caspian's with a minus."""
    total = sum(
        np.sum(r[1:, 0] * r[:-1, 1] - r[:-1, 0] * r[1:, 1]) / 2 for r in world.rings
    )
    assert world.land_area == pytest.approx(total, abs=1e-12)


def test_area_on_a_grid(world: WorldMap) -> None:
    ticks = (torch.arange(1200, dtype=DOUBLE) + 0.5) / 600 - 1
    share = world.on_land(torch.cartesian_prod(ticks, ticks)).double().mean()
    assert world.land_area == pytest.approx(4 * share.item(), abs=1e-3)
    assert world.entropy == math.log(world.land_area)


PUBLISHED = {  # millions of square kilometres, UN and US geological figures, rounded
    "Africa": 30.3,
    "Antarctica": 12.3,  # without the ice shelves, which float: 14.2 with them
    "Asia": 44.6,
    "Europe": 10.2,
    "North America": 24.7,
    "Oceania": 8.9,  # with all of New Guinea
    "South America": 17.8,
}


def test_areas_of_continents(world: WorldMap) -> None:
    ticks = (torch.arange(600, dtype=DOUBLE) + 0.5) / 300 - 1
    x = torch.cartesian_prod(ticks, ticks)
    continent = world.continent(x)
    assert torch.equal(continent >= 0, world.on_land(x))
    earth = 4 * math.pi * 6.371**2
    for index, name in enumerate(CONTINENTS):
        area = (continent == index).double().mean().item() * earth
        assert area == pytest.approx(PUBLISHED[name], rel=0.04), name
    total = world.land_area / 4 * earth
    assert total == pytest.approx(sum(PUBLISHED.values()), rel=0.02)


# Continents

PLACES = {
    "Africa": [
        ("Cairo", 30.04, 31.24), ("Lagos", 6.6, 3.4), ("Nairobi", -1.29, 36.82),
        ("Cape Town", -33.6, 18.8), ("Antananarivo", -18.9, 47.5), ("Tunis", 36.6, 9.9),
        ("Marrakesh", 31.63, -8.0), ("Djibouti", 11.5, 42.7),
    ],
    "Antarctica": [("South Pole", -90.0, 0.0), ("Vostok", -78.46, 106.84)],
    "Asia": [
        ("Beijing", 39.9, 116.4), ("Delhi", 28.6, 77.2), ("Tokyo", 35.8, 139.5),
        ("Riyadh", 24.7, 46.7), ("Ankara", 39.93, 32.86), ("Tbilisi", 41.7, 44.8),
        ("Yekaterinburg", 56.84, 60.6), ("Anadyr", 64.8, 177.0), ("Sinai", 29.0, 34.0),
        ("Chukotka", 66.0, -173.0), ("Java", -7.3, 110.0), ("Bursa", 40.0, 29.1),
        ("Wrangel Island", 71.1, 179.9), ("Nicosia", 35.0, 33.2),
    ],
    "Europe": [
        ("Paris", 48.85, 2.35), ("Moscow", 55.75, 37.62), ("Madrid", 40.4, -3.7),
        ("Reykjavik", 64.2, -20.9), ("Athens", 38.2, 23.7), ("Perm", 58.0, 56.25),
        ("Edirne", 41.6, 26.8), ("Palermo", 37.7, 14.0), ("Svalbard", 78.9, 16.0),
        ("Tarifa", 36.4, -5.6), ("Crete", 35.2, 25.0), ("Stavropol", 45.0, 42.0),
    ],
    "North America": [
        ("New York", 40.7306, -73.9352), ("Mexico City", 19.43, -99.13),
        ("Anchorage", 61.3, -149.5), ("Nuuk", 65.0, -50.0), ("Panama", 8.6, -80.0),
        ("Havana", 22.9, -82.3), ("Saint Lawrence Island", 63.4, -170.2),
    ],
    "Oceania": [
        ("Canberra", -35.3, 149.1), ("Auckland", -37.2, 175.0), ("Perth", -31.9, 116.2),
        ("Jayapura", -3.5, 139.5), ("Hilo", 19.6, -155.4), ("Fiji", -17.8, 178.0),
        ("Sorong", -1.0, 132.5),
    ],
    "South America": [
        ("Rio de Janeiro", -22.6, -43.4), ("Bogota", 4.7, -74.1), ("Lima", -12, -76.8),
        ("Ushuaia", -54.4, -68.0), ("Recife", -8.0, -35.2), ("Falklands", -51.8, -59.5),
        ("Quibdo", 5.7, -76.7),
    ],
}  # fmt: skip


@pytest.mark.parametrize("name", CONTINENTS)
def test_places_of_continents(world: WorldMap, name: str) -> None:
    places, lat, lon = zip(*PLACES[name], strict=True)
    x = world.to_map(torch.tensor(lat, dtype=DOUBLE), torch.tensor(lon, dtype=DOUBLE))
    found = [CONTINENTS[i] if i >= 0 else "sea" for i in world.continent(x).tolist()]
    assert dict(zip(places, found, strict=True)) == dict.fromkeys(places, name)


def test_continents_part_only_where_documented(world: WorldMap) -> None:
    """Along each coast the continent changes at Suez, the Urals and Darién only."""
    changes = {}
    for number, ring in enumerate(world.rings):
        inner = np.abs(ring[:, 0]) < 1  # vertices on the seam have no own side
        coast = ring[inner]
        regions = world._regions.items()
        index = np.full(len(coast), CONTINENTS.index("Asia"))
        for name, region in regions:
            index[region.contains(coast)] = CONTINENTS.index(name)
        index = np.append(index, index[:1])
        if (np.diff(index) != 0).any():
            changes[number] = int((np.diff(index) != 0).sum())
    # mainland: Suez twice, Caucasus, Kara Sea; the Caspian; Darién
    assert sorted(changes.values()) == [2, 2, 4]


def test_regions_do_not_overlap(world: WorldMap) -> None:
    x = np.random.default_rng(0).uniform(-1, 1, (20_000, 2))
    counts = sum(region.contains(x).astype(int) for region in world._regions.values())
    assert np.max(counts) == 1


def test_continent_of_the_sea(world: WorldMap) -> None:
    x = torch.tensor([[0.0, 0.0], [0.1, 0.1]])
    continent = world.continent(x)
    assert continent.dtype == torch.long
    assert continent.tolist() == [-1, CONTINENTS.index("Africa")]
    assert WorldMap.CONTINENTS is CONTINENTS


# Samples


def test_samples_are_uniform_over_the_land(world: WorldMap) -> None:
    x = world.sample(20_000, generator=seeded(3), dtype=DOUBLE)
    assert world.on_land(x).all()
    ticks = (torch.arange(1600, dtype=DOUBLE) + 0.5) / 800 - 1
    grid = torch.cartesian_prod(ticks, ticks)
    grid = grid[world.on_land(grid)]

    def counts(points: torch.Tensor) -> np.ndarray:
        edges = np.linspace(-1, 1, 13)
        return np.histogram2d(*points.numpy().T, bins=(edges, edges))[0].ravel()

    expected = counts(grid) * len(x) / len(grid)
    observed = counts(x)
    rare = expected < 10
    assert observed[rare].sum() < 200
    observed = np.append(observed[~rare], observed[rare].sum())
    expected = np.append(expected[~rare], expected[rare].sum())
    assert stats.chisquare(observed, expected).pvalue > 1e-3


def test_float32_and_float64_draw_the_same_points(world: WorldMap) -> None:
    single = world.sample(2000, generator=seeded())
    double = world.sample(2000, generator=seeded(), dtype=DOUBLE)
    assert single.dtype == torch.float32
    assert double.dtype == DOUBLE
    torch.testing.assert_close(single.double(), double, rtol=0, atol=1e-7)
    assert world.on_land(single).all()


def test_generator_decides_and_nothing_else_moves(world: WorldMap) -> None:
    before = torch.get_rng_state()
    first = world.sample(100, generator=seeded(5))
    assert torch.equal(first, world.sample(100, generator=seeded(5)))
    assert not torch.equal(first, world.sample(100, generator=seeded(6)))
    assert torch.equal(before, torch.get_rng_state())
    torch.manual_seed(1)
    drawn = world.sample(100)
    torch.manual_seed(1)
    assert torch.equal(drawn, world.sample(100))


@pytest.mark.parametrize("n", [0, 1, 7])
def test_any_number_of_samples(world: WorldMap, n: int) -> None:
    assert world.sample(n, generator=seeded()).shape == (n, 2)


def test_attributes(world: WorldMap) -> None:
    assert world.event_shape == (2,)
    assert world.name == "world map"
    assert world.low.tolist() == [-1, -1]
    assert world.high.tolist() == [1, 1]


# Degrees


@settings(max_examples=200, deadline=None)
@given(st.floats(-90, 90), st.floats(-180, 180))
def test_to_map_and_back(lat: float, lon: float) -> None:
    x = WorldMap.to_map(lat, lon)
    assert x.dtype == DOUBLE
    assert (x.abs() <= 1).all()
    back_lat, back_lon = WorldMap.to_degrees(x)
    # near a pole the sine is flat: a rounding of 1e-16 there is 1e-6 degrees
    slack = 1e-9 if abs(lat) < 89.9 else 2e-6
    assert back_lat.item() == pytest.approx(lat, abs=slack)
    assert back_lon.item() == pytest.approx(lon, abs=1e-12)


@settings(max_examples=100, deadline=None)
@given(st.floats(-1, 1, width=32), st.floats(-1, 1, width=32))
def test_to_degrees_and_back(x: float, y: float) -> None:
    for dtype, slack in ((DOUBLE, 1e-14), (torch.float32, 3e-7)):
        point = torch.tensor([[x, y]], dtype=dtype)
        lat, lon = WorldMap.to_degrees(point)
        again = WorldMap.to_map(lat, lon)
        assert again.dtype == dtype
        torch.testing.assert_close(again, point, rtol=0, atol=slack)


def test_is_land_takes_tensors(world: WorldMap) -> None:
    lat = torch.tensor([40.7306, 11.3493])
    lon = torch.tensor([-73.9352, 142.1996])
    assert world.is_land(lat, lon).tolist() == [True, False]


# Bad input

BAD_POINTS = [
    (torch.zeros(2, 500), ValueError, r"x must be \(n, 2\), got \(2, 500\)"),
    (torch.zeros(2), ValueError, r"x must be \(n, 2\), got \(2,\)"),
    (torch.zeros(0, 2), ValueError, "at least one observation"),
    (torch.tensor([[math.nan, 0.0]]), ValueError, "x must be finite"),
    (torch.tensor([[0.0, math.inf]]), ValueError, "x must be finite"),
    (torch.zeros(3, 2, dtype=torch.long), TypeError, "x must be floating point"),
    ([[0.0, 0.0]], TypeError, r"x must be a torch\.Tensor"),
]


@pytest.mark.parametrize(
    "method", ["log_prob", "on_land", "on_support", "continent", "to_degrees"]
)
@pytest.mark.parametrize(("x", "error", "message"), BAD_POINTS)
def test_bad_points(
    world: WorldMap, method: str, x: object, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        getattr(world, method)(x)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"n": -1}, ValueError, "n must be at least 0, got -1"),
        ({"n": 2.5}, TypeError, "n must be an integer"),
        ({"n": 3, "generator": 0}, TypeError, r"generator must be a torch\.Generator"),
        ({"n": 3, "dtype": torch.float16}, TypeError, "dtype must be"),
    ],
)
def test_bad_sample(
    world: WorldMap, arguments: dict, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        world.sample(**arguments)


@pytest.mark.parametrize(
    ("lat", "lon", "error", "message"),
    [
        (91.0, 0.0, ValueError, "lat must be within -90 to 90 degrees, got 91"),
        (0.0, -200.0, ValueError, "lon must be within -180 to 180 degrees, got -200"),
        (math.nan, 0.0, ValueError, "lat must be finite"),
        ("40", 0.0, TypeError, "lat must be a number or a tensor, got str '40'"),
        (True, 0.0, TypeError, "lat must be a number or a tensor, got bool True"),
        (torch.zeros(2), torch.zeros(3), ValueError, "equally long, got 2 and 3"),
        (torch.zeros(2, 1), torch.zeros(2), ValueError, r"lat must be \(n,\)"),
    ],
)
def test_bad_degrees(
    world: WorldMap, lat: object, lon: object, error: type[Exception], message: str
) -> None:
    for method in (world.to_map, world.is_land):
        with pytest.raises(error, match=message):
            method(lat, lon)  # type: ignore[call-overload]


def test_to_degrees_refuses_points_off_the_map(world: WorldMap) -> None:
    with pytest.raises(ValueError, match=r"\[-1, 1\]², got 1 of 2 points outside"):
        world.to_degrees(torch.tensor([[0.0, 0.0], [0.0, 1.5]]))
