"""Lines that part the continents, in degrees, and their place on the map."""

from __future__ import annotations

import numpy as np

# Lines that part the continents, as (longitude, latitude) in degrees. They cross land
# at the Urals and the Ural River, on the crest of the Caucasus, at Suez and at Darién.
_MEDITERRANEAN = [  # Europe | Africa: Gibraltar, Sicily, south of Crete
    (-32, 36), (-5.6, 35.85), (0, 36.7), (9, 38.2), (11.8, 37.2), (12, 35.5),
    (20, 34), (27.5, 34.2),
]  # fmt: skip

_URALS = [  # Europe | Asia: Aegean, Bosporus, Black Sea, Caucasus, Caspian, Urals
    (27, 36.2), (25.6, 37.5), (25.6, 39.5), (26.3, 39.9), (27.23, 40.55), (28.8, 40.8),
    (29.04, 41.15), (29.3, 41.6), (34, 43.5), (37.8, 44.3), (39, 44.3), (40, 43.9),
    (42.4, 43.35), (44.5, 42.7), (46, 42), (47.8, 41.25), (48.8, 41), (49.6, 40.8),
    (50.5, 40.6), (49, 43.5), (50, 45.8), (51.8, 46.7), (51.5, 49), (51.3, 51.2),
    (55.1, 51.75), (58.4, 51.2), (59, 53.4), (59.5, 55), (59.2, 57), (59.3, 60),
    (59.5, 62), (60.5, 65), (66, 67.5), (66.3, 69.2), (65.5, 70.3), (66, 73),
    (70.5, 76), (70.5, 90),
]  # fmt: skip

_SUEZ = [  # Africa | Asia: the canal, the Red Sea, Bab-el-Mandeb, the Gulf of Aden
    (32.3, 31.4), (32.37, 29.81), (32.9, 28.6), (33.45, 27.9), (34.3, 27), (36.2, 24),
    (38.2, 20.5), (41.2, 15.5), (43.4, 12.5), (45, 11.8), (51.5, 13), (60, 13),
]  # fmt: skip

_ATLANTIC = [  # Europe | North America: Denmark Strait leaves Iceland to Europe
    (-10, 90), (-10, 72), (-26, 67), (-32, 60), (-32, 36),
]  # fmt: skip

_DARIEN = [  # North America | South America: Trinidad stays with South America
    (-110, 5), (-83, 5), (-78.3, 6.9), (-77.9, 7.2), (-77.4, 8.6), (-77.2, 9.2),
    (-75.5, 12), (-71.5, 13.2), (-63, 12), (-60, 11.5), (-40, 15),
]  # fmt: skip

_REGIONS: dict[str, list[list[tuple[float, float]]]] = {  # what is in none is Asia
    "Africa": [
        [*_MEDITERRANEAN, *_SUEZ, (60, 0), (75, -20), (75, -60), (-28, -60), (-28, 15)]
    ],
    "Antarctica": [[(-180, -90), (180, -90), (180, -60), (-180, -60)]],
    "Europe": [[*_MEDITERRANEAN, *_URALS, *_ATLANTIC]],
    "North America": [
        # Bering Strait; Saint Lawrence Island is Alaska's
        [*_DARIEN, *_ATLANTIC[::-1], (-169, 90), (-169, 64.05), (-173, 64.05),
         (-175, 63), (-170, 50), (-140, 25)]
    ],
    "Oceania": [
        # all of New Guinea, and Aru; the Moluccas and Timor are Asia's; Hawaii
        [(180, 25), (140, 20), (130, 5), (129.6, -0.5), (129.6, -2.2), (131.2, -2.4),
         (131.4, -4.5), (131, -8), (127.8, -9), (125, -11.2), (120, -12), (110, -13),
         (100, -15), (100, -60), (180, -60)],
        [(-180, -60), (-180, 25), (-150, 30), (-140, 25), (-130, 0), (-120, -60)],
    ],
    "South America": [[*_DARIEN, (-28, 15), (-28, -60), (-120, -60)]],
}  # fmt: skip


def _project(outline: list[tuple[float, float]]) -> np.ndarray:
    """Return an outline in degrees as map coordinates, ``(n, 2)``."""
    lon, lat = np.array(outline, dtype=np.float64).T
    return np.stack([lon / 180, np.sin(np.radians(lat))], axis=1)
