"""What the history keeps of large texts, and how such a text is recognised."""

from __future__ import annotations

from pathlib import Path

import pytest

from sqlmigrate.errors import MigrationError
from sqlmigrate.files.folder import load
from sqlmigrate.files.migration import Migration, checksum
from sqlmigrate.history.texts import BEGINNING, NOTHING, Recorded, down_text, recorded, up_text
from sqlmigrate.parsing.script import read
from sqlmigrate.parsing.splitter import split
from sqlmigrate.source import Source

MB = 1 << 20
LINE = "1\ta line of the data, as long as lines are\n"


def migration(up: str, down: str = "") -> Migration:
    return Migration("001", "a", Source("sql/001_a.up.sql", up), Source("sql/001_a.down.sql", down))


def text_of(size: int) -> str:
    """Make a text of statements with so many bytes."""
    return ("select 1;\n" * (size // 10 + 1))[: size - 1] + "\n"


def test_a_text_up_to_1_mb_is_kept_whole() -> None:
    """The border is the number of bytes of the file."""
    text = text_of(MB)
    assert up_text(migration(text)) == text
    assert recorded(text, None, checksum(text)) == Recorded(text)

    wide = "-- " + "ü" * (MB // 2) + "\n"
    assert len(wide) < MB
    assert up_text(migration(wide)) != wide


def test_a_longer_text_is_shortened_and_recognised() -> None:
    """The first kilobyte is kept, and what is read is not taken for a whole text."""
    text = text_of(MB + 1)

    kept = up_text(migration(text))

    assert kept == (
        text[:BEGINNING]
        + "\n-- sqlmigrate: shortened: the beginning of 1,048,577 bytes; the checksum is that of the whole file\n"
    )
    found = recorded(kept, "select 2;", checksum(text))
    assert found == Recorded(None, "select 2;", kept)
    assert (found.head, found.statements) == (kept, "")


def test_a_character_is_not_cut_in_the_middle() -> None:
    """The beginning ends before a character that would be cut."""
    kept = up_text(migration("-- " + "ü" * MB))

    assert kept.startswith("-- " + "ü" * 510 + "\n-- sqlmigrate: shortened")


def test_a_file_that_ends_with_our_line_is_recognised_by_its_checksum() -> None:
    """Another tool may have executed it: with its own checksum it is whole."""
    kept = up_text(migration(text_of(MB + 1)))

    assert recorded(kept, None, checksum(kept)) == Recorded(kept)
    assert recorded(kept.replace("\n", "\r\n"), None, checksum(kept)).up is not None
    assert recorded(None, None, None) == NOTHING


@pytest.mark.parametrize(
    "text",
    [
        text_of(MB + 1),
        "delete from a\n" + " " * MB + "where false;\n",
        f"insert into a values {'(1),' * MB}(2);\n",
        f"create function f() returns text language sql as $$ select '{'x' * MB}' $$;\n",
        f"/* {'x' * MB} */ select 1;\n",
    ],
    ids=["statements", "a statement that would be cut", "values", "a body", "a comment"],
)
def test_a_shortened_text_is_refused_as_a_file(text: str) -> None:
    """Wherever it was cut, it cannot be executed: it is not split, or our line says what it is."""
    with pytest.raises(MigrationError) as caught:
        read(Source("sql/001_a.up.sql", up_text(migration(text))))

    messages = [caught.value.message, *(each.message for each in caught.value.others)]
    assert any("never closed" in each or "only a part of the file" in each for each in messages), messages


def test_without_a_transaction_all_statements_are_kept(tmp_path: Path) -> None:
    """Data that stay on disk are replaced by their checksum; the rest is as in the file."""
    data = LINE * 30_000
    text = f"create table a (n int, t text);\ncopy a from stdin;\n{data}\\.\nselect 'ü';\n"
    (tmp_path / "001_a.up.sql").write_text(text)
    (large,) = load(tmp_path)

    kept = up_text(large, keeps_statements=True)

    assert [each.text for each in split(kept)] == ["create table a (n int, t text)", "copy a from stdin", "select 'ü'"]
    assert len(kept) < 500
    found = recorded(kept, None, checksum(text))
    assert (found.up, found.shortened, found.statements) == (None, kept, kept)
    assert up_text(migration(text), keeps_statements=True) == text
    with pytest.raises(MigrationError, match="only a part of the file"):
        read(Source("sql/001_a.up.sql", kept))


def test_the_beginning_ends_where_data_are_missing(tmp_path: Path) -> None:
    """What is kept is a beginning of the file, not its text with the data left out."""
    (tmp_path / "001_a.up.sql").write_text(f"copy a from stdin;\n{LINE * 30_000}\\.\nselect 1;\n")

    assert up_text(load(tmp_path)[0]).startswith("copy a from stdin;\n-- sqlmigrate: shortened: the beginning of 1,")


def test_a_down_text_is_kept_whole(tmp_path: Path) -> None:
    """It is executed without its file; of a file that has changed meanwhile, nothing is recorded."""
    text = f"copy a from stdin;\n{LINE * 30_000}\\.\n"
    (tmp_path / "001_a.up.sql").write_text("select 1;")
    (tmp_path / "001_a.down.sql").write_text(text)
    (large,) = load(tmp_path)

    assert (large.down and large.down.on_disk) != ()
    assert down_text(large) == text
    assert down_text(migration("select 1;", text)) == text
    (tmp_path / "001_a.down.sql").write_text(text + "select 1;")
    with pytest.raises(MigrationError, match="was changed while this command ran"):
        down_text(large)
