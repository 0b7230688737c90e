"""Watch a table of probabilities fail as the number of dimensions grows.

On paper: cells and memory. In practice: the share of cells that no digit falls into,
and the share of new digits that the table holds for impossible.

Chapter: book/foundations/maximum-likelihood.md
"""

from __future__ import annotations

import torch

from genbook.cli import example_parser
from genbook.course import plotting
from genbook.data.digits import load_digits
from genbook.models.density.histogram import Histogram


def main() -> None:
    """Count cells on paper, fill tables with digits, and draw both."""
    parser = example_parser(__doc__)
    parser.add_argument("--bins", type=int, default=2, help="along each dimension")
    args = parser.parse_args()
    if not 2 <= args.bins <= 256:
        parser.error(f"--bins must be 2 to 256, got {args.bins}")
    train, test = (load_digits(split).x.flatten(1) for split in ("train", "test"))
    # Pixels that vary most first; equally varying ones in an order set by the seed.
    shuffle = torch.randperm(784, generator=torch.Generator().manual_seed(args.seed))
    order = shuffle[train.var(0)[shuffle].argsort(descending=True, stable=True)]

    print(f"{args.bins} bins: pixels, cells, bytes, empty cells, impossible new digits")
    most, rows = 2**16 if args.fast else 2**22, []
    d = 1
    while args.bins**d <= most:
        pixels, cells = order[:d], args.bins**d
        table = Histogram(torch.zeros(d), torch.ones(d), args.bins)
        table.fit(train[:, pixels])
        empty = (table.counts == 0).double().mean().item()
        impossible = (table.log_prob(test[:, pixels]).isinf()).double().mean().item()
        rows.append((d, empty, impossible))
        print(f"{d:3} {cells:10,} {4 * cells:12,} {empty:8.1%} {impossible:8.1%}")
        d += 1
    try:
        Histogram(torch.zeros(64), torch.ones(64), args.bins)
    except ValueError as error:
        print(f"64 pixels: {str(error).split(', got')[0]}, got {args.bins}^64")
    print(f"784 pixels: a number of cells with {len(str(args.bins**784))} digits")

    args.out.mkdir(parents=True, exist_ok=True)
    plotting.setup()
    fig, ax = plotting.subplots(height=2.8)
    at, empties, impossibles = zip(*rows, strict=True)
    ax.plot(at, empties, "-", color=plotting.MODEL, label="empty cells")
    ax.plot(at, impossibles, "--", color=plotting.BAD, label="impossible new digits")
    ax.set(xlabel="dimensions (pixels)", ylabel="share", ylim=(0, 1))
    ax.legend()
    fig.savefig(args.out / "cost.png")
    print(f"Figure: {args.out}/cost.png")


if __name__ == "__main__":
    main()
