"""The PixelCNN of four grey levels beside the one of black and white it replaced.

    python benchmarks/pixelcnn.py --seed 0 --seed 1 --seed 2

The former recipe learned the middle 10 by 10 pixels of the digits in black and white,
and drew by one call of the network for each pixel. Both are run in turn with each seed,
in CPU seconds of training and of drawing 500 digits, and judged twice:

* each by its own kind: its drawings against new real digits of its size and levels;
* both as black and white middles: the new drawings are cut and rounded as the real
  digits were. Nothing is done to the former ones, so the comparison favours them.

Beside each Fréchet distance stands that of 500 real digits from 500 others, the floor.
Judges are readers of real digits of the kind that they judge (``digit_reader``).
"""

from __future__ import annotations

import argparse
import itertools
import os
import time

os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch
from torch import Tensor
from torch.nn.functional import pad

from genbook import metrics
from genbook.course.cached_fit import cached_fit, seeded_init
from genbook.course.recipes.autoregressive import pixelcnn_digits
from genbook.course.recipes.reading import digit_reader
from genbook.data.digits import load_digits
from genbook.models.autoregressive.pixelcnn import PixelCNN

N = 500


def middle(x: Tensor) -> Tensor:
    """Return the middle of images, in black and white."""
    return (x[..., 2:12, 2:12] >= 0.5).float()


def former(x: Tensor, y: Tensor, seed: int) -> PixelCNN:
    """Return the former recipe's model."""
    with seeded_init(seed):
        model = PixelCNN((1, 10, 10), 2, channels=16, depth=5, classes=10)
    options = {"steps": 500, "batch_size": 16, "lr": 2e-2, "seed": seed}
    cached_fit(model, middle(x), y, **options)
    return model


@torch.no_grad()
def draw_by_calls(model: PixelCNN, y: Tensor, seed: int) -> Tensor:
    """Draw black and white images by one call of the network for each pixel."""
    x = torch.zeros(len(y), *model.event_shape)
    u = torch.rand(x.shape, generator=torch.Generator().manual_seed(seed))
    for r in range(x.shape[2]):
        for c in range(x.shape[3]):
            p = model.logits(x[:, :, : r + 1], y)[:, :, r, c].softmax(1)
            x[:, 0, r, c] = (u[:, 0, r, c] < p[:, 1]).float()
    return x


def main() -> None:
    """Train and draw with each seed, and print a row for each model and judge."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, action="append", help="may be repeated")
    seeds = parser.parse_args().seed or [0]
    torch.set_num_threads(1)
    train, test = (load_digits(part, size=14) for part in ("train", "test"))
    asked = torch.arange(10).repeat(N // 10)
    grey, black = digit_reader(train.x, train.y), digit_reader(middle(train.x), train.y)

    def judged(judge, real: Tensor, drawn: Tensor) -> str:
        far = metrics.frechet_distance
        f, g = judge.features(real), judge.features(drawn)
        found, floor = metrics.precision_recall(f[N:], g), far(f[N:], f[:N])
        return (
            f"Fréchet {far(f[N:], g):6.2f} floor {floor:5.2f} "
            f"read {judge.accuracy(drawn, asked):.3f} "
            f"precision {found.precision:.3f} recall {found.recall:.3f} "
            f"coverage {found.coverage:.3f}"
        )

    for seed in seeds:
        clock = [time.process_time()]
        old = former(train.x, train.y, seed)
        clock.append(time.process_time())
        drawn = draw_by_calls(old, asked, seed)
        clock.append(time.process_time())
        new, _ = pixelcnn_digits(train.x[..., 1:13, 1:13], train.y, seed=seed)
        clock.append(time.process_time())
        generator = torch.Generator().manual_seed(seed)
        digits = pad(new.sample(N, asked, generator=generator), (1, 1, 1, 1))
        clock.append(time.process_time())
        a, b, c, d = (t - s for s, t in itertools.pairwise(clock))
        print(f"seed {seed}: former {a:.1f} + {b:.1f} s, new {c:.1f} + {d:.1f} s")
        real, x = new.quantise(test.x), new.quantise(train.x)
        print("  former, its own  ", judged(black, middle(test.x), drawn))
        print("  new, reduced     ", judged(black, middle(test.x), middle(digits)))
        print("  new, its own     ", judged(grey, real, digits))
        print("  new, 256 levels  ", judged(grey, test.x, digits))
        with torch.no_grad():
            inner = real[..., 1:13, 1:13]
            nats = -new.log_prob(inner, test.y).mean() / inner[0].numel()
            before = -old.log_prob(middle(test.x), test.y).mean() / 100
        copies = metrics.nearest_neighbour_memorisation(
            digits, x, real, ratio=0.8, generator=torch.Generator().manual_seed(2)
        )
        print(
            f"  bits a pixel {nats / 0.6931472:.3f} (former {before / 0.6931472:.3f}), "
            f"copies p {copies.p_value:.2f}, counted {copies.counted}",
            flush=True,
        )


if __name__ == "__main__":
    main()
