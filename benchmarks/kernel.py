"""The kernel estimate against scikit-learn's exact one: the same points, equal values.

    python benchmarks/kernel.py

Both evaluate the sum over all pairs with nothing left to a tolerance (scikit-learn with
``rtol=0, atol=0``), on the world map with the bandwidth that genbook chooses, and on a
Gaussian with Scott's bandwidth, so wide that nearly every pair counts.
They are timed in turn in one process (CPU time, fit included), then in processes of
their own, imports included. The ratios are medians over the rounds; the aim is 15.

Values are compared with scikit-learn's in one leaf: with several it subtracts bounds of
nodes from one another, and its logarithms are wrong in the tails (see ``tree``).
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np

AIM, EQUAL = 15, 1e-10
Data = dict[str, np.ndarray]


def ours(data: Data, dtype: str = "float64") -> np.ndarray:
    """Evaluate with genbook."""
    import torch

    from genbook.models.density.kernel import KernelDensity

    torch.set_num_threads(1)
    x, q = (torch.from_numpy(data[k]).to(getattr(torch, dtype)) for k in ("x", "q"))
    model = KernelDensity(x.shape[1], float(data["h"])).to(x.dtype).fit(x)
    return model.log_prob(q).numpy()


def ours32(data: Data) -> np.ndarray:
    """Evaluate with genbook in float32."""
    return ours(data, "float32")


def sklearn(data: Data, leaf: int = 40) -> np.ndarray:
    """Evaluate with scikit-learn and its default tree."""
    from sklearn.neighbors import KernelDensity

    model = KernelDensity(
        bandwidth=float(data["h"]), rtol=0, atol=0, leaf_size=leaf
    ).fit(data["x"])
    return model.score_samples(data["q"])


def one_leaf(data: Data) -> np.ndarray:
    """Evaluate with scikit-learn and all points in one leaf."""
    return sklearn(data, len(data["x"]))


WAYS: dict[str, Callable[[Data], np.ndarray]] = {
    "genbook": ours,
    "genbook float32": ours32,
    "scikit-learn": sklearn,
    "s.-l., one leaf": one_leaf,
}


def problems(n: int) -> dict[str, Data]:
    """Return points, queries and a bandwidth for each problem."""
    import torch

    from genbook.data.world import WorldMap
    from genbook.models.density.kernel import scott, select_bandwidth

    g = torch.Generator().manual_seed(0)
    both = WorldMap().sample(2 * n, generator=g, dtype=torch.float64)
    bell = torch.randn(2 * n, 2, generator=g, dtype=torch.float64)
    h = {"world map": select_bandwidth(both[:n]), "wide kernels": scott(bell[:n])}
    return {
        name: {"x": x[:n].numpy(), "q": x[n:].numpy(), "h": np.array(h[name])}
        for name, x in (("world map", both), ("wide kernels", bell))
    }


def once(way: str, data: Data) -> float:
    """Return the CPU time of one estimate and its evaluation, in seconds."""
    start = time.process_time()
    WAYS[way](data)
    return time.process_time() - start


def process(way: str, file: Path) -> float:
    """Return the CPU time of a whole process that does it once, in seconds."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [sys.executable, __file__, "--once", way, str(file)]
    subprocess.run(command, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def report(title: str, measure: Callable[[str], float], rounds: int) -> None:
    """Time all ways in turn; print medians, and scikit-learn's time over each."""
    times: dict[str, list[float]] = {way: [] for way in WAYS}
    for i in range(rounds):
        for way in list(WAYS)[:: 1 if i % 2 else -1]:
            times[way].append(measure(way))
    for way, spent in times.items():
        pairs = zip(times["scikit-learn"], spent, strict=True)
        ratio = statistics.median(b / a for b, a in pairs)
        print(f"{title:32}{way:18}{statistics.median(spent):8.2f} s{ratio:8.1f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--points", type=int, default=10_000, help="and queries")
    parser.add_argument("--rounds", type=int, default=5, help="of runs, taken in turn")
    parser.add_argument("--processes", type=int, default=3, help="rounds of processes")
    parser.add_argument("--once", nargs=2, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.once:
        way, file = args.once
        with np.load(file) as arrays:
            once(way, dict(arrays))
        return
    if not find_spec("sklearn"):
        sys.exit("scikit-learn is not installed: pip install -e '.[benchmarks]'")

    n = args.points
    print(f"{n:,} queries of {n:,} points; aim {AIM} times faster, equal to {EQUAL}")
    for name, data in problems(n).items():
        exact = one_leaf(data)
        title = f"{name}, h = {float(data['h']):.4f}"
        report(f"{title}", lambda way, data=data: once(way, data), args.rounds)
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "problem.npz"
            np.savez(file, **data)
            report(
                "    whole process",
                lambda way, file=file: process(way, file),
                args.processes,
            )
        gaps = {way: np.abs(WAYS[way](data) - exact).max() for way in WAYS}
        print("    largest difference in nats, from one leaf:")
        for way in ("genbook", "genbook float32", "scikit-learn"):
            print(f"{'':32}{way:18}{gaps[way]:10.1e}")


if __name__ == "__main__":
    main()
