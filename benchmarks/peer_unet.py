"""The U-Net of the book beside a public one of equal size, on digits of 28 by 28.

    python benchmarks/peer_unet.py --seed 0 --seed 1 --seed 2

The peer is ``UNet2DModel`` of diffusers, which may lie in a folder of its own
(``--peer``), filled by ``pip install --no-deps --target FOLDER diffusers``. With widths
of 8, 16 and 28 and one layer a block it has 129,205 weights; ours has 126,820. Labels
enter as the library lets them (``num_class_embeds``). It has no guidance for this
network, so the peer gets ours: an eleventh label stands for none, and takes the place
of a tenth of all labels. All are drawn with the chapter's guidance.

Four are trained in turn, half a second each, ours for half of the seconds of the
others:

- *genbook*: the recipe of the chapter, its rate along the seconds in place of steps;
- *peer*: the library's network, its ``DDPMScheduler`` (1,000 times, linear, asked for
  the noise), the settings of its ``train_unconditional.py`` (16 digits a step, AdamW at
  1e-4 after 500 steps and down along a cosine, betas 0.95 and 0.999, decay 1e-6,
  gradients of norm 1, weights averaged by up to 0.9999), and the 50 steps of its DDIM;
- *peer, our training*: the same diffusion with the batches, the rates and the averages
  of the chapter's recipe;
- *peer, our recipe*: the network alone, inside the chapter's flow matching.

Each draws 400 digits, which the chapter's reader judges: the Fréchet distance in
floors, its ratio to ours, precision, recall, the share read as asked, and the grey
pixels in the share of real ones. The seconds of drawing stand apart. The aim: the same
quality in half the seconds, a ratio of at least 1 in each row.
"""

from __future__ import annotations

import argparse
import copy
import math
import os
import sys
import time
from collections.abc import Callable

os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch
from torch import Tensor, nn
from torch.nn.functional import mse_loss
from unet import Public

from genbook import metrics
from genbook.course.recipes.reading import digit_reader
from genbook.data.digits import load_digits
from genbook.models.diffusion.flow_matching import FlowMatching
from genbook.models.networks.unet import UNet
from genbook.training import one_cycle
from genbook.training.loop import Batches

TURN, GUIDANCE, WIDTHS = 0.5, 1.6, (8, 16, 28)
TIMES, STEPS = 1000, 50  # of the peer: of training, and of drawing
ASKED = torch.arange(400) % 10
seeded = torch.Generator().manual_seed


def public() -> nn.Module:
    """Return the peer's U-Net, asked as a model of a path asks."""
    return Public(WIDTHS)


class Flow(FlowMatching):
    """Flow matching as the chapter's recipe tells it, with ink from 0 to 1."""

    def __init__(self, network: nn.Module) -> None:
        told = {"classes": 10, "prediction": "x0", "times": "uniform", "steps": 6}
        super().__init__((1, 28, 28), network=network, **told)  # type: ignore[arg-type]

    def draw(self, seed: int) -> Tensor:
        """Draw what is asked for."""
        x = self.sample(400, ASKED, guidance=GUIDANCE, generator=seeded(seed))
        return ((x + 1) / 2).clamp(0, 1)


class Diffusion(nn.Module):
    """The peer's diffusion."""

    def __init__(self) -> None:
        super().__init__()
        from diffusers.schedulers import DDPMScheduler

        self.net, self.noiser = public(), DDPMScheduler(num_train_timesteps=TIMES)

    def loss(self, x: Tensor, y: Tensor) -> Tensor:
        """Return the loss of a batch, from -1 to 1."""
        eps, t = torch.randn_like(x), torch.randint(TIMES, (len(x),))
        y = y.masked_fill(torch.rand(len(y)) < 0.1, 10)
        noisy = self.noiser.add_noise(x, eps, t)
        return mse_loss(self.net(noisy, t / TIMES, y), eps)

    @torch.no_grad()
    def draw(self, seed: int) -> Tensor:
        """Draw what is asked for, as the library's pipeline of DDIM does."""
        from diffusers.schedulers import DDIMScheduler

        solver = DDIMScheduler.from_config(self.noiser.config)
        solver.set_timesteps(STEPS)
        x = torch.randn(len(ASKED), 1, 28, 28, generator=seeded(seed))
        none = torch.full_like(ASKED, 10)
        for t in solver.timesteps:
            told, free = (self.net(x, t / TIMES, y) for y in (ASKED, none))
            eps = free + GUIDANCE * (told - free)
            x = solver.step(eps, t, x, eta=0.0).prev_sample
        return ((x + 1) / 2).clamp(0, 1)


