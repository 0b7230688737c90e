"""Bring a model to a simulated Amazon cloud, watch over it, and take it away again.

File, role, model, configuration, endpoint, metric, alarm: each call is made to the
library moto, which keeps books of what exists and refuses what does not fit. No account
is needed and nothing is billed. It needs the extra: pip install 'genbook[aws]'.

Chapter: book/practice/ecosystem.md
"""

from __future__ import annotations

import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

import torch

from genbook.cli import example_parser
from genbook.course.tables import table
from genbook.data.world import WorldMap
from genbook.models.density.mixture import GaussianMixture
from genbook.practice.cloud import pack, simulated
from genbook.practice.deployment import Deployment
from genbook.practice.unsimulated import MISSING, PRETENDED, check_parameters
from genbook.training import save

IMAGE = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/genbook:1"


def main() -> None:
    """Fit, pack, deploy, watch, tear down."""
    args = example_parser(__doc__).parse_args()
    if missing := [name for name in ("boto3", "moto") if find_spec(name) is None]:
        sys.exit(f"{' and '.join(missing)} missing: pip install 'genbook[aws]'")
    generator = torch.Generator().manual_seed(args.seed)
    x = WorldMap().sample(500 if args.fast else 5_000, generator=generator)
    model = GaussianMixture(2, components=8).fit(x, generator=generator)
    surprise = [-model.log_prob(part).mean().item() for part in x.split(100)]

    rows = []
    with tempfile.TemporaryDirectory() as folder, simulated():
        archive = Path(folder, "model.tar.gz")
        save(model, archive.with_name("weights.safetensors"))
        print(
            f"archive: {pack(archive.with_name('weights.safetensors'), archive)} bytes"
        )
        here = Deployment("map-mixture")

        def step(name: str, call, *values) -> None:
            try:
                told = call(*values)
            except RuntimeError as error:
                told = str(error)
            told = "" if told is None else told
            rows.append({"call": name, "answer": str(told), "stands": here.standing()})
            print(f"{name:<22} {told}")

        step("configure, too early", here.configure)
        step("store", here.store, archive)
        step("register", here.register, IMAGE)
        step("configure", here.configure)
        step("start", here.start)
        step("measure", here.measure, "surprise", surprise)
        step("watch", here.watch, "surprise", 3.0)
        step("tear down", here.tear_down)

    for call in (*PRETENDED, *MISSING):
        check_parameters(call)
    print(f"not shown: {len(PRETENDED)} calls pretend, {len(MISSING)} are missing")
    rows = [{**row, "stands": ", ".join(row["stands"])} for row in rows]
    args.out.mkdir(parents=True, exist_ok=True)
    path = args.out / "deployment.md"
    path.write_text(table(rows).to_markdown() + "\n", encoding="utf-8")
    print(f"Table: {path}")


if __name__ == "__main__":
    main()
