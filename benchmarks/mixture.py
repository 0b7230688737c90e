"""The Gaussian mixture against scikit-learn and pomegranate: one EM, one start.

    python benchmarks/mixture.py

Points of the world map, one random start for all. Each library is timed in turn in one
process (CPU time a step of EM, at the same number of steps), then in whole processes
that read the data, import the library and climb until a step gains less than 1e-3 nats.
The ratios are medians over the rounds; the aim is at most 0.7 of scikit-learn's time at
a mean log-likelihood that agrees to 1e-3. A library that is not installed is left out.
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
import warnings
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np

AIM, SAME = 0.7, 1e-3
Data = dict[str, np.ndarray]
Score = Callable[[], float]  # the mean log-likelihood reached, in nats


def ours(data: Data, steps: int, tolerance: float, dtype: str = "float64") -> Score:
    """Climb with genbook."""
    import torch

    from genbook.models.density.mixture import GaussianMixture

    torch.set_num_threads(1)
    x, pi, mu, sigma = (
        torch.from_numpy(data[k]).to(getattr(torch, dtype))
        for k in ("x", "pi", "mu", "sigma")
    )
    model = GaussianMixture.from_parameters(pi, mu, sigma)
    model.fit(x, iterations=steps, tolerance=tolerance, warm_start=True)
    return lambda: -model.loss(x).item()


def ours32(data: Data, steps: int, tolerance: float) -> Score:
    """Climb with genbook in float32."""
    return ours(data, steps, tolerance, "float32")


def sklearn(data: Data, steps: int, tolerance: float) -> Score:
    """Climb with scikit-learn."""
    from sklearn.mixture import GaussianMixture

    model = GaussianMixture(
        len(data["pi"]),
        weights_init=data["pi"],
        means_init=data["mu"],
        precisions_init=np.linalg.inv(data["sigma"]),
        init_params="random_from_data",  # not used, but the default would run k-means
        max_iter=steps,
        tol=tolerance,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it has not converged
        model.fit(data["x"])
    return lambda: float(model.score(data["x"]))


def pomegranate(data: Data, steps: int, tolerance: float) -> Score:
    """Climb with pomegranate."""
    import torch
    from pomegranate.distributions import Normal
    from pomegranate.gmm import GeneralMixtureModel

    torch.set_num_threads(1)
    x, pi, mu, sigma = (
        torch.from_numpy(data[k]).float() for k in ("x", "pi", "mu", "sigma")
    )
    parts = [Normal(m, s) for m, s in zip(mu, sigma, strict=True)]
    model = GeneralMixtureModel(
        parts, priors=pi, max_iter=steps, tol=tolerance * len(x)
    )
    model.fit(x)
    return lambda: model.log_probability(x).double().mean().item()


LIBRARIES: dict[str, Callable[[Data, int, float], Score]] = {
    "scikit-learn": sklearn,
    "genbook": ours,
    "genbook float32": ours32,
    "pomegranate": pomegranate,
}
PACKAGES = {"scikit-learn": "sklearn", "pomegranate": "pomegranate"}


def problem(n: int, k: int) -> Data:
    """Return points of the world map and a start for ``k`` components."""
    import torch

    from genbook.data.world import WorldMap
    from genbook.models.density._em import initialise

    generator = torch.Generator().manual_seed(0)
    x = WorldMap().sample(n, generator=generator, dtype=torch.float64)
    centre = x.mean(dim=0)
    pi, mu, tril = initialise(x - centre, k, 1e-6, generator)
    sigma = tril @ tril.mT
    mu = mu + centre
    return {"x": x.numpy(), "pi": pi.numpy(), "mu": mu.numpy(), "sigma": sigma.numpy()}


def once(name: str, data: Data, steps: int, tolerance: float) -> tuple[float, float]:
    """Return the CPU time of one climb in seconds, and the likelihood it reached."""
    start = time.process_time()
    score = LIBRARIES[name](data, steps, tolerance)
    return time.process_time() - start, score()


def process(name: str, file: Path, steps: int, tolerance: float) -> tuple[float, float]:
    """Return the same for a whole process that climbs once."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [sys.executable, __file__, "--once", name, str(file)]
    command += [str(steps), str(tolerance)]
    out = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return spent, float(out.split()[-1])


def compare(
    measure: Callable[[str], tuple[float, float]], names: list[str], rounds: int
) -> tuple[dict[str, list[float]], dict[str, float]]:
    """Return the times of every library, taken in turn, and the likelihoods."""
    times: dict[str, list[float]] = {name: [] for name in names}
    reached: dict[str, float] = {}
    for i in range(rounds):
        for name in names if i % 2 else names[::-1]:
            spent, reached[name] = measure(name)
            times[name].append(spent)
    return times, reached


def report(
    title: str, times: dict[str, list[float]], reached: dict[str, float], unit: float
) -> None:
    """Print the median times, and the ratios to scikit-learn's."""
    for name, spent in times.items():
        line = f"{title:18}{name:18}{unit * statistics.median(spent):10.1f}"
        if "scikit-learn" in times:
            pairs = zip(spent, times["scikit-learn"], strict=True)
            ratio = statistics.median(a / b for a, b in pairs)
            gap = reached[name] - reached["scikit-learn"]
            same = "" if abs(gap) <= SAME else "   another likelihood"
            line += f"{ratio:8.3f}{reached[name]:14.6f}{gap:+12.1e}{same}"
        else:
            line += f"{'':8}{reached[name]:14.6f}"
        print(line)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--points", type=int, default=50_000)
    parser.add_argument("--components", type=int, default=64)
    parser.add_argument("--steps", type=int, default=10, help="of EM, a timed run")
    parser.add_argument("--rounds", type=int, default=5, help="of runs, taken in turn")
    parser.add_argument("--processes", type=int, default=3, help="rounds of processes")
    parser.add_argument("--once", nargs=4, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.once:
        name, file, steps, tolerance = args.once
        with np.load(file) as arrays:
            data = dict(arrays)
        print(LIBRARIES[name](data, int(steps), float(tolerance))())
        return

    names = [n for n in LIBRARIES if find_spec(PACKAGES.get(n, "genbook"))]
    for name in LIBRARIES.keys() - set(names):
        print(f"{name} is not installed")
    data = problem(args.points, args.components)
    print(
        f"{args.points:,} points, {args.components} components; "
        f"aim {AIM} of scikit-learn's time, likelihood to {SAME}"
    )
    print(f"{'':36}{'time':>10}{'ratio':>8}{'nats':>14}{'difference':>12}")
    for name in names:
        once(name, data, 1, 0.0)  # imports and caches
    times, reached = compare(
        lambda name: once(name, data, args.steps, 0.0), names, args.rounds
    )
    report("a step, ms", times, reached, 1e3 / args.steps)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "problem.npz"
        np.savez(file, **data)
        times, reached = compare(
            lambda name: process(name, file, 500, 1e-3), names, args.processes
        )
    report("whole process, s", times, reached, 1.0)


if __name__ == "__main__":
    main()