class Run:
    """A training that is taken up and left again, with the chapter's settings."""

    rows = 64

    def __init__(self, model: nn.Module, x: Tensor, y: Tensor, seed: int) -> None:
        self.model, self.steps, self.spent = model, 0, 0.0
        self.batch = Batches(2 * x - 1, y, self.rows, seed)
        self.start()

    def start(self) -> None:
        """Set up the optimiser and the average."""
        told = {"lr": 1e-3, "betas": (0.9, 0.99), "weight_decay": 0.0, "fused": True}
        weights = self.model.parameters()
        self.adam: torch.optim.Optimizer = torch.optim.AdamW(weights, **told)  # type: ignore[arg-type]
        self.drawer = copy.deepcopy(self.model)

    def step(self, share: float) -> None:
        """Take one step, at this share of the seconds."""
        for group in self.adam.param_groups:
            group["lr"] = one_cycle(int(9999 * share), 10_000, 5e-3)
        self.learn()
        n = self.steps + 1
        with torch.no_grad():
            torch._foreach_lerp_(
                list(self.drawer.parameters()),
                list(self.model.parameters()),
                1 - min(0.99, n / (n + 9)),
            )

    def learn(self, norm: float | None = None) -> None:
        """Lower the loss of the next batch."""
        loss = self.model.loss(*self.batch(self.steps))  # type: ignore[operator]
        self.adam.zero_grad()
        loss.backward()
        if norm is not None:
            nn.utils.clip_grad_norm_(self.model.parameters(), norm)
        self.adam.step()

    def finished(self) -> nn.Module:
        """Return the model that draws."""
        return self.drawer.eval()

    def turn(self, seconds: float) -> None:
        """Train until the turn is over, or the training is."""
        begin, before = time.process_time(), self.spent
        end = min(before + TURN, seconds)
        while self.spent < end:
            self.step(self.spent / seconds)
            self.steps += 1
            self.spent = before + time.process_time() - begin


class TheirRun(Run):
    """The same, with the settings of the peer's script."""

    rows = 16

    def start(self) -> None:
        from diffusers.training_utils import EMAModel

        weights = list(self.model.parameters())
        self.adam = torch.optim.AdamW(
            weights, lr=1e-4, betas=(0.95, 0.999), weight_decay=1e-6
        )
        self.average = EMAModel(
            weights, decay=0.9999, use_ema_warmup=True, inv_gamma=1.0, power=0.75
        )

    def step(self, share: float) -> None:
        rate = min(1.0, self.steps / 500) * (1 + math.cos(math.pi * share)) / 2
        for group in self.adam.param_groups:
            group["lr"] = 1e-4 * rate
        self.learn(1.0)
        self.average.step(self.model.parameters())

    def finished(self) -> nn.Module:
        self.average.copy_to(self.model.parameters())
        return self.model.eval()


def judge(x: Tensor, y: Tensor) -> Callable[[Tensor], dict[str, float]]:
    """Return what judges drawn digits as the chapter does."""
    reader, test = digit_reader(x, y, steps=300), load_digits("test")
    every = reader.features(test.x)
    told = {"labels": test.y, "generator": seeded(2)}
    far = metrics.frechet_distance
    floor = metrics.noise_floor(every, far, 400, 5, **told).mean  # type: ignore[arg-type]
    real = every[torch.arange(len(every)) // 10 % 2 == 0][:400]

    def grey(x: Tensor) -> float:
        return ((x > 0.15) & (x < 0.85)).float().mean().item()

    def judged(drawn: Tensor) -> dict[str, float]:
        features = reader.features(drawn)
        both = metrics.precision_recall(real, features)
        return {
            "floors": far(features, real) / floor,
            "precision": both.precision,
            "recall": both.recall,
            "read": reader.accuracy(drawn, ASKED),
            "grey": grey(drawn) / grey(test.x),
        }

    return judged


def race(x: Tensor, y: Tensor, seed: int, seconds: float) -> dict[str, Run]:
    """Train all in turn, ours for half as long."""
    makers: dict[str, tuple[type[Run], Callable[[], nn.Module]]] = {
        "genbook": (Run, lambda: Flow(UNet((1, 28, 28), classes=10))),
        "peer": (TheirRun, Diffusion),
        "peer, our training": (Run, Diffusion),
        "peer, our recipe": (Run, lambda: Flow(public())),
    }
    runs = {}
    for name, (kind, make) in makers.items():
        torch.manual_seed(seed)
        runs[name] = kind(make(), x, y, seed)
    limits = {n: seconds / 2 if n == "genbook" else seconds for n in runs}
    torch.manual_seed(seed)
    while any(run.spent < limits[n] for n, run in runs.items()):
        for name, run in runs.items():
            run.turn(limits[name])
    return runs


def main() -> None:
    """Train, draw, judge, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, action="append", help="0 unless told")
    parser.add_argument("--seconds", type=float, default=60.0, help="of the peer")
    parser.add_argument("--peer", help="a folder that holds the peer")
    args = parser.parse_args()
    torch.set_num_threads(1)
    if args.peer:
        sys.path.append(args.peer)
    try:
        public()
    except ImportError as error:
        parser.exit(1, f"without the peer nothing is compared: {error}\n")
    train = load_digits("train")
    judged = judge(train.x, train.y)
    for seed in args.seed or [0]:
        ours = 0.0
        for name, run in race(train.x, train.y, seed, args.seconds).items():
            drawer = run.finished()
            begin = time.process_time()
            drawn = drawer.draw(seed)  # type: ignore[operator]
            drawing = time.process_time() - begin
            found = judged(drawn)
            ours = ours or found["floors"]
            weights = sum(p.numel() for p in run.model.parameters())
            print(
                f"seed {seed}  {name:20}{weights:9,} weights{run.spent:6.1f} s"
                f"{run.steps:6} steps  {drawing:5.1f} s to draw  "
                + "  ".join(f"{k} {v:.2f}" for k, v in found.items())
                + f"  over ours {found['floors'] / ours:.2f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
