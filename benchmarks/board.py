"""The scoreboard with thirty seconds of one core for every network, three times over.

    python benchmarks/board.py --seed 0 --seed 1 --seed 2 \
        --out src/genbook/course/board.json

The board that the book builds trains each network for about two seconds, since three
trainings of thirty would keep its reader waiting for a quarter of an hour. This makes
those trainings: same points, same recipes, same solver, same questions, and as many
steps as take ``--seconds`` of this machine's processor time, measured on a hundred of
them. The chapter shows the file beside its own numbers and says where it comes from.
"""

from __future__ import annotations

import argparse
import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.pop("GENBOOK_RUNS", None)  # nothing stored: the seconds are this run's

import torch

from genbook.course import scoreboard
from genbook.course.scoreboard import Candidate

PROBE = 100  # steps that tell how long one takes


def steps_for(candidate: Candidate, seconds: float) -> int:
    """Return how many steps take some seconds, the quicker of two trials."""
    world, probe = scoreboard.board_data(0), replace(candidate, steps=PROBE)
    took = min(scoreboard.train_all(world, [probe])[0].seconds for _ in range(2))
    return max(1, round(PROBE * seconds / took))


def one(candidate: Candidate, seed: int, steps: int) -> dict[str, Any]:
    """Train one network, and ask it what the board asks."""
    world = scoreboard.board_data(seed)
    entry = scoreboard.train_all(world, [replace(candidate, steps=steps)], seed=seed)[0]
    row = scoreboard.evaluate(entry, world)
    nats = row["nats"]
    return {
        "steps": steps,
        "seconds": round(entry.seconds, 1),
        "nats": None if nats is None else round(float(nats), 4),
        "land": round(float(row["land"]), 4),
        "distance": round(float(row["distance"]), 5),
        "missed": len(row["missed"]),
    }


def main() -> None:
    """Train all networks with all seeds, and write what came out."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--seed", type=int, action="append", required=True)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    torch.set_num_threads(1)
    networks = [c for c in scoreboard.CANDIDATES if c.steps is not None]
    rows: dict[str, list[dict[str, Any]]] = {c.name: [] for c in networks}
    for candidate in networks:
        steps = steps_for(candidate, args.seconds)
        for seed in args.seed:
            rows[candidate.name].append(one(candidate, seed, steps))
            print(seed, candidate.name, rows[candidate.name][-1], flush=True)
    told = {"seconds": args.seconds, "seeds": args.seed, "rows": rows}
    args.out.write_text(json.dumps(told, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
