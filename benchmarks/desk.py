"""The documentation desk with several seeds: how far its numbers depend on them.

    python benchmarks/desk.py

Everything that the chapter on the project life cycle trains is trained with each seed:
versions of the questions, rows replayed, first low-rank weights and order of batches
follow from it; the base is the same. All numbers are those of the test questions. The
rule learns nothing and has one value. With ``GENBOOK_RUNS`` set, what was trained
before is read.
"""

from __future__ import annotations

import argparse
import os
import statistics
from collections.abc import Callable, Sequence

os.environ.setdefault("OMP_NUM_THREADS", "1")

from genbook.course.recipes.desk import adapt, align, desk_rows, preferences
from genbook.practice import retrieval
from genbook.practice.answering import (
    exact_match,
    grounded,
    honesty,
    precision,
    read,
    right,
)
from genbook.practice.comparison import paired
from genbook.practice.desk import load_desk, normalise, passage_of, rule
from genbook.practice.entries import read_entries
from genbook.practice.finetuning import replay
from genbook.practice.pretrained import load_pretrained
from genbook.practice.reader import Reader

Answers = Callable[[Sequence[str]], list[str]]
TORCH, SCIKIT = load_desk("PyTorch"), load_desk("scikit-learn")
BASE, TOKENS, _ = load_pretrained()
CHANGES = {
    "plain DPO": (0.1, 0.0),
    "likelihood added": (0.1, 0.3),
    "larger beta": (0.5, 0.0),
    "both": (0.5, 0.3),
}


def trained(seed: int) -> dict[str, Reader]:
    """Return the chapter's models, trained with a seed."""
    new = desk_rows(TORCH.train, TOKENS, seed=seed)
    old = desk_rows(SCIKIT.train, TOKENS, versions=1, seed=seed)
    answered = [[q for q in d.train if q.stated] for d in (TORCH, SCIKIT)]
    eager_rows = replay(
        desk_rows(answered[0], TOKENS, seed=seed),
        desk_rows(answered[1], TOKENS, versions=1, seed=seed),
        0.5,
        seed=seed,
    )
    models = {"full": adapt(BASE, new, seed=seed)[0]}
    models["low rank"], _ = adapt(BASE, new, rank=2, steps=120, seed=seed)
    models["full, with replay"], _ = adapt(
        BASE, replay(new, old, 1.0, seed=seed), steps=80, seed=seed
    )
    models["eager"] = eager = adapt(BASE, eager_rows, rank=2, seed=seed)[0]
    asked = preferences(eager, TOKENS, TORCH.train)
    for name, (beta, share) in CHANGES.items():
        models[name], _ = align(eager, asked, beta=beta, likelihood=share, seed=seed)
    rows = desk_rows(TORCH.train, TOKENS, versions=1, seed=seed)
    models["told"], _ = adapt(eager, rows, rank=2, steps=45, lr=3e-3, seed=seed)
    return models


def habits(answers: Answers) -> dict[str, float]:
    """Return what a desk does with the test questions, each passage at hand."""
    said = answers([q.passage for q in TORCH.test])
    elsewhere = answers([q.passage for q in SCIKIT.test])
    invents, refuses, share = honesty(said, TORCH.test)
    return {
        "PyTorch": exact_match(said, TORCH.test),
        "scikit-learn": exact_match(elsewhere, SCIKIT.test),
        "invents": invents,
        "refuses": refuses,
        "right of stated": share,
    }


def looked_up(answers: Answers, passages: Sequence[str]) -> dict[str, float]:
    """Return the same for passages that a search found."""
    qs, said = TORCH.test, answers(passages)
    known = [normalise(a) == q.default for a, q in zip(said, qs, strict=True)]
    stated = [k for k, q in zip(known, qs, strict=True) if q.stated]
    pairs = zip(said, passages, strict=True)
    safe = [a if grounded(a, p) else "?" for a, p in pairs]
    return {
        "looked up, right of stated": sum(stated) / len(stated),
        "looked up, precision": precision(said, qs),
        "looked up, with guardrail": precision(safe, qs),
    }


def searches(seeds: range) -> list[str]:
    """Print how often each search finds the passage, and return the hybrid's."""
    qs, shelf = TORCH.test, read_entries("PyTorch")
    words = retrieval.WordIndex([retrieval.document_of(e) for e in shelf])
    vectors = retrieval.EmbeddingIndex([retrieval.names_of(e) for e in shelf])
    place = {(e.function, e.parameter): i for i, e in enumerate(shelf)}
    gold = [[place[q.function, q.parameter]] for q in qs]

    def search(texts: Sequence[str]) -> dict[str, list[list[int]]]:
        both = [[index.search(t) for index in (words, vectors)] for t in texts]
        a, b = ([pair[i] for pair in both] for i in (0, 1))
        return {"BM25": a, "embeddings": b, "hybrid": [retrieval.fuse(p) for p in both]}

    found = search([q.text for q in qs])
    asked = {"as written": found} | {
        f"misspelt, seed {s}": search([retrieval.misspelt(q.text, seed=s) for q in qs])
        for s in seeds
    }
    for name, lists in asked.items():
        hit = {
            k: [f[:1] == g for f, g in zip(v, gold, strict=True)]
            for k, v in lists.items()
        }
        shares = "  ".join(f"{k} {sum(v) / len(v):.3f}" for k, v in hit.items())
        d = paired(hit["hybrid"], hit["BM25"])
        print(f"{name:18} {shares}  hybrid - BM25 {d.difference:+.3f} ± {d.error:.3f}")
    return [passage_of(shelf[numbers[0]]) for numbers in found["hybrid"]]


def by(model: Reader) -> Answers:
    """Return a model as a function from passages to answers."""
    return lambda passages: read(model, TOKENS, passages)


def main() -> None:
    """Train and measure with each seed, and print means and ranges."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=3)
    seeds = range(parser.parse_args().seeds)
    passages = searches(seeds)

    def by_rule(texts: Sequence[str]) -> list[str]:
        return [rule(t) for t in texts]

    own = [q.passage for q in TORCH.test]
    of_rule = right(by_rule(own), TORCH.test)
    rows: dict[str, list[dict[str, float]]] = {}
    for name, answers in (("rule", by_rule), ("base", by(BASE))):
        rows[name] = [habits(answers) | looked_up(answers, passages)]
    for seed in seeds:
        for name, model in trained(seed).items():
            row = habits(by(model))
            if name in ("eager", "both", "full, with replay"):
                row |= looked_up(by(model), passages)
            rows.setdefault(name, []).append(row)
            if name == "full, with replay":
                d = paired(right(by(model)(own), TORCH.test), of_rule)
                print(
                    f"seed {seed}: {name} leads the rule by {d.difference:+.3f} "
                    f"± {d.error:.3f}"
                )
    for name, measured in rows.items():
        print(f"\n{name}")
        for k in measured[0]:
            v = [m[k] for m in measured]
            print(f"  {k:28} {statistics.mean(v):.3f}  {min(v):.3f}-{max(v):.3f}")


if __name__ == "__main__":
    main()
