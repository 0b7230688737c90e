"""Multiply densities until the product is zero, and add logarithms instead.

The likelihood of a data set is a product. In floating point it becomes exactly 0.0
after a few hundred factors; the sum of logarithms equals the exact answer.

Chapter: book/foundations/maximum-likelihood.md
"""

from __future__ import annotations

import math
from decimal import Decimal, getcontext

import torch

from genbook.cli import example_parser
from genbook.course import plotting
from genbook.data.wind import load_wind
from genbook.models.density.gaussian import Gaussian

FORMATS = (torch.float16, torch.float32, torch.float64)


@torch.no_grad()
def main() -> None:
    """Count the factors that each format survives, and compare with decimals."""
    args = example_parser(__doc__).parse_args()
    wind = load_wind(dtype=torch.float64)
    generator = torch.Generator().manual_seed(args.seed)
    z = wind.dequantised(generator)[:, :1].log()
    z = z[:2_000] if args.fast else z
    log_p = Gaussian(1).double().fit(z).log_prob(z)
    p = log_p.exp()

    print(f"{len(z):,} hours of wind, a Gaussian for the log of the speed")
    gone = {}
    for dtype in FORMATS:
        name = str(dtype).removeprefix("torch.")
        gone[name] = int((p.to(dtype).cumprod(0) == 0).nonzero()[0]) + 1
        print(f"{name}  product is exactly 0.0 after {gone[name]:,} hours")
    getcontext().prec = 50
    exact = math.prod(map(Decimal, p.tolist()))
    print(f"decimals product is {exact:.6E}, its log {exact.ln():.9f}")
    print(f"log-sum  in float64 {log_p.sum().item():.9f} nats")

    args.out.mkdir(parents=True, exist_ok=True)
    plotting.setup()
    fig, ax = plotting.subplots(height=2.7)
    shown = log_p.cumsum(0)[:2_000] / math.log(10)
    ax.plot(range(1, len(shown) + 1), shown, color=plotting.MODEL, label="log-sum")
    for name, n in gone.items():
        ax.plot(n, shown[n - 1], "o", color=plotting.BAD)
        ax.annotate(f"  {name} is 0.0", (n, shown[n - 1] + 10))
    ax.set(xlabel="hours multiplied", ylabel="power of ten")
    fig.savefig(args.out / "underflow.png")
    print(f"Figure: {args.out}/underflow.png")


if __name__ == "__main__":
    main()
