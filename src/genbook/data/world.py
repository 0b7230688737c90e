"""Points on land: p_data is uniform over the land of the Earth in an equal-area map.

A point is ``x = (longitude / 180, sin latitude)``, so the whole Earth is the square
[-1, 1]² and equal areas on the sphere are equal areas on the map. The land is that of
Natural Earth at 1:110m, made by ``tools/make_world.py``; between two vertices the coast
is straight on this map. The density is one over the area of the land, and zero at sea.
"""

from __future__ import annotations

import math
from numbers import Real
from typing import ClassVar, overload

import numpy as np
import torch
from torch import Tensor

from genbook._validate import check_tensor
from genbook.data._continents import _REGIONS, _project
from genbook.data._files import FOLDER, read_arrays
from genbook.data._polygons import Polygons
from genbook.data.base import KnownDensity

SHA256 = "c06fc7249422b172b0852e26df79e91991cdecb393a2dfd4b8b863b4a2e8beff"

CONTINENTS: tuple[str, ...] = (
    "Africa",
    "Antarctica",
    "Asia",
    "Europe",
    "North America",
    "Oceania",
    "South America",
)


class WorldMap(KnownDensity):
    r"""The uniform density over the land of the Earth, on an equal-area map.

    .. math::
        p(\mathbf x) = \frac{\mathbb 1[\mathbf x \in \text{land}]}{A},
        \qquad H = \log A

    with :math:`A` the area of the land, of the 4 units of the square.

    Attributes:
        rings: The coasts in map coordinates, closed rings ``(n, 2)``, float64. A
            point is on land when it lies inside an odd number of them (the Caspian
            Sea is a ring within a ring).
        land_area: The exact area inside the rings, about 1.15 of 4.

    Raises:
        FileNotFoundError: If the package's ``world.npz`` is missing.
        ValueError: If it is corrupt.

    Reference:
        Natural Earth, 1:110m physical vectors, land, version 4.1.0 (public domain),
        https://www.naturalearthdata.com.

    Example:
        >>> world = WorldMap()
        >>> x = world.sample(3, generator=torch.Generator().manual_seed(0))
        >>> x.shape, bool(world.on_land(x).all())
        (torch.Size([3, 2]), True)
        >>> world.is_land(40.7306, -73.9352), world.is_land(11.3493, 142.1996)
        (True, False)
    """

    CONTINENTS: ClassVar[tuple[str, ...]] = CONTINENTS
    name = "world map"
    event_shape = (2,)

    def __init__(self) -> None:
        arrays = read_arrays(FOLDER / "world.npz", SHA256)
        vertices = arrays["vertices"].astype(np.float64)
        self.rings: list[np.ndarray] = np.split(vertices, arrays["starts"][1:-1])
        self._land = Polygons(self.rings)
        self._regions = {
            name: Polygons([_project([*outline, outline[0]]) for outline in outlines])
            for name, outlines in _REGIONS.items()
        }
        self.land_area = self._land.area
        self.low = torch.tensor([-1.0, -1.0], dtype=torch.float32)
        self.high = torch.tensor([1.0, 1.0], dtype=torch.float32)

    @property
    def entropy(self) -> float:
        """The entropy in nats: the logarithm of the land's area, exactly."""
        return math.log(self.land_area)

    def _draw(
        self, n: int, generator: torch.Generator | None, dtype: torch.dtype
    ) -> Tensor:
        """Draw points uniformly over the square, and keep those on land."""
        kept = [torch.empty(0, 2, dtype=dtype)]
        missing = n
        while missing > 0:
            tries = 64 + math.ceil(1.1 * missing * 4 / self.land_area)
            x = 2 * torch.rand(tries, 2, generator=generator, dtype=torch.float64) - 1
            x = x.to(dtype)
            kept.append(x[self.on_land(x)][:missing])
            missing -= len(kept[-1])
        return torch.cat(kept)

    def log_prob(self, x: Tensor) -> Tensor:
        """Return the log density, minus the entropy on land and ``-inf`` at sea.

        Args:
            x: Map coordinates, ``(n, 2)``; outside the square is not land.

        Returns:
            Nats per unit area of the map, ``(n,)``.

        Raises:
            TypeError: If ``x`` is not a floating-point tensor.
            ValueError: If it has another shape, is empty, or is not finite.

        Example:
            >>> world = WorldMap()
            >>> new_york_and_sea = torch.tensor([[-0.4108, 0.6525], [0.79, 0.1968]])
            >>> (world.log_prob(new_york_and_sea) + world.entropy).tolist()
            [0.0, -inf]
        """
        land = self.on_land(x)
        inside = torch.full_like(x[:, 0], -self.entropy)
        return inside.masked_fill(~land, -torch.inf)

    def on_land(self, x: Tensor) -> Tensor:
        """Return whether each point lies on land.

        Args:
            x: Map coordinates, ``(n, 2)``.

        Returns:
            A boolean ``(n,)``.

        Raises:
            TypeError: If ``x`` is not a floating-point tensor.
            ValueError: If it has another shape, is empty, or is not finite.

        Example:
            >>> WorldMap().on_land(torch.tensor([[0.0, 0.0], [0.1, 0.1]]))
            tensor([False,  True])
        """
        check_tensor(x, "x", ("n", 2))
        return torch.from_numpy(self._land.contains(_points(x))).to(x.device)

    def on_support(self, x: Tensor) -> Tensor:
        """Return whether each point lies on land, as ``on_land`` does."""
        return self.on_land(x)

    @overload
    def is_land(self, lat: float, lon: float) -> bool: ...
    @overload
    def is_land(self, lat: Tensor, lon: Tensor) -> Tensor: ...
    def is_land(self, lat: float | Tensor, lon: float | Tensor) -> bool | Tensor:
        """Return whether places on the Earth are land.

        Args:
            lat: Degrees north, from -90 to 90: a number or ``(n,)``.
            lon: Degrees east, from -180 to 180: a number or ``(n,)``.

        Returns:
            A boolean for two numbers, a boolean tensor ``(n,)`` for two tensors.

        Raises:
            TypeError: If an argument is not a number or a floating-point tensor.
            ValueError: If one is out of range, not finite, or their shapes differ.

        Example:
            >>> WorldMap().is_land(-22.91, -43.17)  # Rio de Janeiro
            True
        """
        numbers = not isinstance(lat, Tensor) and not isinstance(lon, Tensor)
        land = self.on_land(self.to_map(lat, lon))
        return bool(land) if numbers else land

    def continent(self, x: Tensor) -> Tensor:
        """Return the continent of each point, an index into ``CONTINENTS``.

        Europe ends at the Urals, the Ural River and the Caucasus; Africa at Suez;
        South America at Darién. Greenland is North America's, Iceland Europe's,
        New Guinea and Hawaii Oceania's, Kerguelen Africa's.

        Args:
            x: Map coordinates, ``(n, 2)``.

        Returns:
            Integers ``(n,)``, -1 at sea.

        Raises:
            TypeError: If ``x`` is not a floating-point tensor.
            ValueError: If it has another shape, is empty, or is not finite.

        Example:
            >>> world = WorldMap()
            >>> cairo = world.to_map(30.04, 31.24)
            >>> CONTINENTS[world.continent(cairo).item()]
            'Africa'
        """
        land = self.on_land(x).cpu().numpy()
        points = _points(x)[land]
        index = np.full(len(points), CONTINENTS.index("Asia"))
        for name, region in self._regions.items():
            index[region.contains(points)] = CONTINENTS.index(name)
        answer = np.full(len(land), -1)
        answer[land] = index
        return torch.from_numpy(answer).to(x.device, torch.long)

    @staticmethod
    def to_map(lat: float | Tensor, lon: float | Tensor) -> Tensor:
        """Return map coordinates of places on the Earth.

        Args:
            lat: Degrees north, from -90 to 90: a number or ``(n,)``.
            lon: Degrees east, from -180 to 180: a number or ``(n,)``.

        Returns:
            ``(longitude / 180, sin latitude)``, ``(n, 2)``, of the tensors' type;
            two numbers give float64, ``(1, 2)``.

        Raises:
            TypeError: If an argument is not a number or a floating-point tensor.
            ValueError: If one is out of range, not finite, or their shapes differ.

        Example:
            >>> WorldMap.to_map(30.0, 90.0)
            tensor([[0.5000, 0.5000]], dtype=torch.float64)
        """
        lat, lon = _degrees(lat, "lat", 90), _degrees(lon, "lon", 180)
        if lat.shape != lon.shape:
            raise ValueError(
                f"lat and lon must be equally long, got {len(lat)} and {len(lon)}"
            )
        return torch.stack([lon / 180, torch.sin(torch.deg2rad(lat))], dim=1)

    @staticmethod
    def to_degrees(x: Tensor) -> tuple[Tensor, Tensor]:
        """Return the latitude and longitude of points of the map.

        Near the poles a float32 latitude is only good to 0.03°.

        Args:
            x: Map coordinates within the square, ``(n, 2)``.

        Returns:
            Degrees north and degrees east, each ``(n,)``.

        Raises:
            TypeError: If ``x`` is not a floating-point tensor.
            ValueError: If it has another shape, is empty, or leaves the square.

        Example:
            >>> lat, lon = WorldMap.to_degrees(torch.tensor([[0.5, 0.5]]))
            >>> round(lat.item(), 3), lon.item()
            (30.0, 90.0)
        """
        check_tensor(x, "x", ("n", 2))
        outside = int((x.abs() > 1).any(dim=1).sum())
        if outside:
            raise ValueError(
                f"x must lie within the map's square [-1, 1]², got {outside} of "
                f"{len(x)} points outside"
            )
        return torch.rad2deg(torch.asin(x[:, 1])), 180 * x[:, 0]


def _points(x: Tensor) -> np.ndarray:
    """Return points as float64, with 180° east said as 180° west, the same meridian."""
    points = x.detach().cpu().numpy().astype(np.float64)
    points[points[:, 0] == 1, 0] = -1
    return points


def _degrees(value: float | Tensor, name: str, limit: int) -> Tensor:
    """Return an angle as a checked tensor ``(n,)``."""
    if isinstance(value, Tensor):
        angle = value
    elif isinstance(value, Real) and not isinstance(value, bool):
        angle = torch.tensor([float(value)], dtype=torch.float64)
    else:
        got = type(value).__name__
        raise TypeError(f"{name} must be a number or a tensor, got {got} {value!r}")
    check_tensor(angle, name, ("n",))
    if angle.abs().max() > limit:
        worst = angle[angle.abs().argmax()].item()
        raise ValueError(
            f"{name} must be within -{limit} to {limit} degrees, got {worst:g}"
        )
    return angle
