"""Look places up on the land of the Earth: sample space and support.

Every latitude and longitude is a point of the sample space; only places on land can be
observations of the world map. The script answers for two places, or for yours.

Chapter: book/foundations/probability.md
"""

from __future__ import annotations

import torch

from genbook.cli import example_parser
from genbook.course import plotting
from genbook.data.world import WorldMap

PLACES = [(40.7306, -73.9352), (11.3493, 142.1996)]  # New York; the western Pacific


def main() -> None:
    """Look the places up, measure the support, and draw the map."""
    parser = example_parser(__doc__)
    parser.add_argument(
        "--place",
        nargs=2,
        type=float,
        action="append",
        metavar=("LAT", "LON"),
        help="degrees north and east; may be given again",
    )
    args = parser.parse_args()
    places = [tuple(place) for place in args.place or PLACES]
    earth = WorldMap()
    try:
        answers = [earth.is_land(lat, lon) for lat, lon in places]
    except ValueError as error:
        parser.error(str(error))

    for (lat, lon), land in zip(places, answers, strict=True):
        print(f"{lat:9.4f} {lon:9.4f}   {'land' if land else 'sea'}")
    generator = torch.Generator().manual_seed(args.seed)
    n = 10_000 if args.fast else 1_000_000
    anywhere = 2 * torch.rand(n, 2, generator=generator) - 1
    share = earth.on_land(anywhere).double().mean().item()
    print(f"support: {earth.land_area / 4:.4f} of the sample space, exactly")
    print(f"         {share:.4f} of {n:,} random places")

    args.out.mkdir(parents=True, exist_ok=True)
    plotting.setup()
    fig, ax = plotting.subplots(height=3.5)
    plotting.world_axes(ax).set_facecolor(plotting.SEA)
    plotting.draw_land(ax, earth.rings)
    for (lat, lon), land in zip(places, answers, strict=True):
        at = earth.to_map(lat, lon)[0].tolist()
        style = ("o", plotting.DATA) if land else ("X", plotting.BAD)
        ax.plot(*at, style[0], color=style[1], markersize=7)
    fig.savefig(args.out / "places.png")
    print(f"Figure: {args.out}/places.png")


if __name__ == "__main__":
    main()
