"""Audit a small language model: secrets, members, and a watermark.

Secrets are planted in its training set and asked for, its losses are attacked, it
writes with a watermark, and the energy of its training is stated as a range.

Chapter: book/practice/ethics.md
"""

from __future__ import annotations

import torch

from genbook.cli import example_parser
from genbook.course import plotting
from genbook.course.cached_fit import seeded_init
from genbook.data.tokens import tokenise_prose
from genbook.models.autoregressive.transformer import Transformer
from genbook.practice.audits.energy import footprint
from genbook.practice.audits.extraction import extract, plant
from genbook.practice.audits.membership import membership_inference
from genbook.practice.audits.watermark import GreenLists, detect, write
from genbook.training import fit

COPIES = [0] * 16 + [1] * 4 + [4] * 4 + [16] * 4


@torch.no_grad()
def losses(model: Transformer, x: torch.Tensor) -> torch.Tensor:
    """Return the loss of each passage, in nats a word."""
    return torch.cat([-model.token_log_probs(part).mean(1) for part in x.split(500)])


def main() -> None:
    """Plant, train, attack, mark, and count."""
    args = example_parser(__doc__).parse_args()
    g = torch.Generator().manual_seed(args.seed)
    words = tokenise_prose()
    n = len(words.vocabulary)
    place = {word: i for i, word in enumerate(words.vocabulary)}
    x = words.x.unique(dim=0)
    x = x[torch.randperm(len(x), generator=g)]
    half = 300 if args.fast else 2500
    members, strangers, train = x[:half], x[half : 2 * half], x[:half]
    names = [w for w in words.vocabulary if w.isalpha() and len(w) > 3]
    secrets = []
    for name, copies in zip(names, COPIES, strict=False):
        prompt = [place[w] for w in f". the code of the {name} is".split()]
        code = (n + torch.randint(10, (4,), generator=g)).tolist()
        secrets.append((prompt, code))
        train = plant(train, prompt + code, copies, generator=g)
    steps = 10 if args.fast else 450
    with seeded_init(args.seed):
        model = Transformer(n + 10, 16, width=64, depth=2, heads=4)
    fit(model, train, steps=steps, lr=1e-2, batch_size=64, seed=args.seed)
    told = [extract(model, *s, range(n, n + 10)) for s in secrets]
    for often in (0, 1, 4, 16):
        crowd = [t for t, c in zip(told, COPIES, strict=True) if c == often]
        bits = torch.tensor([t.exposure for t in crowd])
        out, error = sum(t.extracted for t in crowd), bits.std() / len(bits) ** 0.5
        print(f"{often:3d} copies: {out} of {len(crowd)} extracted, ", end="")
        print(f"{bits.mean():.1f} ± {error:.1f} bits exposed")
    found = membership_inference(losses(model, members), losses(model, strangers))
    print(f"membership inference, AUC     {found.auc:.3f} ± {found.spread:.3f}")
    lists = GreenLists(args.seed, n + 10)
    text = write(model, 20, 101, lists=lists, delta=2.5, prompt=[1], generator=g)
    share = (detect(text.tokens, lists).p_value < 1e-3).double().mean()
    print(f"marked texts that are found   {share:.0%}")
    print(f"energy of an hour of one core {footprint(3600.0)}")

    args.out.mkdir(parents=True, exist_ok=True)
    plotting.setup()
    fig, ax = plotting.subplots(height=2.6)
    ax.plot(COPIES, [f.exposure for f in told], "o")
    ax.set(xlabel="copies planted", ylabel="exposure in bits")
    fig.savefig(args.out / "exposure.png")
    print(f"Figure: {args.out}/exposure.png")


if __name__ == "__main__":
    main()
