"""Draw the picture of the README: data, a model's density, and what it makes up.

``python tools/make_readme_picture.py`` writes ``book/_static/readme.png``.
"""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl
import torch

from genbook.course import plotting
from genbook.data.world import WorldMap
from genbook.models.density.mixture import GaussianMixture

TARGET = Path(__file__).parents[1] / "book" / "_static" / "readme.png"


def main() -> None:
    mpl.use("Agg")
    plotting.setup()
    g = torch.Generator().manual_seed(0)
    world = WorldMap()
    x = world.sample(20_000, generator=g)
    model = GaussianMixture(dim=2, components=64).fit(x, generator=g)
    fig, axes = plotting.subplots(1, 3, height=1.5)
    mpl.rcParams["savefig.dpi"] = 200
    plotting.show_points(axes[0], x[:1500], size=1.6)
    plotting.show_density(axes[1], model, world.low, world.high, resolution=300)
    plotting.show_points(axes[2], model.sample(1500, generator=g), "model", size=1.2)
    for ax, title in zip(axes, ("data", "model", "new"), strict=True):
        plotting.world_axes(ax, labels=False)
        ax.set_title(title)
        ax.tick_params(length=0)
    fig.savefig(TARGET, bbox_inches="tight", metadata={"Software": None})
    print(f"wrote {TARGET.name}, {TARGET.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
