"""The rules of the captions' grammar, built from the tables of words."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping

from genbook.data.still_life import _tables as t
from genbook.data.still_life._rule import Rule, Rules
from genbook.data.still_life.meaning import COLOURS, HELD_OUT, KINDS


def colour_probabilities(kind: str, *, held_out: bool) -> dict[str, float]:
    """Return how likely each colour of a kind is, without the pairs held out if so."""
    pairs = zip(COLOURS, t.COLOUR[kind], strict=True)
    p = {c: w for c, w in pairs if not (held_out and (c, kind) in HELD_OUT)}
    return {c: w / sum(p.values()) for c, w in p.items()}


def still_life_rules(*, held_out: bool) -> Rules:
    """Return all rules; the start symbol is ``"S"``, and no symbol is a word."""
    rules = _adjectives(held_out) | _nouns() | _frame()
    for kind in KINDS:
        rules |= _one_group(kind) | _two_groups(kind) | _three_groups(kind)
    return rules


def _choice(weights: Mapping[str, float], fact: str | None = None) -> list[Rule]:
    """Return rules for a choice of words, all of which say one thing."""
    says = () if fact is None else (tuple(fact.split("=")),)
    return [Rule(p, tuple(words.split()), says) for words, p in weights.items()]  # type: ignore[arg-type]


def _lead(name: str, weights: Mapping[str, float]) -> list[Rule]:
    """Return rules for a choice between symbols that begin with a name."""
    return [Rule(p, (f"{name}={value}",)) for value, p in weights.items()]


def _perhaps(symbol: str, p: float) -> list[Rule]:
    """Return rules that say something with a probability, and else nothing."""
    return [Rule(1 - p, ()), Rule(p, (symbol,))]


def _adjectives(held_out: bool) -> Rules:
    """Return the rules of sizes and colours, of each of three groups."""
    rules: Rules = {}
    for i in (1, 2, 3):
        rules[f"size{i}"] = _lead(f"size{i}", t.SIZE)
        for name, table in (("size", t.SIZE_WORDS), ("colour", t.COLOUR_WORDS)):
            for value, words in table.items():
                fact = f"{name}{i}={value}"
                rules[fact] = _choice(words, fact)
        for kind in KINDS:
            p = colour_probabilities(kind, held_out=held_out)
            rules[f"colour{i}|{kind}"] = _lead(f"colour{i}", p)
    return rules


def _nouns() -> Rules:
    """Return the rules of things with what is said of them: "two ripe red apples"."""
    rules: Rules = {f"count={n}": _choice(p) for n, p in t.COUNT_WORDS.items()}
    for kind in KINDS:
        rules[f"extra|{kind}"] = _choice(t.EXTRA_WORDS[kind])
        rules[f"from|{kind}"] = _choice(t.FROM_WORDS[kind])
        rules[f"from?|{kind}"] = _perhaps(f"from|{kind}", t.SAY_FROM)
    for i, kind, n in itertools.product((1, 2, 3), KINDS, t.COUNT):
        says = ((f"kind{i}", kind), (f"count{i}", n))
        count, noun = n or "some", kind if n == 1 else f"{kind}s"
        optional = (
            (t.SAY_SIZE, f"size{i}"),
            (t.SAY_EXTRA, f"extra|{kind}"),
            (t.SAY_COLOUR, f"colour{i}|{kind}"),
        )
        out = []
        for said in itertools.product((False, True), repeat=3):
            p, parts = 1.0, []
            for yes, (q, symbol) in zip(said, optional, strict=True):
                p *= q if yes else 1 - q
                parts += [symbol] * yes
            bare = n == 1 and kind == "apple" and not parts
            first = f"count={count}" + " apple" * bare
            out.append(Rule(p, (first, *parts, noun, f"from?|{kind}"), says))
        rules[f"things{i}|{kind}{count}"] = out
    return rules


def _frame() -> Rules:
    """Return the rules of where, when and of the sentence as a whole."""
    rules: Rules = {"when": _lead("light", t.LIGHT), "where": _lead("cloth", t.CLOTH)}
    rules["relation"] = _lead("relation", t.RELATION)
    for name, table in (
        ("light", t.LIGHT_WORDS),
        ("cloth", t.CLOTH_WORDS),
        ("relation", t.RELATION_WORDS),
    ):
        for value, words in table.items():
            rules[f"{name}={value}"] = _choice(words, f"{name}={value}")
    rules["where?"], rules["when?"] = _perhaps("where", 0.4), _perhaps("when", 0.3)
    each = 1 / len(KINDS)
    ones = [(f"S1|{k}{n or 'some'}", p) for k in KINDS for n, p in t.COUNT.items()]
    twos = [(f"S2|{k}{a}{b}", p) for k in KINDS for (a, b), p in t.COUNTS.items()]
    rules["S1"] = [Rule(each * p, (symbol,)) for symbol, p in ones]
    rules["S2"] = [Rule(each * p, (symbol,)) for symbol, p in twos]
    rules["S3"] = [Rule(each, (f"S3|{kind}",)) for kind in KINDS]
    rules["scene"] = [
        Rule(0.25, ("S1",)),
        Rule(0.60, ("S2", "where?")),
        Rule(0.15, ("S3", "where?")),
    ]
    rules["S"] = [
        Rule(0.15, ("when", ",", "scene", ".")),
        Rule(0.85, ("scene", "when?", ".")),
    ]
    return rules


def _one_group(kind: str) -> Rules:
    """Return the rules of sentences about one group, and its verbs."""
    rules: Rules = {}
    for n in t.COUNT:
        key = f"{kind}{n or 'some'}"
        ending, be = ("s", "is") if n == 1 else ("", "are")
        verbs = {verb + ending: p for verb, p in t.VERBS[kind].items()}
        rules[f"verb|{key}"] = _choice(verbs)
        rules[f"S1|{key}"] = [
            Rule(0.55, (f"things1|{key}", f"verb|{key}", "where")),
            Rule(0.45, ("there", be, f"things1|{key}", "where?")),
        ]
    return rules


def _two_groups(kind: str) -> Rules:
    """Return the rules of sentences about a group of a kind and a second one."""
    rules: Rules = {}
    for n, m in t.COUNTS:
        key, things, verb = f"{kind}{n}{m}", f"things1|{kind}{n}", f"verb|{kind}{n}"
        second, named = f"second|{key}", f"named|{key}"
        p = dict.fromkeys(KINDS, (1 - t.SAME_KIND) / (len(KINDS) - 1))
        p[kind] = t.SAME_KIND
        rules[named] = [Rule(q, (f"things2|{k}{m}",)) for k, q in p.items()]
        rules[second] = [Rule(q, s) for q, s, _ in rules[named] if kind not in s[0]]
        rules[second] += [
            Rule(t.SAME_KIND * t.ONE, (f"ones|{kind}{m}",)),
            Rule(t.SAME_KIND * (1 - t.ONE), (f"things2|{kind}{m}",)),
        ]
        count, one = ("a", "one") if m == 1 else ("two", "ones")
        says = (("kind2", kind), ("count2", m))
        rules[f"ones|{kind}{m}"] = [
            Rule(1 - t.SAY_SIZE, (count, f"colour2|{kind}", one), says),
            Rule(t.SAY_SIZE, (count, "size2", f"colour2|{kind}", one), says),
        ]
        out = [
            Rule(0.5, (things, verb, "relation", second)),
            Rule(0.2, ("there", "is" if n == 1 else "are", things, "relation", second)),
            Rule(0.3, ("relation", named, verb, things)),
        ]
        if (n, m) == (1, 2):  # "a pear stands between two lemons"
            out = [Rule(0.6 * rule.p, *rule[1:]) for rule in out]
            out += _between(0.4, 0.625, things, verb, (second, named))
        rules[f"S2|{key}"] = out
    return rules


def _three_groups(kind: str) -> Rules:
    """Return the rules of sentences about one thing between two others."""
    others = list(itertools.permutations([k for k in KINDS if k != kind], 2))
    pairs = [(f"things2|{a}1", "and", f"things3|{b}1") for a, b in others]
    symbol, things = f"others|{kind}", f"things1|{kind}1"
    return {
        symbol: [Rule(1 / len(pairs), pair) for pair in pairs],
        f"S3|{kind}": _between(1.0, 0.7, things, f"verb|{kind}1", (symbol, symbol)),
    }


def _between(
    p: float, plain: float, things: str, verb: str, others: Iterable[str]
) -> list[Rule]:
    """Return rules for a thing between others, in the plain and the turned order."""
    after, before = others
    says = (("relation", "between"),)
    return [
        Rule(p * plain, (things, verb, "between", after), says),
        Rule(p * (1 - plain), ("between", before, verb, things), says),
    ]
