"""Large files: the data of their COPYs stay on disk, and everything else is as if the file was held as a whole."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from sqlmigrate.errors import MigrationError
from sqlmigrate.files import large_file
from sqlmigrate.files.compare import is_same_statement
from sqlmigrate.files.folder import load
from sqlmigrate.files.migration import checksum
from sqlmigrate.files.on_disk import Pieces, line_on_disk, stand_in, whole
from sqlmigrate.parsing.splitter import split
from sqlmigrate.parsing.statement import Statement
from sqlmigrate.source import Source

LINE = "1\ta line of the data, as long as lines are\n"
DATA = LINE * 30_000  # more than 1 MB
PIECES = [
    "create table t (a int);\n", "copy t from stdin;\n", "COPY a.b (x, y) FROM STDIN WITH (format csv);\n",
    "copy t from stdin\n with (null ';');\n", "copy t from /* c */ stdin; -- hi\n", "copy t from stdout;\n", "1\t2\n",
    "é\tü€\n", "\\.\n", "\\.\r\n", "\\.", "x\r\ny\r\n", "\r", "-- copy t from stdin;\n", "/*\ncopy t from stdin;\n*/",
    "'\ncopy t from stdin;\n'", "$$ copy t from stdin;\n$$", "select 1;\n", "\n", "\n\n", "values ('a;b');",
    "copy t from stdin;", "\\.x\n", " \\.\n", "select $$;\n", "do $a$ begin end $a$;\n", "copy t from stdin;\r\n", "\\",
    "copy t from stdin;\n1\t2\n\\.\n", "copy t from stdin;\nx\r\ny\r\n\\.x\n\\.\r\n",
    "copy t from stdin (freeze);\né\n\r\n\\.\n",
]  # fmt: skip


@contextmanager
def _short(size: int) -> Iterator[None]:
    """Let data stay on disk that are longer than `size`, although the file is small."""
    before = large_file._SHORT, large_file._LONGEST_AFTER
    large_file._SHORT, large_file._LONGEST_AFTER = size, 40
    try:
        yield
    finally:
        large_file._SHORT, large_file._LONGEST_AFTER = before


def _statements(source: Source, raw: bytes) -> list[tuple[str, int, bytes | None]] | tuple[str, str]:
    """Give text, line and data of each statement; if the text is refused, why and where."""
    try:
        found = list(split(source))
    except MigrationError as error:
        return error.message, str(error.span)
    return [(each.text, each.line, _data(each, raw)) for each in found]


def _data(statement: Statement, raw: bytes) -> bytes | None:
    if on_disk := statement.on_disk:
        return raw[on_disk.start : on_disk.start + on_disk.size]
    return statement.data.text.encode() if statement.data else None


@given(
    pieces=st.lists(st.sampled_from(PIECES), max_size=14),
    size=st.sampled_from([7, 11, 16, 1000]),
    short=st.sampled_from([0, 4]),
    mark=st.sampled_from(["", "\ufeff", "\ufeff\ufeff"]),
)
def test_a_file_is_split_as_if_it_was_held(pieces: list[str], size: int, short: int, mark: str) -> None:
    """Statements, lines, data and checksum are those of the whole text, wherever the parts that are read end."""
    text = (mark + "".join(pieces)).removeprefix("\ufeff")
    raw = (mark + "".join(pieces)).encode()
    with _short(short):
        source = large_file.read("p", (raw[at : at + size] for at in range(0, len(raw), size)))

    expected = _statements(Source("p", text), raw)
    if source is None:  # it has a fault: data without an end
        assert isinstance(expected, tuple), text
        return
    assert _statements(source, raw) == expected
    assert (source.checksum, source.line_count) == (checksum(text), Source("p", text).line_count)


def test_the_data_of_a_large_file_stay_on_disk(tmp_path: Path) -> None:
    """The text has the SQL; the data are known by their place, their size, their lines and their checksum."""
    text = f"create table t (a int, b text);\ncopy t from stdin;\n{DATA}\\.\nselect 1;\n"
    (tmp_path / "001_a.up.sql").write_text(text)

    (migration,) = load(tmp_path)

    assert migration.up.text == "create table t (a int, b text);\ncopy t from stdin;\n\\.\nselect 1;\n"
    assert migration.checksum == checksum(text)
    (data,) = migration.up.on_disk
    assert (data.size, data.lines, data.is_ascii) == (len(DATA), 30_000, True)
    assert [each.line for each in split(migration.up)] == [1, 2, 30_004]
    assert [each.span.line for each in split(migration.up)] == [1, 2, 30_004]
    assert [migration.up.line(number) for number in (2, 3, 30_002, 30_003, 30_004)] == [
        "copy t from stdin;", "…", "…", "\\.", "select 1;"
    ]  # fmt: skip
    assert b"".join(Pieces(migration.up.path, data)) == DATA.encode()
    assert whole(migration.up).text == text
    assert load(tmp_path, holds_data=True)[0].up == Source(migration.up.path, text)


@pytest.mark.parametrize(
    "text",
    [
        f"copy t from stdin;\n{LINE * 20_000}\\.\n",
        f"copy t from stdin;\n{LINE * 10}\\.\ninsert into t values\n{'(1),' * 300_000}(2);\n",
        f"copy t from /* in an unusual form */ stdin;\n{DATA}\\.\n",
        f"create function f() returns text language sql as $$ select '\ncopy t from stdin;\n{DATA}\\.\n' $$;\n",
    ],
    ids=["a small file", "short data", "an unusual form", "not a COPY"],
)
def test_what_stays_in_the_text(text: str, tmp_path: Path) -> None:
    """A small file, short data and what the splitter does not take for data are held."""
    (tmp_path / "001_a.up.sql").write_text(text)

    (migration,) = load(tmp_path)

    assert (migration.up.text, migration.up.on_disk, migration.checksum) == (text, (), checksum(text))


FAULTS = {
    "not UTF-8": (b"\xff", "the byte 0xFF is not UTF-8"),
    "cut in the middle": (b"\xc3", "the byte 0xC3 is not UTF-8"),
    "a NUL byte": (b"\0", "PostgreSQL text cannot contain a NUL byte"),
}


@pytest.mark.parametrize(("byte", "message"), FAULTS.values(), ids=FAULTS)
def test_a_fault_in_data_has_its_place(byte: bytes, message: str, tmp_path: Path) -> None:
    """The data are checked as the rest of the file, and the place is the one in the file."""
    raw = f"copy t from stdin;\n{DATA}".encode() + b"2\t" + byte + b"\n\\.\n"
    (tmp_path / "001_a.up.sql").write_bytes(raw)

    with pytest.raises(MigrationError) as caught:
        load(tmp_path)

    assert caught.value.message == message
    assert caught.value.span
    assert (caught.value.span.line, caught.value.span.column) == (30_002, 3)


def test_utf_16_is_recognised_in_a_large_file(tmp_path: Path) -> None:
    """The message is that of a small file."""
    (tmp_path / "001_a.up.sql").write_text(DATA, encoding="utf-16")

    with pytest.raises(MigrationError, match="is UTF-16, but must be UTF-8"):
        load(tmp_path)


@pytest.mark.parametrize("number", [1, 2, 29_999, 30_000])
def test_a_line_of_the_data_can_be_shown(number: int, tmp_path: Path) -> None:
    """The line is read again, with its neighbours; all line numbers are those of the file."""
    rows = [f"{each}\trow\n" for each in range(1, 30_001)]
    text = f"select 0;\ncopy t from stdin;\n{''.join(rows)}\\.\ncopy t from stdin;\n{DATA}\\.\nselect 1;\n"
    (tmp_path / "001_a.up.sql").write_text(text)
    (migration,) = load(tmp_path)

    shown = line_on_disk(migration.up, migration.up.on_disk[0], number)

    assert shown is not None
    assert (shown.text, shown.line, shown.column) == (f"{number}\trow\n", number + 2, 1)
    lines = text.splitlines()
    for line in range(max(1, shown.line - 1), shown.line + 2):
        assert shown.source.line(line) == lines[line - 1]
    assert shown.source.line_count == migration.up.line_count
    assert line_on_disk(migration.up, migration.up.on_disk[0], 30_001) is None


def test_what_has_changed_is_not_given_as_the_same(tmp_path: Path) -> None:
    """Whoever reads data again gets an error at their end, and never data that were not checked."""
    path = tmp_path / "001_a.up.sql"
    path.write_text(f"copy t from stdin;\n{DATA}\\.\n")
    (migration,) = load(tmp_path)
    (data,) = migration.up.on_disk
    for text in (f"copy t from stdin;\n{DATA[:-2]}X\n\\.\n", f"copy t from stdin;\n{LINE}\\.\n", ""):
        path.write_text(text)
        with pytest.raises(MigrationError, match="was changed while it was being executed"):
            list(Pieces(migration.up.path, data))
        with pytest.raises(MigrationError, match="was changed while this command ran"):
            whole(migration.up)
    path.unlink()
    with pytest.raises(MigrationError, match="cannot be read: No such file or directory"):
        list(Pieces(migration.up.path, data))


def test_statements_with_data_on_disk_are_compared(tmp_path: Path) -> None:
    """They are compared by checksum: with others on disk, with held ones, and with what stands for them."""
    (tmp_path / "001_a.up.sql").write_text(f"copy t from stdin;\n{DATA}\\.\n")
    (tmp_path / "002_b.up.sql").write_text(f"copy t from stdin;\n{DATA}{LINE}\\.\n")
    one, other = (next(iter(split(each.up))) for each in load(tmp_path))
    (held,) = split(f"copy t from stdin;\n{DATA}\\.\n")
    assert one.on_disk
    (named,) = split(f"copy t from stdin;\n{stand_in(one.on_disk.size, one.on_disk.checksum)}\\.\n")

    assert is_same_statement(one, one)
    assert is_same_statement(one, held)
    assert is_same_statement(held, named)
    assert is_same_statement(named, one)
    assert not is_same_statement(one, other)
    assert not is_same_statement(other, held)
    assert not is_same_statement(named, other)


def test_many_words_that_look_like_data_cost_little(tmp_path: Path) -> None:
    """The splitter is asked only a few times about text that looks as if data followed."""
    text = "select $$\n" + "copy t from stdin;  -- of a note\n" * 40_000 + "$$;\n"
    (tmp_path / "001_a.up.sql").write_text(text)
    reader = large_file._Reader("p")
    reader.add(text.encode())

    assert reader._wrong == large_file._MOST_WRONG
    assert load(tmp_path)[0].up.text == text
