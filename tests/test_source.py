"""Places in a text: lines and columns as an editor counts them, with all line ends and all characters."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given, strategies as st

from sqlmigrate.source import Source, Span

# What other tools count wrong: line ends, characters that other languages take as line ends, characters of several
# bytes, of two UTF-16 units or of two cells, and combining marks.
PIECES = st.lists(
    st.sampled_from(
        ["\n", "\r\n", "\r", "\n\r", "a", " ", "\t", "é", "表", "😀", "e\u0301", "\u2028", "\x0b", "\x0c", "\x85"]
    )
    | st.text(max_size=3),
    max_size=40,
)
TEXTS = PIECES.map("".join)


def naive_place(text: str, offset: int) -> tuple[int, int]:
    """Count line and column character by character up to the offset."""
    line, column = 1, 1
    for index in range(offset):
        ends_line = text[index] == "\n" or (text[index] == "\r" and text[index + 1 : index + 2] != "\n")
        line, column = (line + 1, 1) if ends_line else (line, column + 1)
    return line, column


@given(TEXTS)
@example("")
@example("\r\n")
@example("a\r\r\n\nb")
def test_a_place_is_where_a_naive_count_finds_it(text: str) -> None:
    """Every offset, and the end of the text, has the line and column that counting gives."""
    source = Source("a.sql", text)

    assert [source.place(offset) for offset in range(len(text) + 1)] == [
        naive_place(text, offset) for offset in range(len(text) + 1)
    ]


@given(TEXTS)
@example("a\r\r\n\nb\n")
def test_lines_are_the_texts_between_line_ends(text: str) -> None:
    """LF, CRLF and a single CR end a line, and no other character does."""
    source = Source("a.sql", text)

    lines = [source.line(number) for number in range(1, source.line_count + 1)]

    assert lines == re.split(r"\r\n|\n|\r", text)


@given(TEXTS, st.data())
def test_a_span_is_its_text_and_its_place(text: str, data: st.DataObject) -> None:
    """A span has its characters, the place of the first, and the line of the last."""
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, len(text)))

    span = Source("a.sql", text).span(start, end)

    assert span.text == text[start:end]
    assert (span.line, span.column) == naive_place(text, start)
    assert span.end_line == naive_place(text, max(start, end - 1))[0]
    assert str(span) == f"a.sql:{span.line}:{span.column}"


WORDS = {
    "a name": ("select frist_name || x", 7, "frist_name"),
    "a name with digits and a dollar": ("drop table t1$a;", 11, "t1$a"),
    "letters of any language": ("select größe_é from t", 7, "größe_é"),
    "a name with a schema": ("drop table a.b", 11, "a"),
    "a quoted name": ('drop table "Order ""x""" ;', 11, '"Order ""x"""'),
    "a string": ("select 'it''s' as a", 7, "'it''s'"),
    "a quote that is not closed on its line": ('select "a\nb"', 7, '"'),
    "an operator": ("select a + b", 9, "+"),
    "a bracket": ("select (a)", 7, "("),
    "a wide character": ("select 表名 from t", 7, "表名"),
    "an emoji": ("select 😀 from t", 7, "😀"),
    "the last character": ("select 1;", 8, ";"),
    "the end of the text": ("select", 6, ""),
}


@pytest.mark.parametrize(("text", "start", "word"), WORDS.values(), ids=WORDS)
def test_without_an_end_a_span_is_the_word(text: str, start: int, word: str) -> None:
    """The span is the word at the offset: a name, a quoted name, a string, or one character."""
    assert Source("a.sql", text).span(start).text == word


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"], ids=["LF", "CRLF", "CR"])
def test_a_place_by_hand(line_end: str) -> None:
    """A word after an accent, a wide character, an emoji and a tab has the place that an editor shows."""
    text = line_end.join(["-- é", "select '表😀',\tname", "  from t", ""])
    source = Source("sql/001_a.up.sql", text)

    assert str(source.span(text.index("name"))) == "sql/001_a.up.sql:2:14"
    assert str(source.span(text.index("from"))) == "sql/001_a.up.sql:3:3"
    assert [source.line(number) for number in (1, 2, 3, 4)] == ["-- é", "select '表😀',\tname", "  from t", ""]
    assert source.line_count == 4


def test_an_empty_text_has_one_line() -> None:
    """An empty text has one empty line, and its only place is 1:1."""
    source = Source("a.sql", "")

    assert (source.line_count, source.line(1), source.place(0)) == (1, "", (1, 1))


def test_spans_are_values() -> None:
    """Two spans of the same part of the same text are equal, and can be in a set."""
    source = Source("a.sql", "select 1")

    assert {source.span(0), source.span(0, 6), Span(Source("a.sql", "select 1"), 0, 6)} == {source.span(0)}


def test_places_in_a_long_file() -> None:
    """A place is found by binary search: 100,000 of them in a file of as many lines are found quickly."""
    text = "select 1;\n" * 100_000
    source = Source("a.sql", text)

    assert all(source.place(10 * line) == (line + 1, 1) for line in range(100_000))
