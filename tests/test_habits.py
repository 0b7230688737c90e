"""What a newcomer and a public host rely on: that it calls only what is there."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tomllib
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest
import yaml

from genbook.publishing.website.addresses import MISTAKES

ROOT = Path(__file__).parents[1]
HOST = ROOT / ".github"
WORKFLOWS = sorted((HOST / "workflows").glob("*.yml"))
FORMS = sorted((HOST / "ISSUE_TEMPLATE").glob("*.yml"))
MAKEFILE = (ROOT / "Makefile").read_text("utf8")
TARGETS = set(re.findall(r"^([a-z]+):", MAKEFILE, re.MULTILINE))

each_workflow = pytest.mark.parametrize("path", WORKFLOWS, ids=lambda p: p.name)


def read(path: Path) -> dict[str, Any]:
    return yaml.safe_load(path.read_text("utf8"))


def steps(path: Path) -> list[dict[str, Any]]:
    return [step for job in read(path)["jobs"].values() for step in job["steps"]]


# A public host -------------------------------------------------------------------


@each_workflow
def test_a_workflow_calls_what_is_there(path: Path) -> None:
    workflow = read(path)
    assert workflow["name"] == path.stem
    assert workflow[True], "YAML reads `on` as true; it says when"
    assert workflow["permissions"] == {"contents": "read"}, "a job may ask for more"
    for job in workflow["jobs"].values():
        assert job["timeout-minutes"]
    for step in steps(path):
        assert ("run" in step) != ("uses" in step)
        assert not re.search(r"\$\{\{", step.get("run", "")), "pass it by env"
        for action in [step["uses"]] if "uses" in step else []:
            assert re.fullmatch(r"actions/[\w-]+@v\d+", action), action
        for target in re.findall(r"\bmake ([a-z]+)", step.get("run", "")):
            assert target in TARGETS, target
        for script in re.findall(r"(?:^|\s)(\.[\w-]+/[\w/.-]+)", step.get("run", "")):
            assert os.access(ROOT / script, os.X_OK), script


def test_every_change_is_tested_and_main_is_published() -> None:
    test, publish = (read(HOST / "workflows" / n) for n in ("test.yml", "publish.yml"))
    assert "pull_request" in test[True]
    assert "main" in test[True]["push"]["branches-ignore"]
    assert publish[True]["push"]["branches"] == ["main"]
    runs = [step.get("run", "") for step in steps(HOST / "workflows" / "publish.yml")]
    tested, built, pushed = (
        next(i for i, run in enumerate(runs) if word in run)
        for word in (".ci/run", "make site", "gh-pages")
    )
    assert tested < built < pushed, "what has not passed is not published"
    [job] = publish["jobs"].values()
    assert job["env"]["GENBOOK_NOTEBOOKS"] == "all", "nor notebooks that have not run"
    assert any(step.get("run") == ".ci/run" for step in steps(WORKFLOWS[-1]))


def test_the_site_of_a_host_has_everything() -> None:
    recipe = re.search(r"^site:.*\n((?:\t.*\n)+)", MAKEFILE, re.MULTILINE)
    assert recipe is not None
    made = recipe[1].index("pdf epub")
    copied = recipe[1].index("cp _build/genbook.pdf _build/genbook.epub _build/html/")
    assert made < copied < recipe[1].index("$(BUILD)"), "the pages link what is there"


@pytest.mark.parametrize("path", FORMS, ids=lambda p: p.name)
def test_forms_for_issues_are_whole(path: Path) -> None:
    form = read(path)
    if path.stem == "config":
        assert form == {"blank_issues_enabled": True}
        return
    assert form["name"]
    assert form["description"]
    ids = [field["id"] for field in form["body"]]
    assert len(ids) == len(set(ids)) > 1
    for field in form["body"]:
        assert field["type"] in {"input", "textarea"}
        assert field["attributes"]["label"]


def test_the_link_of_a_page_opens_a_form_that_asks_for_it() -> None:
    form = read(HOST / "ISSUE_TEMPLATE" / MISTAKES)
    assert "page" in [field["id"] for field in form["body"]]
    assert (HOST / "PULL_REQUEST_TEMPLATE.md").is_file()


def test_the_book_does_not_read_hidden_folders_or_the_pages_beside_it() -> None:
    patterns = read(ROOT / "_config.yml")["exclude_patterns"]
    hidden = {p.name for p in ROOT.iterdir() if p.is_dir() and p.name[0] == "."}
    hidden -= {".git", ".jupyter_cache"}
    beside = {p.name for p in ROOT.glob("*.md")}
    for name in {".ci", ".github"} | hidden | beside:
        assert any(fnmatch(name, str(pattern)) for pattern in patterns), name


# A newcomer ----------------------------------------------------------------------


@pytest.mark.skipif(shutil.which("make") is None, reason="make is missing")
def test_make_help_has_a_line_for_every_target() -> None:
    told = subprocess.run(
        ["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    lines = dict(re.findall(r"^make (\w+) +(\S.*)$", told, re.MULTILINE))
    assert set(lines) == TARGETS
    [phony] = re.findall(r"^\.PHONY: (.*)$", MAKEFILE, re.MULTILINE)
    assert set(phony.split()) == TARGETS
    assert max(map(len, told.splitlines())) <= 80
    first = re.findall(r"^([^\s.#:=]+):(?!=)", MAKEFILE, re.MULTILINE)[0]
    assert first == "html", "make alone builds the website"


def test_a_commit_is_checked_by_what_is_there() -> None:
    config = read(ROOT / ".pre-commit-config.yaml")
    hooks = [hook for repo in config["repos"] for hook in repo["hooks"]]
    assert {repo["repo"] for repo in config["repos"]} == {"local"}, "needs no network"
    entries = {hook["id"]: hook["entry"].split() for hook in hooks}
    assert {"ruff-check", "ruff-format", "mypy", "rules"} <= set(entries)
    tools = {"ruff", "mypy", "python"}
    for hook in hooks:
        assert hook["language"] == "system"
        re.compile(hook.get("files", ""))
        tool, *rest = hook["entry"].split()
        assert tool.removeprefix(".venv/bin/") in tools
        for word in rest:
            assert not word.startswith("tools/") or (ROOT / word).is_file()
    recipe = re.search(r"^lint:.*\n((?:\t.*\n)+)", MAKEFILE, re.MULTILINE)
    assert recipe is not None
    for line in recipe[1].splitlines():
        words = line.replace("$(BIN)/", ".venv/bin/").split()
        same = [set(words) - {"."} <= set(entry) for entry in entries.values()]
        assert any(same), f"make lint runs what no hook does: {line.strip()}"


def test_types_and_editors_are_told() -> None:
    assert (ROOT / "src" / "genbook" / "py.typed").read_text() == ""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text("utf8"))
    editor = (ROOT / ".editorconfig").read_text("utf8")
    assert f"max_line_length = {settings['tool']['ruff']['line-length']}" in editor
    assert editor.startswith("root = true")


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", "ARCHITECTURE.md"])
def test_pages_for_newcomers_name_what_is_there(page: str) -> None:
    text = (ROOT / page).read_text("utf8")
    assert set(re.findall(r"`make (\w+)", text)) <= TARGETS
    prose = re.sub(r"^(`{3,}).*?^\1", "", text, flags=re.DOTALL | re.MULTILINE)
    for path in re.findall(
        r"`((?:src|tests|tools|book|examples|\.github)/[\w/.-]+)`", prose
    ):
        made = "independent" in path or "laplace" in path  # by the six steps
        assert made or (ROOT / path).exists(), path
    for path in re.findall(r"\]\(([^):]+)\)", prose):
        assert (ROOT / path).exists(), path
