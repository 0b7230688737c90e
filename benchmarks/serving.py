"""The service under load: batches against one at a time, and a minute at its limit.

    python benchmarks/serving.py

A flow of the plane, a painter of digits and a transformer, untrained, since training
changes no time. For each, answers a second and the time that 99 of 100 stay below, with
32 clients, one at a time and in batches of 16; and the CPU time of an answer, which
depends less on what else the machine does. The aim is five times the answers. Then the
service is held at its limit, 96 clients and a queue of 32, for a minute: only 200, 429
and 503 may come, and the memory after ten seconds and after sixty is compared. With
``--smaller`` a trained painter is made cheaper, in process: in single precision, in
half, with weights of eight bits, and compiled, which needs a C++ compiler; its time and
how far its samples move are printed. ``--only`` leaves out the rest.
"""

from __future__ import annotations

import argparse
import copy
import os
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch
from torch.overrides import TorchFunctionMode

from genbook.course.recipes.flow_matching import flow_matching_digits
from genbook.data.digits import load_digits
from genbook.models.autoregressive.transformer import Transformer
from genbook.models.diffusion.flow_matching import FlowMatching
from genbook.models.flows.flow import Flow
from genbook.practice.serving.load import Load, press
from genbook.practice.serving.noise import Draw, draw_together
from genbook.practice.serving.running import Running, serving
from genbook.training import save

FREE = ("--rate", "1e6", "--burst", "1e6")
NAMES = ("flow", "digits", "words")


def fill(folder: Path) -> None:
    """Write the models."""
    torch.manual_seed(0)
    save(Flow(2, transforms=4), folder / "flow.safetensors")
    digits = FlowMatching((1, 14, 14), prediction="x0", width=512, classes=10, steps=10)
    save(digits, folder / "digits.safetensors")
    save(Transformer(600, 16), folder / "words.safetensors")


def meter(service: Running, name: str) -> float:
    """Return what the service tells of itself."""
    text = service.get("/metrics")[1]
    return float(text.split(f"\n{name} ")[1].split()[0])


def measure(service: Running, name: str, clients: int, seconds: float) -> tuple:
    """Press a service; return what clients saw and the CPU milliseconds an answer."""

    def wish(i: int) -> dict[str, object]:
        label = {"label": i % 10} if name == "digits" else {}
        return {"model": name, "seed": i, **label}

    before = meter(service, "process_cpu_seconds_total")
    load = press(service.port, wish, clients=clients, seconds=seconds)
    used = meter(service, "process_cpu_seconds_total") - before
    return load, 1000 * used / max(load.statuses.get(200, 0), 1)


def line(what: str, load: Load, cpu: float) -> None:
    print(
        f"{what:<28}{load.rate:8.0f} a second   p50 {load.p50:6.1f} ms   "
        f"p99 {load.p99:6.1f} ms   CPU {cpu:6.2f} ms   {load.statuses}",
        flush=True,
    )


def hold(folder: Path, seconds: float) -> None:
    """Hold the service at its limit, and watch its memory."""
    with serving(folder, *FREE, "--queue", "32") as service:
        sizes, statuses, slowest = [], Counter(), 0.0
        for _ in range(6):
            load, cpu = measure(service, "words", 96, seconds / 6)
            sizes.append(meter(service, "process_resident_memory_bytes") / 1e6)
            line("at its limit", load, cpu)
            statuses.update(load.statuses)
            slowest = max(slowest, load.p99)
    print(f"statuses {dict(statuses)}; p99 {slowest:.0f} ms at most in a sixth of it")
    print("memory after each sixth, MB:", ", ".join(f"{s:.1f}" for s in sizes))
    if not statuses.keys() <= {200, 429, 503}:
        raise SystemExit("a status that is none of 200, 429 and 503")


class SameNoise(TorchFunctionMode):
    """Draw in double precision and round: otherwise each precision has other noise."""

    def __torch_function__(
        self, func: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        kwargs = dict(kwargs or {})
        if func is torch.randn:
            dtype = kwargs.pop("dtype", torch.get_default_dtype())
            return func(*args, **kwargs, dtype=torch.float64).to(dtype)
        return func(*args, **kwargs)


def eight_bits(model: FlowMatching) -> FlowMatching:
    """Let the blocks' weights have eight bits; the others are read by name."""
    from torch.ao.quantization import quantize_dynamic

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it moves to another package
        kinds = {torch.nn.Linear}
        model.net.blocks = quantize_dynamic(model.net.blocks, kinds, torch.qint8)
    return model


def compiled(model: FlowMatching) -> FlowMatching:
    """Compile the network of a model."""
    model.net = torch.compile(model.net)
    return model


def smaller() -> None:
    """Compare the painter with itself, made cheaper in several ways."""
    data = load_digits("train", size=14)
    trained, _ = flow_matching_digits(data.x, data.y)
    trained.steps = 10
    trained.eval()

    def painter() -> FlowMatching:
        return copy.deepcopy(trained)

    ways: dict[str, Callable[[], FlowMatching]] = {
        "float64": lambda: painter().double(),
        "float32": painter,
        "bfloat16": lambda: painter().bfloat16(),
        "float32, weights of 8 bits": lambda: eight_bits(painter()),
        "float64, compiled": lambda: compiled(painter().double()),
        "float32, compiled": lambda: compiled(painter()),
    }
    draws, truth = [Draw(1, s, s % 10) for s in range(16)], None
    for name, make in ways.items():
        model, start = make(), time.process_time()
        try:
            with SameNoise():
                x = torch.cat(draw_together(model, draws)).double()
        except Exception as error:  # no compiler, or no such kernel
            print(f"{name:<28}not here: {str(error).splitlines()[0][:90]}")
            continue
        first = time.process_time() - start
        truth = x if truth is None else truth
        took = []
        for _ in range(5):
            start = time.process_time()
            for _ in range(8):
                draw_together(model, draws)
            took.append((time.process_time() - start) / 8 / 16)
        apart = (x - truth).abs()
        print(
            f"{name:<28}{1000 * min(took):6.2f} ms a digit   first batch {first:6.2f} s"
            f"   off by {apart.mean():.1e}, at most {apart.max():.1e}",
            flush=True,
        )


def main() -> None:
    """Measure what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=4.0, help="of each load")
    parser.add_argument("--hold", type=float, default=60.0, help="seconds at the limit")
    parser.add_argument("--smaller", action="store_true", help="a cheaper model, too")
    parser.add_argument(
        "--only", choices=("hold", "smaller"), help="leave out the rest"
    )
    args = parser.parse_args()
    torch.set_num_threads(1)
    if args.smaller or args.only == "smaller":
        smaller()
    if args.only == "smaller":
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        fill(folder)
        if args.only == "hold":
            hold(folder, args.hold)
            return
        found = {}
        for size in (1, 16):
            with serving(folder, *FREE, "--batch", str(size)) as service:
                for model in NAMES:
                    found[model, size] = measure(service, model, 32, args.seconds)
                    line(f"{model}, batches of {size}", *found[model, size])
                    if size > 1:
                        line(f"{model}, alone", *measure(service, model, 1, 2.0))
        for model in NAMES:
            (slow, dear), (fast, cheap) = found[model, 1], found[model, 16]
            print(
                f"{model}: {fast.rate / slow.rate:.1f} times the answers, "
                f"{dear / cheap:.1f} times less CPU time each"
            )
        if args.hold:
            hold(folder, args.hold)


if __name__ == "__main__":
    main()
