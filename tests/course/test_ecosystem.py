"""Every part of the ecosystem is drawn, tabled, and played by something that exists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from genbook.course.ecosystem import PARTS, Part, table_lines

ROOT = Path(__file__).parents[2]
CHAPTER = ROOT / "book" / "practice" / "ecosystem.md"
WANTED = {
    "consumers",
    "application interfaces",
    "prompts and completions",
    "feedback",
    "generative models",
    "supporting models",
    "information sources",
    "external systems",
    "tools and frameworks",
    "monitoring and logging",
    "operational tooling",
    "infrastructure",
}
MANAGED = ("SageMaker", "JumpStart", "Bedrock", "CloudWatch", "CloudTrail")


def test_the_parts_are_those_of_the_course() -> None:
    names = [part.name for part in PARTS]
    assert len(names) == len(set(names))
    assert set(names) == WANTED
    for service in (*MANAGED, "CodeWhisperer"):
        assert any(service in part.aws for part in PARTS), service


@pytest.mark.parametrize("part", PARTS, ids=lambda part: part.name)
def test_what_plays_a_part_exists(part: Part) -> None:
    contents = (ROOT / "_toc.yml").read_text("utf8")
    assert f"- file: book/{part.chapter}\n" in contents
    assert part.code
    for path in part.code:
        if "practice/" in path and path.endswith(".md"):
            assert f"- file: {path.removesuffix('.md')}\n" in contents
        else:
            assert (ROOT / path).exists(), path


def test_the_table_of_the_chapter_is_that_of_the_data() -> None:
    text = CHAPTER.read_text("utf8")
    found = re.search(r"\| part \|.*?\n\|[-|]+\n((?:\|.*\n)+)", text)
    assert found
    assert found[1].splitlines() == table_lines()


def test_the_chapter_owns_its_rows() -> None:
    front = yaml.safe_load(CHAPTER.read_text("utf8").split("---")[1])
    assert front["course"] == ["I3", "I4"]
