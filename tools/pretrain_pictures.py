"""Train the model that draws still lifes, its autoencoder and its judge.

``python tools/pretrain.py pictures --out DIR --device cuda`` calls this. Processes
draw the pictures first; then the judge, the autoencoder and the flow are trained one
after the other, and the judge says how often all that a caption asks for is there. The
model is also written after the first quarter of the flow's training.
"""

from __future__ import annotations

import argparse
import os
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any

import numpy as np
import torch
from torch import Tensor

from genbook.course.cached_fit import seeded_init
from genbook.course.pretrained import load_pretrained, save_pretrained
from genbook.data.still_life.pictures import (
    LENGTH,
    StillLifes,
    caption_words,
    sample_still_lifes,
)
from genbook.data.still_life.scenes import shares_right
from genbook.discriminative.scenes import SceneReader
from genbook.models.diffusion.text_to_image import TextToImage
from genbook.training import fit

SHARD = 8000  # pictures that one process draws from one seed
PROCESSES = 8
MODEL: dict[str, Any] = {
    "words_width": 96,
    "words_blocks": 2,
    "width": 104,
    "depth": 4,
    "draws": 4,
}
OPTIONS: dict[str, Any] = {
    "lr": 2e-3,
    "betas": (0.9, 0.99),
    "weight_decay": 0.01,
    "grad_clip": 1.0,
    "ema": 0.999,
}
NAME, JUDGE = "still-life-pictures", "still-life-reader"
GUIDANCE = (1.0, 1.5, 2.0, 3.0)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what the command line may say of pictures."""
    parser.add_argument("--pictures", type=int, default=400_000)
    parser.add_argument("--seconds", type=float, default=150.0, help="for the flow")
    parser.add_argument("--batch", type=int, default=512)
    parser.add_argument("--judged", type=int, default=3000, help="to measure on")


def pictures(args: argparse.Namespace, machine: str) -> None:
    """Train the judge, the autoencoder and the flow; measure, and write."""
    began, device = time.perf_counter(), args.device
    torch.set_float32_matmul_precision("high")  # on a GPU that can, three times faster

    def say(text: str) -> None:
        print(f"[{time.perf_counter() - began:4.0f} s] {text}", flush=True)

    x, y = all_pictures(args.pictures, args.seed)
    say(f"{len(x)} pictures")
    few = min(24_000, args.pictures)
    judge = train_judge(few, device, args.steps, args.seed)
    seen = sample_still_lifes(2000, "all", generator=seeded(5))
    accuracy = judge.accuracy(seen.x, seen.scenes)
    say(f"judge on new renderings: {accuracy}")
    card = {"model": "a reader of still lifes", "evaluation": accuracy}
    save_pretrained(judge, card | {"machine": machine}, JUDGE, args.out)
    judge = load_pretrained(JUDGE, args.out).model
    model = new_model(args.seed)
    train_code(model, x, device, args.steps, args.seed)
    model = model.to(device)
    z = codes(model, x, device)
    again = model.code.decode(model.code.encode(seen.x.to(device))).cpu()
    accuracy |= {"scene after the code": judge.accuracy(again, seen.scenes)["scene"]}
    say(f"autoencoder: {accuracy['scene after the code']:.4f} of scenes survive")
    y = y.to(device)
    steps = args.steps or steps_for(args, model, z, y)
    say(f"the flow takes {steps} steps of {args.batch} captions")
    card = {
        "model": "flow matching of place-wise codes with cross-attention to words",
        "parameters": sum(p.numel() for p in model.parameters()),
        "pictures": len(x),
        "data": "genbook.data.still_life, region 'seen'",
        "recipe": "tools/pretrain.py pictures",
        "seed": args.seed,
        "batch": args.batch,
        "options": {k: str(v) for k, v in OPTIONS.items()},
        "machine": machine,
        "first losses on a CPU": first_losses(args.seed),
        "limits": "draws these still lifes alone, 48 by 24 pixels",
    }
    done = 0
    for part in (max(steps // 4, 1), steps - steps // 4):
        history = train_flow(model, z, y, args, part)
        done += part
        loss = sum(history.loss[-100:]) / len(history.loss[-100:])
        say(f"{done} steps, loss {loss:.4f}")
        now = {**card, "steps": done, "seconds": round(time.perf_counter() - began)}
        save_pretrained(model, now, NAME, args.out)
        written = load_pretrained(NAME, args.out).model.to(device)
        now["evaluation"] = measured(written, judge, args.judged)
        now["judge"] = accuracy
        say(str(now["evaluation"]))
        path = save_pretrained(model, now, NAME, args.out)
    say(f"{path}, {path.stat().st_size:,} bytes")


def seeded(seed: int) -> torch.Generator:
    """Return a generator that starts from a seed."""
    return torch.Generator().manual_seed(seed)


def new_model(seed: int) -> TextToImage:
    """Return the model with its first weights."""
    with seeded_init(seed):
        return TextToImage(len(caption_words()), LENGTH, **MODEL)


def shard(seed: int, n: int = SHARD) -> tuple[np.ndarray, np.ndarray]:
    """Return pictures, as bytes, and captions of one seed.

    As arrays, since tensors would go from process to process by shared memory, of which
    a container may have little.
    """
    torch.set_num_threads(1)
    data = sample_still_lifes(n, generator=seeded(seed))
    return (data.x * 255).round().byte().numpy(), data.y.numpy()


def all_pictures(n: int, seed: int) -> tuple[Tensor, Tensor]:
    """Return pictures, as bytes, and captions, drawn by several processes."""
    first = 100_000 * (seed + 1)
    if n <= SHARD:
        x, y = shard(first, n)
        return torch.from_numpy(x), torch.from_numpy(y)
    numbers = range(first, first + -(-n // SHARD))
    workers = min(len(numbers), os.cpu_count() or 1, PROCESSES)
    with ProcessPoolExecutor(workers, get_context("spawn")) as pool:
        parts = [*pool.map(shard, numbers)]
    x, y = (np.concatenate(part) for part in zip(*parts, strict=True))
    return torch.from_numpy(x), torch.from_numpy(y)


def train_judge(n: int, device: str, steps: int | None, seed: int) -> SceneReader:
    """Return a reader trained on pictures that the model never sees."""
    data = sample_still_lifes(n, "all", generator=seeded(3))
    with seeded_init(seed):
        judge = SceneReader(16).to(device)
    x, scenes = data.x.to(device), data.scenes.to(device)
    steps = min(steps or 1500, 1500)
    options = {"batch_size": 64, "lr": 3e-3, "weight_decay": 0.05, "seed": seed}
    fit(judge, x, scenes, steps=steps, **options)
    return judge.cpu()


def train_code(
    model: TextToImage, x: Tensor, device: str, steps: int | None, seed: int
) -> None:
    """Train the autoencoder of a model."""
    some = x[:100_000].to(device).float() / 255
    code = model.code.to(device)
    code.fit_components(some[:6000])
    options = {"batch_size": 256, "lr": 2e-3, "betas": (0.9, 0.99), "seed": seed}
    fit(code, some, steps=min(steps or 5000, 5000), weight_decay=0.01, **options)


@torch.no_grad()
def codes(model: TextToImage, x: Tensor, device: str) -> Tensor:
    """Return the codes of pictures given as bytes."""
    parts = (part.to(device).float() / 255 for part in x.split(4000))
    return torch.cat([model.code.encode(part) for part in parts])


def train_flow(
    model: TextToImage, z: Tensor, y: Tensor, args: argparse.Namespace, steps: int
) -> Any:
    """Train the flow of a model for some steps."""
    options = OPTIONS | {"batch_size": args.batch, "seed": args.seed}
    capture = args.device != "cpu"
    try:
        return fit(model.flow, z, y, steps=steps, capture=capture, **options)
    except RuntimeError as error:
        print(f"no step could be recorded: {error}", flush=True)
        return fit(model.flow, z, y, steps=steps, **options)


def steps_for(
    args: argparse.Namespace, model: TextToImage, z: Tensor, y: Tensor
) -> int:
    """Return how many steps fill the seconds, after a trial that leaves no trace."""
    before = {k: v.clone() for k, v in model.state_dict().items()}
    few = 200 if args.device != "cpu" else 5
    train_flow(model, z, y, args, few)  # the first recording takes its time
    start = time.perf_counter()
    train_flow(model, z, y, args, few)
    rate = (time.perf_counter() - start) / few
    model.load_state_dict(before)
    return max(int(args.seconds / rate), 8)


def first_losses(seed: int, steps: int = 5) -> list[float]:
    """Return the first losses of the flow on a CPU, on codes of pixels' noise."""
    model = new_model(seed)
    data = sample_still_lifes(200, generator=seeded(100_000 * (seed + 1)))
    z = torch.randn(len(data), *model.code.latent_shape, generator=seeded(seed))
    options = OPTIONS | {"batch_size": 50, "seed": seed}
    history = fit(model.flow, z, data.y, steps=steps, **options)
    return [round(v, 5) for v in history.loss]


def measured(model: TextToImage, judge: SceneReader, n: int) -> dict[str, Any]:
    """Return how often what captions ask for is there, by the guidance that is best.

    The guidance is chosen on captions of their own.
    """
    chosen = sample_still_lifes(max(n // 4, 1), generator=seeded(6))
    by = {w: rightly(model, judge, chosen, w)["all"] for w in GUIDANCE}
    best = max(by, key=lambda w: by[w])
    seen = sample_still_lifes(n, generator=seeded(7))
    held = sample_still_lifes(max(n // 4, 1), "held out", generator=seeded(8))
    return {
        "guidance": best,
        "all right by guidance": by,
        "seen": rightly(model, judge, seen, best),
        "held out": rightly(model, judge, held, best),
        "captions": n,
    }


def rightly(
    model: TextToImage, judge: SceneReader, data: StillLifes, guidance: float
) -> dict[str, float]:
    """Return which shares of what captions ask for the judge finds in pictures."""
    noise = torch.Generator(model.device).manual_seed(9)
    y = data.y.to(model.device)
    x = model.sample(len(y), y, guidance=guidance, steps=16, generator=noise)
    found = shares_right(judge.read(x.cpu()), data.meanings)
    return {k: round(v, 4) for k, v in found.items()}
