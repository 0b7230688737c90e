"""Serve a model, ask it over HTTP, treat it badly, kill it, and ask it again.

The script starts ``genbook serve`` in a process of its own on this machine, draws
samples for a seed, sends nonsense, lets many clients ask at once with batches and
without, and compares the samples before and after a kill.

Chapter: book/practice/serving.md
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import torch

from genbook.cli import example_parser
from genbook.course import plotting
from genbook.course.recipes import world_data
from genbook.course.recipes.flows import spline_world
from genbook.practice.serving.load import press
from genbook.practice.serving.running import serving
from genbook.training import save

FREE = ("--rate", "1e6", "--burst", "1e6")


def main() -> None:
    """Train, serve, ask, press, kill, and ask again."""
    args = example_parser(__doc__).parse_args()
    world = world_data()
    short = {"steps": 20} if args.fast else {}
    model, _ = spline_world(world.x, seed=args.seed, **short)
    wish = {"model": "map", "n": 64, "seed": args.seed}
    seconds = 0.5 if args.fast else 3.0

    def one(i: int) -> dict[str, object]:
        return {"model": "map", "seed": i}

    with tempfile.TemporaryDirectory() as folder:
        save(model, Path(folder) / "map.safetensors")
        with serving(folder, *FREE) as service:
            status, answer = service.post("/v1/samples", wish)
            print(f"status {status}, {len(answer['samples'])} samples")
            for wrong in ({"model": "moon"}, wish | {"n": 10**9}, wish | {"seed": 0.5}):
                status, problem = service.post("/v1/samples", wrong)
                print(f"status {status}: {problem['error']}")
            fast = press(service.port, one, seconds=seconds)
            service.kill()
            service.start()
            again = service.post("/v1/samples", wish)[1]
        if not args.fast:
            with serving(folder, *FREE, "--batch", "1") as single:
                slow = press(single.port, one, seconds=seconds)
            print(f"one at a time, an answer takes {1 / slow.rate:.4f} s")
    print(f"the same after a kill: {again['samples'] == answer['samples']}")
    print(f"statuses under load: {list(fast.statuses)}")
    print(f"in batches, an answer takes {1 / fast.rate:.4f} s")

    args.out.mkdir(parents=True, exist_ok=True)
    plotting.setup()
    fig, ax = plotting.subplots(height=3.6)
    plotting.draw_land(plotting.world_axes(ax), world.p_data.rings)
    plotting.show_points(ax, torch.tensor(answer["samples"]), source="model")
    fig.savefig(args.out / "samples.png")
    print(f"Figure: {args.out}/samples.png")


if __name__ == "__main__":
    main()
