"""Label the lines of documentation by a conditional random field, and line by line.

The partition function is checked against the sum over every labelling of a short
sequence. Then two models of the same features label NumPy's documentation: one that
knows which section follows which, and one that does not.

Chapter: book/learning/discriminative-models.md
"""

from __future__ import annotations

from itertools import product

import torch

from genbook.cli import example_parser
from genbook.course import plotting
from genbook.data.docstring_lines import SECTIONS, load_docstring_lines
from genbook.discriminative.crf import LinearChainCRF


def main() -> None:
    """Check the partition function, fit both models, and compare them."""
    args = example_parser(__doc__).parse_args()
    g = torch.Generator().manual_seed(args.seed)
    small = LinearChainCRF(features=3, labels=4).double()
    for weights in small.parameters():
        torch.nn.init.normal_(weights, generator=g)
    x = torch.randn(1, 6, 3, generator=g, dtype=torch.float64)
    every = torch.tensor(list(product(range(4), repeat=6)))
    brute = small.score(x.expand(len(every), -1, -1), every).logsumexp(0)
    ours = small.log_partition(x)[0]
    print(f"log Z by the forward algorithm   {ours:.9f}")
    print(f"log Z from {len(every):,} labellings      {brute:.9f}")

    train, test = map(load_docstring_lines, ("train", "test"))
    iterations = 10 if args.fast else 60
    shape = (train.x.shape[2], len(SECTIONS))
    chain = LinearChainCRF(*shape).fit(train.x, train.y, iterations=iterations)
    x, y = train.x.flatten(0, 1)[:, None], train.y.flatten()[:, None]
    single = LinearChainCRF(*shape).fit(x, y, iterations=iterations)
    by_line = single.viterbi(test.x.flatten(0, 1)[:, None]).view_as(test.y)
    for name, guess in (("line by line", by_line), ("chain", chain.viterbi(test.x))):
        right = (guess == test.y).double().mean()
        print(f"{name:12} right on {right:.1%} of {test.y.numel():,} held-out lines")

    args.out.mkdir(parents=True, exist_ok=True)
    plotting.setup()
    fig, ax = plotting.subplots(height=3.6)
    odds = chain.transition.detach().softmax(1)
    ax.imshow(odds, cmap=plotting.MODEL_CMAP, vmin=0, vmax=1)
    ax.set_xticks(range(len(SECTIONS)), SECTIONS, rotation=30, ha="right")
    ax.set_yticks(range(len(SECTIONS)), SECTIONS)
    ax.set(xlabel="next line", ylabel="this line", title="what may follow what")
    fig.savefig(args.out / "transitions.png")
    print(f"Figure: {args.out}/transitions.png")


if __name__ == "__main__":
    main()
