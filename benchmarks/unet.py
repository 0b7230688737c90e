"""A step of the U-Net through ``fit`` against a bare loop, and a public U-Net.

    python benchmarks/unet.py

All learn the same task, flow matching on images of 28×28 pixels in batches of 64, with
one thread. ``fit`` also averages the weights, sets the rate and looks for NaN; the bare
loop only learns. The public network is ``UNet2DModel`` of diffusers, with widths that
give it about as many weights and convolutions from full resolution on; it is left out
where the library is missing, and may lie in a folder of its own (``--peer``).
Steps are timed in turn in one process (CPU time); the ratios are medians over the
rounds. The aim is at most 1.15 of the bare loop's time.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch
from torch import Tensor, nn

from genbook.models.diffusion.flow_matching import FlowMatching
from genbook.models.networks.unet import UNet

BATCH, AIM, SHAPE = 64, 1.15, (1, 28, 28)
TOLD: dict[str, Any] = {"classes": 10, "prediction": "x0", "times": "uniform"}


class Public(nn.Module):
    """The U-Net of diffusers, asked as a model of a path asks."""

    def __init__(self, widths: tuple[int, ...]) -> None:
        super().__init__()
        from diffusers.models.unets.unet_2d import UNet2DModel

        n = len(widths)
        self.net = UNet2DModel(
            sample_size=28,
            in_channels=1,
            out_channels=1,
            layers_per_block=1,
            block_out_channels=widths,
            down_block_types=("DownBlock2D",) * n,
            up_block_types=("UpBlock2D",) * n,
            add_attention=False,
            norm_num_groups=4,
            num_class_embeds=11,
        )

    def forward(self, x: Tensor, t: Tensor, y: Tensor | None = None) -> Tensor:
        return self.net(x, 1000 * t.expand(len(x)), y).sample


def bare(model: FlowMatching, x: Tensor, y: Tensor, steps: int) -> None:
    """Train without anything around it."""
    adam = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.0, fused=True)
    for k in range(steps):
        rows = slice(k * BATCH % len(x), k * BATCH % len(x) + BATCH)
        loss = model.loss(x[rows], y[rows])
        adam.zero_grad()
        loss.backward()
        adam.step()


def ours(model: FlowMatching, x: Tensor, y: Tensor, steps: int) -> None:
    """Train with the loop of the book, as its recipe does."""
    from genbook.training import fit

    fit(model, x, y, steps=steps, batch_size=BATCH, lr=1e-3, ema=0.99)


def contenders() -> dict[str, tuple[Callable[..., None], Callable[[], nn.Module]]]:
    """Return who takes part: a loop, and what makes its network."""
    mine = {"bare loop": (bare, unet), "fit": (ours, unet)}
    try:
        Public((8, 16, 32))
    except ImportError as error:
        print(f"without diffusers: {error}")
        return mine
    return mine | {
        "diffusers (16, 32)": (bare, lambda: Public((16, 32))),
        "diffusers (8, 16, 32)": (bare, lambda: Public((8, 16, 32))),
    }


def unet() -> nn.Module:
    """Return the U-Net of the book's recipe."""
    return UNet(SHAPE, classes=10)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=9, help="of runs, taken in turn")
    parser.add_argument("--steps", type=int, default=20, help="of a run")
    parser.add_argument("--peer", help="a folder that holds diffusers")
    args = parser.parse_args()
    torch.set_num_threads(1)
    if args.peer:
        sys.path.append(args.peer)
    g = torch.Generator().manual_seed(0)
    x = torch.randn(20 * BATCH, *SHAPE, generator=g)
    y = torch.randint(10, (len(x),), generator=g)
    runs = {}
    for name, (loop, make) in contenders().items():
        model = FlowMatching(SHAPE, network=make(), **TOLD)
        loop(model, x, y, 2)  # imports and caches
        runs[name] = loop, model
    times: dict[str, list[float]] = {name: [] for name in runs}
    for i in range(args.rounds):
        for name in list(runs)[:: 1 if i % 2 else -1]:
            loop, model = runs[name]
            start = time.process_time()
            loop(model, x, y, args.steps)
            times[name].append((time.process_time() - start) / args.steps)
    print(f"{'':24}{'weights':>10}{'a step':>12}{'ratio':>8}   aim {AIM} for fit")
    for name, spent in times.items():
        pairs = zip(spent, times["bare loop"], strict=True)
        ratio = statistics.median(a / b for a, b in pairs)
        weights = sum(p.numel() for p in runs[name][1].parameters())
        step = 1e3 * statistics.median(spent)
        print(f"{name:24}{weights:10,}{step:9.1f} ms{ratio:8.2f}")


if __name__ == "__main__":
    main()
