"""The service under load: batches against one at a time, and a minute at its limit.

    python benchmarks/serving.py

A flow of the plane, a painter of digits and a transformer, untrained, since training
changes no time. For each, answers a second and the time that 99 of 100 stay below, with
32 clients, one at a time and in batches of 16; and the CPU time of an answer, which
depends less on what else the machine does. The aim is five times the answers. Then the
service is held at its limit, 96 clients and a queue of 32, for a minute: only 200, 429
and 503 may come, and memory must stay flat. With ``--compile`` the model is compiled,
in process, and its time compared; that needs a C++ compiler.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch

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
        measure(service, "words", 96, 2.0)  # what is made once is made
        sizes = []
        for _ in range(6):
            load, cpu = measure(service, "words", 96, seconds / 6)
            sizes.append(meter(service, "process_resident_memory_bytes") / 1e6)
            line("at its limit", load, cpu)
        print("memory, MB:", ", ".join(f"{s:.0f}" for s in sizes))


def compiled() -> None:
    """Compare the painter with itself after ``torch.compile``."""
    model = FlowMatching((1, 14, 14), prediction="x0", width=512, classes=10, steps=10)
    model = model.double().eval()
    draws = [Draw(1, s, s % 10) for s in range(16)]
    for name in ("as it is", "compiled"):
        if name == "compiled":
            model.net = torch.compile(model.net)
        start = time.process_time()
        draw_together(model, draws)
        first, start = time.process_time() - start, time.process_time()
        for _ in range(20):
            draw_together(model, draws)
        each = (time.process_time() - start) / 20 / 16
        print(f"{name:<12}first batch {first:6.2f} s, then {1000 * each:.2f} ms each")


def main() -> None:
    """Measure what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=4.0, help="of each load")
    parser.add_argument("--hold", type=float, default=60.0, help="seconds at the limit")
    parser.add_argument("--compile", action="store_true", help="torch.compile, too")
    args = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        fill(folder)
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
    if args.compile:
        compiled()


if __name__ == "__main__":
    main()
