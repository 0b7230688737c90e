"""One rule of a grammar, and what makes rules a grammar."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from genbook._validate import check_each, check_kind, check_text


class Rule(NamedTuple):
    """One way to go on from a symbol: how likely, to which symbols, saying what.

    Attributes:
        p: The probability among the rules of the symbol.
        symbols: What takes its place: symbols that have rules, and words.
        says: Facts that this settles, such as ``("kind1", "apple")``.
    """

    p: float
    symbols: tuple[str, ...]
    says: tuple[tuple[str, str | int | None], ...] = ()


Rules = dict[str, list[Rule]]


def checked_rules(rules: Mapping[str, Sequence[Rule]], start: str) -> Rules:
    """Return the rules if they are a grammar."""
    check_kind(rules, "rules", Mapping)
    checked: Rules = {}
    for symbol, out in rules.items():
        total = sum(rule.p for rule in check_each(out, "the rules of a symbol", Rule))
        if abs(total - 1) > 1e-9 or any(rule.p < 0 for rule in out):
            raise ValueError(
                f"the probabilities of the rules of {symbol!r} must sum to one and not "
                f"be negative, got a sum of {total}"
            )
        checked[symbol] = list(out)
    if check_text(start, "start") not in checked:
        raise ValueError(f"start must be a symbol with rules, got {start!r}")
    _refuse_circles(checked)
    return checked


def _refuse_circles(rules: Rules) -> None:
    """Refuse a symbol that leads back to itself."""
    done: set[str] = set()

    def visit(symbol: str, above: tuple[str, ...]) -> None:
        if symbol in above:
            raise ValueError(f"rules must not lead from {symbol!r} back to it")
        if symbol in rules and symbol not in done:
            for rule in rules[symbol]:
                for part in rule.symbols:
                    visit(part, (*above, symbol))
            done.add(symbol)

    for symbol in rules:
        visit(symbol, ())
