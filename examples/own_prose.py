"""Train a language model on a folder of your own texts, and let it go on with them.

Without `--folder` it reads a novel, chapter by chapter: Jane Austen's Persuasion. With
`--folder FOLDER` it reads the `.txt` and `.md` files there and below, in UTF-8. A tenth
is held out in whole pieces; what a byte of it costs is printed beside what counting
pairs of tokens and two compressors need, which read the rest first.

Chapter: book/families/language-models.md
"""

from __future__ import annotations

import gzip
import lzma
from collections.abc import Callable
from pathlib import Path

import torch

from genbook.cli import example_parser
from genbook.course.recipes.language import prose_language
from genbook.data.novel import load_novel
from genbook.data.texts import load_texts, split_texts
from genbook.data.tokenisers import BytePairs

LENGTH = 65  # tokens of a passage: one is given, 64 are predicted


def main() -> None:
    """Read, train, measure, and write."""
    parser = example_parser(__doc__)
    parser.add_argument("--folder", type=Path, help="of your own texts")
    parser.add_argument("--steps", type=int, default=1500, help="more for more text")
    args = parser.parse_args()
    chapters = [*load_novel(), *load_novel("validation"), *load_novel("test")]
    try:
        texts = load_texts(args.folder) if args.folder else chapters
    except (OSError, ValueError) as error:
        parser.error(f"--folder: {error}")
    if args.fast:
        texts = [text[:2000] for text in texts[:200]]
    kept, unseen, foreign = split_texts(texts, seed=args.seed)
    pieces = BytePairs([kept], merges=50 if args.fast else 400)
    old, new = (torch.tensor(pieces.encode(text)) for text in (kept, unseen))
    passages = new.unfold(0, LENGTH, LENGTH - 1)
    model, history = prose_language(
        old.unfold(0, LENGTH, 8),
        vocab_size=len(pieces),
        steps=20 if args.fast else args.steps,
        seed=args.seed,
    )
    target = passages[:, 1:]
    size = sum(len(pieces.pieces[i].encode()) for i in target.flatten().tolist())
    counts = torch.zeros(len(pieces), len(pieces))
    counts.index_put_((old[:-1], old[1:]), torch.ones(()), accumulate=True)
    share = (torch.bincount(old, minlength=len(pieces)) + 1.0) / len(old)
    pairs = (counts + 5 * share / share.sum()) / (counts.sum(1, keepdim=True) + 5)
    with torch.no_grad():
        p = model.token_log_probs(passages).exp()
    print(f"read              {len(kept):,} characters, {len(unseen):,} held out")
    print(f"of these          {foreign:.2%} are not among those read")
    print(f"trained           {history.steps} steps in {history.cpu_seconds:.0f} CPU s")
    for name, q in (("transformer", p), ("pairs", pairs[passages[:, :-1], target])):
        print(f"{name:18}{-q.log2().sum().item() / size:.2f} bits a byte")
    compressors: dict[str, Callable[[bytes], bytes]]
    compressors = {"gzip": gzip.compress, "xz": lzma.compress}
    for name, press in compressors.items():
        more = len(press((kept + unseen).encode())) - len(press(kept.encode()))
        print(f"{name:18}{8 * more / len(unseen.encode()):.2f} bits a byte")
    generator = torch.Generator().manual_seed(args.seed)
    rows = model.sample(4, prompt=pieces.encode(unseen)[:3], p=0.9, generator=generator)
    text = "\n\n".join(pieces.decode(row) for row in rows)
    print(text)
    args.out.mkdir(parents=True, exist_ok=True)
    (args.out / "prose.md").write_text(text + "\n", encoding="utf-8")
    print(f"Text: {args.out}/prose.md")


if __name__ == "__main__":
    main()
