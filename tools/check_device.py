"""Check that every model trains, samples and agrees on another device.

``python tools/check_device.py cuda`` trains each model there and here on the same
points, compares densities of the same parameters, and prints one line a model. It is
for a machine with an accelerator; nothing in the book needs one.
"""

from __future__ import annotations

import argparse
import copy
import sys
from collections.abc import Callable

import torch

from genbook.data.tins import sample_tins
from genbook.data.toy import TwoMoons
from genbook.models.autoregressive.made import MADE
from genbook.models.base import Model, TractableModel
from genbook.models.density.box import UniformBox
from genbook.models.density.gaussian import Gaussian
from genbook.models.density.grid import GridNetwork
from genbook.models.density.histogram import Histogram
from genbook.models.density.kernel import KernelDensity
from genbook.models.density.mixture import GaussianMixture
from genbook.models.diffusion.diffusion import Diffusion
from genbook.models.diffusion.flow_matching import FlowMatching
from genbook.models.energy.network import EnergyNetwork
from genbook.models.energy.noise_conditional import NoiseConditionalEnergy
from genbook.models.flows.flow import Flow
from genbook.models.representation.autoencoder import Autoencoder
from genbook.models.representation.pca import PCA
from genbook.models.variational.vae import VAE
from genbook.training import fit

MOONS = TwoMoons()
TWO = {
    "box": lambda: UniformBox(2),
    "gaussian": lambda: Gaussian(2),
    "mixture": lambda: GaussianMixture(2, 8),
    "histogram": lambda: Histogram(MOONS.low, MOONS.high, 32),
    "kernel": lambda: KernelDensity(2, bandwidth=0.1),
}
NETWORKS = {
    "gaussian by gradient": lambda: Gaussian(2),
    "grid network": lambda: GridNetwork(MOONS.low, MOONS.high, bins=32),
    "masked network": lambda: MADE(MOONS.low, MOONS.high, bins=32),
    "flow": lambda: Flow(2),
    "variational autoencoder": lambda: VAE((2,)),
    "energy": lambda: EnergyNetwork(MOONS.low, MOONS.high, objective="dsm"),
    "energy at levels of noise": lambda: NoiseConditionalEnergy((2,)),
    "diffusion": lambda: Diffusion((2,), width=64),
    "flow matching": lambda: FlowMatching((2,), width=64),
}


def agree(model: Model, x: torch.Tensor, device: str) -> float:
    """Return the largest difference of a density here and there, same parameters."""
    assert isinstance(model, TractableModel)
    there = copy.deepcopy(model).to(device)
    with torch.no_grad():
        a, b = model.log_prob(x), there.log_prob(x.to(device)).cpu()
    inside = torch.isfinite(a)
    assert torch.equal(inside, torch.isfinite(b))
    return (a - b)[inside].abs().max().item()


def closed_form(make: Callable[[], Model], device: str, x: torch.Tensor) -> str:
    """Fit here and there; compare what came out."""
    here, there = make(), make().to(device)
    options = {}
    if isinstance(here, GaussianMixture):
        there.load_state_dict(here.state_dict())
        options = {"warm_start": True}
    here.fit(x, **options)
    there.fit(x.to(device), **options)
    assert there.device.type == device
    with torch.no_grad():
        a = here.log_prob(x).mean().item()
        b = there.log_prob(x.to(device)).mean().item()
    g = torch.Generator(device).manual_seed(0)
    new = there.sample(100, generator=g)
    assert new.device.type == device
    assert torch.isfinite(new).all()
    assert abs(a - b) < 1e-3, (a, b)
    return f"mean log-likelihood {a:.5f} here, {b:.5f} there; " + (
        f"same parameters differ by {agree(here, x[:2000], device):.1e}"
    )


def trained(make: Callable[[], Model], device: str, x: torch.Tensor) -> str:
    """Train here and there by gradient; compare the last losses."""
    last = []
    for where in ("cpu", device):
        torch.manual_seed(0)
        model = make().to(where)
        fit(model, x.to(where), steps=300, seed=0, progress=False)
        with torch.no_grad():
            g = torch.Generator(where).manual_seed(0)
            last.append(model.loss(x.to(where), generator=g).item())
    # The noise of a random loss differs between devices: a little room for it.
    assert abs(last[0] - last[1]) < 0.05, last
    return f"loss {last[0]:.4f} here, {last[1]:.4f} there"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("device", nargs="?", default="cuda")
    device = parser.parse_args().device
    x = MOONS.sample(10_000, generator=torch.Generator().manual_seed(0))
    tins = sample_tins(500, generator=torch.Generator().manual_seed(0)).x
    jobs: list[tuple[str, Callable[[], str]]] = []
    for name, make in TWO.items():
        jobs.append((name, lambda make=make: closed_form(make, device, x)))
    for name, make in NETWORKS.items():
        jobs.append((name, lambda make=make: trained(make, device, x)))

    def autoencoder() -> Autoencoder:
        return Autoencoder((1, 32, 32), 2, latent_noise=0.3)

    jobs.append(("autoencoder", lambda: trained(autoencoder, device, tins)))

    def pca() -> str:
        losses = []
        for where in ("cpu", device):
            y = tins.to(where)
            losses.append(PCA((1, 32, 32), 20).to(where).fit(y).loss(y).item())
        assert abs(losses[0] - losses[1]) < 1e-5
        return f"loss {losses[0]:.6f} here, {losses[1]:.6f} there"

    jobs.append(("pca", pca))
    failed = 0
    for name, job in jobs:
        try:
            print(f"ok    {name:25s} {job()}")
        except Exception as error:
            failed += 1
            print(f"FAIL  {name:25s} {type(error).__name__}: {error}")
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
