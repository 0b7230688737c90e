"""Texts of a folder: what is read, what is never divided, what both sides share."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

from genbook.data.texts import load_texts, split_texts


def story(name: str, paragraphs: int) -> list[str]:
    """Return paragraphs that occur nowhere else, each of two lines."""
    rng = random.Random(name)
    words = ["rain", "hill", "café", "of", "the", "went", "slowly", "home", "and"]
    return [
        f"{name} {i}:\n" + " ".join(rng.choices(words, k=20)) for i in range(paragraphs)
    ]


def write(path: Path, paragraphs: list[str], ends: str = "\n") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    text = "\n\n".join(paragraphs).replace("\n", ends)
    path.write_bytes(text.encode("utf-8"))


def flat(paragraphs: list[str]) -> list[str]:
    return [" ".join(p.split()) for p in paragraphs]


def test_every_paragraph_is_read_once_and_short_files_stay_whole(
    tmp_path: Path,
) -> None:
    files = {f"tale-{i:02}.txt": story(f"tale {i}", 5 + i % 3) for i in range(60)}
    files["below/deep/NOTE.MD"] = story("note", 6)
    licence = "All rights reserved, and never mind which."
    for i, (name, paragraphs) in enumerate(files.items()):
        write(tmp_path / name, [licence, *paragraphs], ["\n", "\r\n"][i % 2])
    write(tmp_path / ".hidden" / "a.txt", story("hidden", 500))
    write(tmp_path / "table.csv", story("table", 500))
    pieces = load_texts(tmp_path)
    lines = [line for piece in pieces for line in piece.split("\n")]
    wanted = [licence] + [line for part in files.values() for line in flat(part)]
    assert sorted(lines) == sorted(wanted), "the licence once, the others all"
    for paragraphs in files.values():
        assert sum(set(flat(paragraphs)) <= set(p.split("\n")) for p in pieces) == 1
    sizes = [len(piece) for piece in pieces]
    assert 20 <= len(pieces) <= 40
    assert max(sizes) < 3 * sum(sizes) / 40


def test_a_long_file_is_cut_into_stretches(tmp_path: Path) -> None:
    book = story("book", 600)
    write(tmp_path / "book.txt", book)
    pieces = load_texts(tmp_path)
    assert [line for piece in pieces for line in piece.split("\n")] == flat(book)
    assert 35 <= len(pieces) <= 40


def test_a_text_without_paragraphs_is_cut_between_words(tmp_path: Path) -> None:
    words = [f"word{i}" for i in range(8000)]
    write(tmp_path / "one.txt", [" ".join(words)])
    pieces = load_texts(tmp_path)
    assert " ".join(pieces).split() == words
    assert len(pieces) > 10


def test_no_paragraph_stands_on_both_sides(tmp_path: Path) -> None:
    shared = story("shared", 40)
    for i in range(12):  # copies of copies, as folders hold them
        write(tmp_path / f"{i}.txt", story(str(i), 40) + shared)
    for seed in range(3):
        split = split_texts(load_texts(tmp_path), 0.25, seed=seed)
        kept, unseen = set(split.kept.split("\n")), set(split.unseen.split("\n"))
        assert not kept & unseen
        assert len(kept | unseen) == 12 * 40 + 40
        share = len(split.unseen) / len(split.kept + split.unseen)
        assert 0.1 < share < 0.4


def test_a_split_holds_out_what_is_asked() -> None:
    texts = [f"text {i}" for i in range(50)]
    split = split_texts([*texts, *texts], 0.2, seed=3)
    assert len(split.unseen.split("\n")) == 10
    assert sorted((split.kept + "\n" + split.unseen).split("\n")) == sorted(texts)
    assert split == split_texts(texts, 0.2, seed=3)
    assert split != split_texts(texts, 0.2, seed=4)
    assert [len(split_texts(["a", "b"], q).unseen) for q in (0.01, 0.99)] == [1, 1]


def test_characters_that_nobody_learned_become_spaces_and_are_counted() -> None:
    texts = ["aab", "bba", "abaß"]
    sides = {seed: split_texts(texts, seed=seed) for seed in range(10)}
    foreign = [split for split in sides.values() if "ß" not in split.kept]
    assert foreign, "one of the seeds holds it out"
    assert len(foreign) < 10
    assert all(split.unseen == "aba " for split in foreign)
    assert all(split.foreign == 0.25 for split in foreign)
    rest = [split for split in sides.values() if split not in foreign]
    assert all(split.foreign == 0 for split in rest)


def test_what_is_said_of_a_bad_folder(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"must be one of texts, got .*nowhere"):
        load_texts(tmp_path / "nowhere")
    with pytest.raises(ValueError, match=r"must hold texts \(.txt or .md\), found no"):
        load_texts(tmp_path)
    write(tmp_path / "scan.pdf", ["%PDF"])
    with pytest.raises(ValueError, match=rf"{tmp_path.name}.* found only \.pdf"):
        load_texts(tmp_path)
    with pytest.raises(NotADirectoryError, match=r"scan\.pdf is a file"):
        load_texts(tmp_path / "scan.pdf")
    write(tmp_path / "short.txt", story("short", 2))
    with pytest.raises(ValueError, match=r"at least 20,000 char.*its 1 files hold \d+"):
        load_texts(tmp_path)
    write(tmp_path / "long.txt", story("long", 300))
    with pytest.raises(ValueError, match=r"at most 5,000 bytes .*its 2 files hold \d"):
        load_texts(tmp_path, most=5000)
    (tmp_path / "old.md").write_bytes("Das Café".encode("latin-1"))
    with pytest.raises(ValueError, match=r"old\.md must be text in UTF-8; byte 7"):
        load_texts(tmp_path)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: load_texts(3), TypeError, "folder must be a path, got int"),
        (lambda: load_texts(".", most=0), ValueError, "most must be at least 1"),
        (lambda: split_texts("ab"), TypeError, "texts must be a sequence of str"),
        (lambda: split_texts(["a", 1]), TypeError, "got int among them"),
        (lambda: split_texts(["a", "a"]), ValueError, "two different ones, got 1"),
        (lambda: split_texts(["a", "b"], 1), ValueError, "between 0 and 1, got 1"),
        (lambda: split_texts(["a", "b"], seed=-1), ValueError, "seed must be"),
    ],
)
def test_arguments_of_another_kind(
    call: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        call()
