"""Train a flow in one process and in two that share each batch, and compare the two.

Started by hand, it trains alone, has torchrun start it twice, and compares losses and
weights. Started by torchrun, it trains with the others, and rank 0 writes for all:
python -m torch.distributed.run --standalone --nproc-per-node 2 two_processes.py

Chapter: book/practice/ecosystem.md
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import torch

from genbook.cli import example_parser
from genbook.data.toy import TwoMoons
from genbook.models.flows.flow import Flow
from genbook.training import fit, isolated_rng, load, save
from genbook.training.distributed import together


def flow(seed: int) -> Flow:
    """Return a flow with the first weights of this seed, in double precision."""
    with isolated_rng(seed):
        return Flow(2, kind="affine", transforms=4, hidden=(32,)).double()


def train(seed: int, steps: int, out: Path) -> None:
    """Train alone or with the other processes; the first of them writes."""
    out.mkdir(parents=True, exist_ok=True)
    generator = torch.Generator().manual_seed(seed)
    x = TwoMoons(noise=0.1).sample(4_000, generator=generator).double()
    with together() as team:
        model = flow(seed)
        history = fit(
            model, x, shared=True, steps=steps, batch_size=256, lr=5e-3, seed=seed
        )
        if team.leads:
            save(model, out / f"{team.size}.safetensors")
            told = {"loss": history.loss, "rows": 256 // team.size}
            told["cpu_seconds"] = history.cpu_seconds  # of this process
            (out / f"{team.size}.json").write_text(json.dumps(told))


def main() -> None:
    """Train alone, train together, compare."""
    args = example_parser(__doc__).parse_args()
    steps = 10 if args.fast else 200
    train(args.seed, steps, args.out)
    if "RANK" in os.environ:  # torchrun started this: the comparison is not ours
        return
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    launch += ["--nproc-per-node", "2", __file__, *sys.argv[1:]]
    subprocess.run(launch, check=True, stderr=subprocess.DEVNULL)
    from genbook.course import plotting  # the processes above need none of it

    runs = {n: json.loads((args.out / f"{n}.json").read_text()) for n in (1, 2)}
    both = [load(flow(0), args.out / f"{n}.safetensors").parameters() for n in (1, 2)]
    apart = max((a - b).abs().max().item() for a, b in zip(*both, strict=True))
    for n, run in runs.items():
        rows, last = run["rows"], run["loss"][-1]
        print(f"processes: {n}, rows a step for each: {rows}, last loss: {last:.6f}")
    print(f"largest difference of a weight at most 1e-9: {apart <= 1e-9}")

    plotting.setup()
    fig, ax = plotting.subplots(height=2.8)
    for n, source in ((1, "data"), (2, "model")):
        plotting.show_curve(ax, runs[n]["loss"], source=source, label=f"processes: {n}")
    ax.legend()
    ax.set(ylabel="loss in nats")
    fig.savefig(args.out / "losses.svg")


if __name__ == "__main__":
    main()
