"""What a run in a file must hold, or nothing of it is put back."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from genbook.training._average import Average
from genbook.training.loop import TrainState


def what_is_wrong(
    parts: dict[str, dict[str, Tensor]],
    progress: Any,
    state: TrainState,
    average: Average | None,
) -> list[str]:
    """Say what of the parts of a run is missing or does not fit."""
    return [
        *_wrong_moments(by_weight(parts["optimiser"]), state.optimiser),
        *_wrong_last(parts["last"], [] if average is None else average.weights),
        *_wrong_history(parts["history"], progress, state.steps),
        *_wrong_random(parts["random"], state.generator.device),
    ]


def by_weight(tensors: dict[str, Tensor]) -> dict[Any, dict[str, Tensor]]:
    """Return the state of the optimiser by parameter: ``3.exp_avg`` under 3."""
    moments: dict[Any, dict[str, Tensor]] = {}
    for name, t in tensors.items():
        index, _, key = name.partition(".")
        moments.setdefault(int(index) if index.isdecimal() else index, {})[key] = t
    return moments


def _wrong_moments(
    moments: dict[Any, dict[str, Tensor]], optimiser: torch.optim.Optimizer
) -> list[str]:
    """Say what of Adam's state does not fit its weights."""
    weights = [p for group in optimiser.param_groups for p in group["params"]]
    wrong = []
    for i, found in moments.items():
        if i not in range(len(weights)):
            wrong.append(f"optimiser.{i} is unknown")
            continue
        p = weights[i]
        step = found.get("step", torch.zeros(()))
        wanted = {
            "step": (step.dtype if step.is_floating_point() else float, torch.Size()),
            "exp_avg": (p.dtype, p.shape),
            "exp_avg_sq": (p.dtype, p.shape),
        }
        got = {key: (t.dtype, t.shape) for key, t in found.items()}
        wrong += [
            f"optimiser.{i}.{key} is {got.get(key)} there and {wanted.get(key)} here"
            for key in sorted(wanted.keys() | got.keys())
            if wanted.get(key) != got.get(key)
        ]
    return wrong


def _wrong_last(tensors: dict[str, Tensor], weights: list[Tensor]) -> list[str]:
    """Say what of the weights of the last step, beside an average, does not fit."""
    wanted = {str(i): (t.dtype, t.shape) for i, t in enumerate(weights)}
    got = {key: (t.dtype, t.shape) for key, t in tensors.items()}
    wrong = [
        f"last.{key} is {got.get(key)} there and {wanted.get(key)} here"
        for key in sorted(wanted.keys() | got.keys())
        if wanted.get(key) != got.get(key)
    ]
    broken = [key for key, t in tensors.items() if not t.isfinite().all()]
    return wrong + [f"last.{key} holds NaN or infinite values" for key in broken]


def _wrong_history(tensors: dict[str, Tensor], progress: Any, steps: int) -> list[str]:
    """Say what of the record is missing, of another type, or of another length."""
    curves = ("loss", "lr", "val_loss")
    wrong = [
        f"history.{key} must be numbers in float64"
        for key in curves
        if key not in tensors
        or tensors[key].dtype != torch.float64
        or tensors[key].ndim != 1
    ]
    times = ("seconds", "cpu_seconds")
    if not isinstance(progress, dict) or progress.keys() != {*times, "val_steps"}:
        return [*wrong, "its progress is missing"]
    wrong += [
        f"{key} must be a time"
        for key in times
        if type(progress[key]) is not float or not 0 <= progress[key] < math.inf
    ]
    at = progress["val_steps"]
    if not isinstance(at, list) or any(type(step) is not int for step in at):
        return [*wrong, "val_steps must be steps"]
    if wrong:
        return wrong
    done = len(tensors["loss"])
    if not 0 < done <= steps or len(tensors["lr"]) != done:
        wrong.append(f"{done} losses and {len(tensors['lr'])} rates of {steps} steps")
    if len(tensors["val_loss"]) != len(at) or at != sorted({*at} & {*range(done + 1)}):
        wrong.append(f"{len(tensors['val_loss'])} validation losses at steps {at}")
    return wrong


def _wrong_random(tensors: dict[str, Tensor], device: torch.device) -> list[str]:
    """Say which state of a generator is missing or is none."""
    wanted = {"batches": torch.device("cpu"), "loss": device}
    wanted["global"] = wanted["batches"]
    if device.type == "cuda":
        wanted["cuda"] = device
    wrong = [f"random.{key} is unknown" for key in tensors.keys() - wanted.keys()]
    for key, where in wanted.items():
        try:
            torch.Generator(where).set_state(tensors[key])
        except (KeyError, TypeError, RuntimeError):
            wrong.append(f"random.{key} must be the state of a generator")
    return wrong


def laid_out(
    moments: dict[Any, dict[str, Tensor]], optimiser: torch.optim.Optimizer
) -> dict[Any, dict[str, Tensor]]:
    """Return moments in their weights' order of memory, in which fused Adam reads."""
    weights = [p for group in optimiser.param_groups for p in group["params"]]
    return {
        i: {key: _laid_out_like(weights[i], t) for key, t in found.items()}
        for i, found in moments.items()
    }


def _laid_out_like(weight: Tensor, moment: Tensor) -> Tensor:
    """Return a moment in its weight's order of memory, in which fused Adam reads it."""
    if moment.shape != weight.shape:
        return moment
    like = torch.empty_like(weight, dtype=moment.dtype, device=moment.device)
    return like.copy_(moment)
