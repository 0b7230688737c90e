"""Words and pictures with longer trainings than their chapters have room for.

    python benchmarks/still_life.py captions --steps 5000 --seed 0 --seed 1 --seed 2
    python benchmarks/still_life.py pictures --steps 950 --seed 0 --seed 1 --seed 2

The chapters on language models and on text to image train with the code below, but for
fewer steps: a page has 75 seconds of one core for all that it does. Here the writer of
captions and the painter get what is asked of the family itself, 45 and 70 seconds, the
painter's with the seconds of its code counted. Printed are, for each seed, the seconds,
the nats a caption above the entropy and the share of grammatical captions, or the share
of captions of one, two and three groups whose picture shows all that was said.
"""

from __future__ import annotations

import argparse
import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch

from genbook.course.recipes import language, text_to_image
from genbook.data.still_life.captions import still_life
from genbook.data.still_life.pictures import sample_still_lifes
from genbook.data.still_life.scenes import shares_right
from genbook.data.tokenisers import pack

seeded = torch.Generator().manual_seed


def captions(steps: int, seeds: list[int]) -> None:
    """Train the transformer of the chapter on language models."""
    words = language.still_life_words()
    texts = still_life().captions(64_000, generator=seeded(1)).texts
    x = pack([words.encode(t) for t in texts], 64)
    for seed in seeds:
        writer, history = language.still_life_language(
            x, vocab_size=len(words), steps=steps, seed=seed
        )
        gap = language.caption_scores(writer, words, 1000)
        rows = writer.sample(2000, generator=seeded(seed))
        judged = language.judge_captions([words.decode(row) for row in rows], texts)
        error = (gap.std() / len(gap) ** 0.5).item()
        print(
            f"seed {seed}: {history.cpu_seconds:.0f} s, {gap.mean():.3f} ± {error:.3f} "
            f"nats above, {judged.grammatical:.3f} grammatical, {judged.new:.3f} new",
            flush=True,
        )


def pictures(steps: int, seeds: list[int]) -> None:
    """Train the painter of the chapter on text to image."""
    train = sample_still_lifes(14_000, generator=seeded(21))
    test = sample_still_lifes(500, generator=seeded(23))
    reader = text_to_image.scene_reader(
        sample_still_lifes(5000, "all", generator=seeded(22))
    )
    for seed in seeds:
        code, coded = text_to_image.picture_code(train.x[:8000], seed=seed)
        with torch.no_grad():
            z = code.encode(train.x)
        model, history = text_to_image.draw_from_words(
            z, train.y, code, steps=steps, seed=seed
        )
        drawn = model.sample(len(test.y), test.y, guidance=2.0, generator=seeded(1))
        found = shares_right(reader.read(drawn), test.meanings)
        took = history.cpu_seconds + coded.cpu_seconds
        said = ", ".join(f"{k} {found[k]:.3f}" for k in found if "group" in k)
        print(f"seed {seed}: {took:.0f} s, {said}", flush=True)


def main() -> None:
    """Run one of the two."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("captions", "pictures"))
    parser.add_argument("--steps", type=int, required=True)
    parser.add_argument("--seed", type=int, action="append", required=True)
    args = parser.parse_args()
    torch.set_num_threads(1)
    {"captions": captions, "pictures": pictures}[args.what](args.steps, args.seed)


if __name__ == "__main__":
    main()
