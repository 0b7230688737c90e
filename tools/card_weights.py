"""Complete the records of the shipped weights, from which their cards are made.

    python tools/card_weights.py [--check]

Each ``*.safetensors`` of the package has a record beside it, a ``.json`` of its name
that the training wrote. To what it says of recipe, seconds, machine and evaluation this
adds what every card must hold, in one form: the class, the data, on what terms the
weights may be used, what for, their checksum, and each number of the evaluation with
the half-width of its interval of 95 % and how many cases it is of. The desk's record is
measured here, since its training left none. With ``--check`` nothing is written, and a
record that would change is an error.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from genbook.course.pretrained import load_pretrained
from genbook.course.recipes import language
from genbook.data.still_life.pictures import sample_still_lifes
from genbook.data.still_life.scenes import shares_right
from genbook.practice import pretrained as desks
from genbook.practice.answering import exact_match, read
from genbook.practice.desk import load_desk
from genbook.practice.weights import shipped_weights

PICTURES, READER = "still-life-pictures", "still-life-reader"
GAP = "nats a caption above the grammar's entropy"
WRITTEN = "written captions that the grammar allows"
SEEN = "pictures with all that a caption of the seen kinds asks for"
HELD = "pictures with all that a caption of the held-out pairs asks for"
READ = "new pictures of which all is read rightly"
ANSWERED = "new questions on scikit-learn answered as the passage says"

#: What a program cannot find out of each, and its training has not written down.
SAID: dict[str, dict[str, Any]] = {
    "still-life-language": {
        "class": "Transformer",
        "data": ["still_life"],
        "amount": "4,000,000 captions, region 'seen'",
        "use": "The chapter on language models; tuned in the one on ready models.",
    },
    PICTURES: {
        "class": "TextToImage",
        "data": ["still_life"],
        "amount": "400,000 pictures with captions, region 'seen'",
        "use": "The chapter on text to image: guidance, and what words it obeys.",
    },
    READER: {
        "class": "SceneReader",
        "data": ["still_life"],
        "amount": "24,000 pictures, region 'all', which the painter never sees",
        "recipe": "tools/pretrain.py pictures",
        "seed": 0,
        "steps": 1500,
        "options": {"batch_size": "64", "lr": "0.003", "weight_decay": "0.05"},
        "seconds": 179,
        "seconds include": "the painter that it judges",
        "use": "To judge whether pictures of still lifes show what a caption asks for.",
        "limits": "reads drawn still lifes of 48 by 24 pixels, and no photograph",
    },
    "desk": {
        "class": "Reader",
        "model": "a small transformer that copies a default out of a passage",
        "data": ["desk"],
        "amount": "100 versions of each training question with an answer, 20 without; "
        "PyTorch's documentation lent words to the tokeniser",
        "licence": "MIT",
        "recipe": "tools/pretrain_desk.py",
        "seed": 0,
        "steps": 10_000,
        "options": {
            "batch_size": "512",
            "ema": "0.999",
            "grad_clip": "1.0",
            "lr": "0.004",
            "weight_decay": "0.05",
        },
        "seconds": 109,
        "machine": "a GPU whose name was not recorded",
        "use": "The desk: the base model of the project's life cycle.",
        "limits": "has read no answer about PyTorch; invents where nothing is stated",
    },
}


def share(value: float, n: int) -> dict[str, float]:
    """Return a share of ``n`` with the half-width of its interval by Wilson."""
    z = 1.96
    middle = (value + z * z / (2 * n)) / (1 + z * z / n)
    half = (
        z * math.sqrt(value * (1 - value) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    )
    error = max(middle + half - value, value - middle + half)
    return {"value": round(value, 4), "error": round(error, 4), "of": n}


def mean(values: torch.Tensor) -> dict[str, float]:
    """Return a mean with twice its standard error."""
    error = 2 * values.std().item() / math.sqrt(len(values))
    return {
        "value": round(values.mean().item(), 5),
        "error": round(error, 5),
        "of": len(values),
    }


# --- what is measured again, on as many new cases as one has time for -----------------


def language_again(n: int) -> dict[str, dict[str, float]]:
    """Measure the model of captions on new ones."""
    model = load_pretrained("still-life-language").model
    words = language.still_life_words()
    drawn = model.sample(n, generator=seeded(22))
    judged = language.judge_captions([words.decode(row) for row in drawn])
    return {
        GAP: mean(language.caption_scores(model, words, n, seed=21)),
        WRITTEN: share(judged.grammatical, n),
    }


def pictures_again(n: int) -> dict[str, dict[str, float]]:
    """Measure the painter of still lifes on new captions, by its judge."""
    model, card = load_pretrained(PICTURES)
    judge, found = load_pretrained(READER).model, {}
    for name, region, seed in ((SEEN, "seen", 31), (HELD, "held out", 32)):
        data = sample_still_lifes(n, region, generator=seeded(seed))
        guidance = card["evaluation"]["guidance"]
        x = model.sample(n, data.y, guidance=guidance, steps=16, generator=seeded(seed))
        right = shares_right(judge.read(x), data.meanings)
        found[name] = share(right["all"], n)
    return found


def reader_again(n: int) -> dict[str, dict[str, float]]:
    """Measure the judge on new pictures."""
    data = sample_still_lifes(n, "all", generator=seeded(33))
    judge = load_pretrained(READER).model
    return {READ: share(judge.accuracy(data.x, data.scenes)["scene"], n)}


def desk_again(n: int) -> dict[str, dict[str, float]]:
    """Measure the desk on the first of the questions that nothing was chosen by."""
    base = desks.load_pretrained()
    questions = load_desk("scikit-learn").test[:n]
    answers = read(base.model, base.tokens, [q.passage for q in questions])
    return {ANSWERED: share(exact_match(answers, questions), len(questions))}


AGAIN: dict[str, Callable[[int], dict[str, dict[str, float]]]] = {
    "still-life-language": language_again,
    PICTURES: pictures_again,
    READER: reader_again,
    "desk": desk_again,
}


def seeded(seed: int) -> torch.Generator:
    """Return a generator that starts from a seed."""
    return torch.Generator().manual_seed(seed)


# --- the records ----------------------------------------------------------------------


def measured(name: str, record: dict[str, Any]) -> dict[str, dict[str, float]]:
    """Return the numbers of a card: those of the training, with their errors."""
    if name == "desk":
        return desk_again(10_000)
    said = record["evaluation"]
    if name == "still-life-language":
        n, gap = 5000, said["nats a caption above the floor"]
        error = round(2 * said["standard error"], 5)
        return {
            GAP: {"value": gap, "error": error, "of": n},
            WRITTEN: share(said["grammatical"], n),
        }
    if name == PICTURES:
        n = said["captions"]
        return {
            SEEN: share(said["seen"]["all"], n),
            HELD: share(said["held out"]["all"], n // 4),
        }
    return {READ: share(said["scene"], 2000)}


def complete(name: str, path: Path) -> dict[str, Any]:
    """Return the whole record of some weights."""
    beside = path.with_suffix(".json")
    record = json.loads(beside.read_text("utf8")) if beside.exists() else {}
    record = {"licence": "MIT", **record, **SAID[name]}
    loaded: Any = desks.load_pretrained() if name == "desk" else load_pretrained(name)
    return record | {
        "parameters": sum(p.numel() for p in loaded.model.parameters()),
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "measured": measured(name, record),
    }


def main() -> None:
    """Write the records, or see that they are complete."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--check", action="store_true", help="write nothing")
    args = parser.parse_args()
    torch.set_num_threads(1)
    stale = []
    for name, path in shipped_weights().items():
        text = json.dumps(complete(name, path), indent=2, sort_keys=True) + "\n"
        beside = path.with_suffix(".json")
        if not beside.exists() or beside.read_text("utf8") != text:
            stale.append(name)
            if not args.check:
                beside.write_text(text, encoding="utf-8")
    print(f"records that {'would change' if args.check else 'changed'}: {stale}")
    if args.check and stale:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
