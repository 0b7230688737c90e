"""Shares and lists of what the trials brought to light."""

from __future__ import annotations

from collections import Counter

from bad_values import examples
from bad_values.harvest import harvest
from bad_values.reference import Target, parameters, targets
from bad_values.trials import Outcome, run
from bad_values.verdict import BAD, GOOD, RECORDS

CORE = (
    *("loss", "sample", "log_prob", "elbo", "energy", "encode", "decode", "fit"),
    *("save", "load"),
)


def sweep(start: str = "genbook") -> tuple[list[Outcome], list[Target]]:
    """Try everything public; return the outcomes, and what has no example.

    Args:
        start: How the full names begin, to try a part only.
    """
    wanted = [t for t in targets() if t.id not in RECORDS and parameters(t)]
    calls = harvest(wanted, examples.ALL)
    wanted = [t for t in wanted if t.id.startswith(start)]
    found = run({t: calls[t] for t in wanted if t in calls})
    return found, [t for t in wanted if t not in calls]


def is_core(o: Outcome) -> bool:
    """Whether an outcome is of a method that every reader calls."""
    at_home = o.target.module.startswith(("genbook.models", "genbook.training"))
    return at_home and o.target.attribute in CORE


def share(found: list[Outcome]) -> float:
    """Return the share of outcomes that are as they should be."""
    return sum(o.word in GOOD for o in found) / max(len(found), 1)


def counts(found: list[Outcome]) -> str:
    """Return a line of counts."""
    words = Counter(o.word for o in found)
    listed = ", ".join(f"{words[w]} {w}" for w in (*GOOD, *BAD) if words[w])
    return f"{share(found):6.1%} of {len(found)}: {listed}"


def by_module(found: list[Outcome]) -> dict[str, list[Outcome]]:
    """Return the outcomes of each module."""
    parts: dict[str, list[Outcome]] = {}
    for o in found:
        parts.setdefault(o.target.module, []).append(o)
    return parts


def text(found: list[Outcome], missing: list[Target]) -> str:
    """Return all of it: counts, modules from the worst, and every case amiss."""
    core = [o for o in found if is_core(o)]
    parts = by_module(found)
    amiss = {m: sum(o.word in BAD for o in part) for m, part in parts.items()}
    lines = [f"all    {counts(found)}", f"core   {counts(core)}", ""]
    lines += [f"no example: {t.id}" for t in missing]
    order = sorted(parts, key=lambda m: -amiss[m])
    lines += [f"{m:58} {counts(parts[m])}" for m in order]
    for m in order:
        bad = [o for o in parts[m] if o.word in BAD]
        lines += ["", f"== {m}: {len(bad)} amiss"] if bad else []
        for o in bad:
            where = f"{o.target.name}({o.parameter} = {o.kind})"
            mark = "CORE " if is_core(o) else ""
            lines.append(f"{mark}{o.word:8} {where:60} {o.seen}")
    return "\n".join(lines) + "\n"
