"""The command: its arguments become limits, its files keys."""

from __future__ import annotations

from dataclasses import asdict, fields
from pathlib import Path

import pytest

from genbook import cli
from genbook.practice.serving.__main__ import (
    BOOK_DESK,
    main,
    make_desk,
    parser,
    read_keys,
)
from genbook.practice.serving.settings import Limits


def test_every_limit_is_an_option_with_its_default() -> None:
    args = vars(parser().parse_args(["folder"]))
    wanted = asdict(Limits())
    assert {f.name: args[f.name] for f in fields(Limits)} == wanted
    changed = parser().parse_args(["folder", "--head-seconds", "2", "--queue", "7"])
    assert (changed.head_seconds, changed.queue) == (2.0, 7)


def test_keys_are_read_and_short_ones_are_not(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    path.write_text(
        "# who may ask\nreader 0123456789abcdef\n\nlab  fedcba9876543210!\n"
    )
    assert read_keys(path) == {
        "reader": "0123456789abcdef",
        "lab": "fedcba9876543210!",
    }
    path.write_text("reader tiny-secret\n")
    with pytest.raises(ValueError, match="line 1: must be NAME SECRET") as error:
        read_keys(path)
    assert "tiny-secret" not in str(error.value), "a secret in a message is none"
    path.write_text("# none\n")
    with pytest.raises(ValueError, match="must hold a key, it holds none"):
        read_keys(path)


def test_a_desk_is_made_by_a_named_function() -> None:
    assert make_desk(None) is None
    assert make_desk("builtins:list") == []
    with pytest.raises(ValueError, match="--desk must be MODULE:FUNCTION, got 'desk'"):
        make_desk("desk")


def test_the_option_alone_is_the_desk_of_the_book() -> None:
    both = parser().parse_args(["folder", "--desk"])
    assert (str(both.place), both.desk) == ("folder", BOOK_DESK)
    alone = parser().parse_args(["--desk"])
    assert (alone.place, alone.desk) == (None, BOOK_DESK)
    own = parser().parse_args(["folder", "--desk", "me:mine"])
    assert own.desk == "me:mine"
    assert parser().parse_args(["folder"]).desk is None


def test_what_cannot_be_served_is_said_in_a_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(tmp_path / "nowhere")]) == 2
    assert main([str(tmp_path)]) == 2
    assert cli.main(["serve", str(tmp_path), "--samples", "0"]) == 2
    assert main([]) == 2
    assert main(["--desk", str(tmp_path)]) == 2
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 5
    assert "there is no file or folder" in said[0]
    assert said[2] == "genbook serve: samples must be at least 1, got 0"
    assert said[3] == "genbook serve: give a folder or a file of models, or --desk"
    assert "--desk must be MODULE:FUNCTION" in said[4]


def test_help_comes_from_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["serve", "--help"]) == 0
    assert "--head-seconds" in capsys.readouterr().out
