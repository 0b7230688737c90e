"""What an alarm for drift sees of the requests, and where it starts from."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from genbook._files import check_path, replacing
from genbook._validate import check_kind, check_tensor, check_text
from genbook.practice.monitoring import DriftAlarm
from genbook.practice.serving.shelf import NAME, SUFFIX, Offer

__all__ = ["load_alarms", "save_reference", "summaries"]

FOLDER = "reference"
MOST_SURPRISE = 20.0


def summaries(x: Tensor, log_prob: Tensor) -> Tensor:
    """Return what an alarm sees of observations: themselves and their surprise.

    Args:
        x: Observations, ``(n, *event_shape)``.
        log_prob: Their log densities, ``(n,)``; where one is ``-inf``, the surprise
            counts as twenty nats.

    Returns:
        A tensor ``(n, k + 1)``.

    Raises:
        TypeError: If an argument is not a floating-point tensor.
        ValueError: If they do not belong together.

    Example:
        >>> summaries(torch.zeros(1, 2), torch.tensor([-3.0]))
        tensor([[0., 0., 3.]])
    """
    check_tensor(x, "x", allow_empty=True)
    if x.ndim < 2:
        raise ValueError(f"x must be (n, *event_shape), got {tuple(x.shape)}")
    check_tensor(log_prob, "log_prob", (len(x),), finite=False, allow_empty=True)
    if log_prob.isnan().any():
        raise ValueError("log_prob must be numbers or -inf, got NaN")
    surprise = (-log_prob).clamp(-MOST_SURPRISE, MOST_SURPRISE)[:, None]
    return torch.cat([x.flatten(1), surprise.to(x.dtype)], 1)


def save_reference(
    x: Tensor, folder: str | os.PathLike[str], name: str = "model"
) -> None:
    """Keep observations that a model has not seen, for its alarm to compare with.

    They go to ``reference/NAME.safetensors`` in the folder that is served.

    Args:
        x: Observations, ``(n, *event_shape)``.
        folder: The folder of the models.
        name: The model's name.

    Raises:
        TypeError: If an argument is of another type.
        ValueError: If ``x`` is empty or not finite.
        OSError: If the file cannot be written.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     save_reference(torch.zeros(3, 2), folder, "flow")
    """
    from safetensors.torch import save as to_bytes

    check_tensor(x, "x")
    if not NAME.fullmatch(check_text(name, "name")):
        raise ValueError(f"name must be letters, digits, - and _, got {name!r}")
    path = check_path(folder, "folder") / FOLDER / f"{name}{SUFFIX}"
    path.parent.mkdir(exist_ok=True)
    with replacing(path) as partial:
        partial.write_bytes(to_bytes({"x": x.detach().contiguous()}))


def load_alarms(
    place: str | os.PathLike[str], offers: Mapping[str, Offer], **options: Any
) -> dict[str, DriftAlarm]:
    """Read the references that lie beside models, and make their alarms.

    Args:
        place: The folder of the models; a file has none.
        offers: The models.
        options: The arguments of :class:`.DriftAlarm`.

    Returns:
        An alarm for each model that has a reference and a density.

    Raises:
        TypeError: If an argument is of another type.
        ValueError: If a reference does not fit its model.

    Example:
        >>> load_alarms(".", {})
        {}
    """
    from safetensors.torch import load_file

    folder = check_path(place, "place") / FOLDER
    check_kind(offers, "offers", Mapping)
    alarms = {}
    for name, offer in offers.items():
        path = folder / f"{name}{SUFFIX}"
        if not (path.is_file() and offer.has_log_prob):
            continue
        model: Any = offer.model
        x = load_file(path).get("x")
        if x is None:
            raise ValueError(f"{path} must hold a tensor x")
        with torch.no_grad():
            seen = summaries(x.to(model.dtype), model.log_prob(x.to(model.dtype)))
        alarms[name] = DriftAlarm(seen, **options)
    return alarms
