"""A drawn place in a file: the carets are under its characters, whatever comes before it on the line."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import example, given, strategies as st

from sqlmigrate.output.excerpt import draw, printable
from sqlmigrate.source import Source, Span


def marked(text: str) -> Span:
    """Return the span of the text between « and »."""
    start, end = text.index("«"), text.index("»") - 1
    return Source("sql/001_a.up.sql", text.replace("«", "").replace("»", "")).span(start, end)


def drawn(span: Span, width: int = 100) -> str:
    return "".join("".join(text for _, text in line) + "\n" for line in draw(span, width))


WHOLE = {
    "a line before and after": (
        "select 1;\nupdate customers\n   set full_name = «frist_name» || ' '\n where full_name is null;\nselect 2;\n",
        """\
  ──▶ sql/001_a.up.sql:3:20
   │
 2 │ update customers
 3 │    set full_name = frist_name || ' '
   │                    ^^^^^^^^^^
 4 │  where full_name is null;
   │
""",
    ),
    "the first line": (
        "«selec» 1;\nselect 2;",
        """\
  ──▶ sql/001_a.up.sql:1:1
   │
 1 │ selec 1;
   │ ^^^^^
 2 │ select 2;
   │
""",
    ),
    "the only line": (
        "select «a»",
        """\
  ──▶ sql/001_a.up.sql:1:8
   │
 1 │ select a
   │        ^
   │
""",
    ),
    "the last line, of four digits": (
        "\n" * 998 + "select 1\n  + «a»\n",
        """\
     ──▶ sql/001_a.up.sql:1000:5
      │
  999 │ select 1
 1000 │   + a
      │     ^
      │
""",
    ),
    "empty lines around": (
        "\n\n  «a»\n\n",
        """\
  ──▶ sql/001_a.up.sql:3:3
   │
 2 │
 3 │   a
   │   ^
 4 │
   │
""",
    ),
    "CRLF": (
        "select 1,\r\n       «a»\r\n  from t;\r\n",
        """\
  ──▶ sql/001_a.up.sql:2:8
   │
 1 │ select 1,
 2 │        a
   │        ^
 3 │   from t;
   │
""",
    ),
    "a lone CR": (
        "select 1,\r       «a»\r  from t;\r",
        """\
  ──▶ sql/001_a.up.sql:2:8
   │
 1 │ select 1,
 2 │        a
   │        ^
 3 │   from t;
   │
""",
    ),
    "tabs": (
        "\tselect 1,\n\tab\t«c»\tas d\n\t  \tfrom t",
        """\
  ──▶ sql/001_a.up.sql:2:5
   │
 1 │     select 1,
 2 │     ab  c   as d
   │         ^
 3 │         from t
   │
""",
    ),
    "a span of several lines": (
        "select 1;\n«create table a (\n    b int\n)»;",
        """\
  ──▶ sql/001_a.up.sql:2:1
   │
 1 │ select 1;
 2 │ create table a (
   │ ^^^^^^^^^^^^^^^^
 3 │     b int
   │
""",
    ),
    "an empty span": (
        "select 1 + «»;",
        """\
  ──▶ sql/001_a.up.sql:1:12
   │
 1 │ select 1 + ;
   │            ^
   │
""",
    ),
    "the end of a line": (
        "select 1 +«»\n",
        """\
  ──▶ sql/001_a.up.sql:1:11
   │
 1 │ select 1 +
   │           ^
   │
""",
    ),
    "an empty text": (
        "«»",
        """\
  ──▶ sql/001_a.up.sql:1:1
   │
 1 │
   │ ^
   │
""",
    ),
}


@pytest.mark.parametrize(("text", "expected"), WHOLE.values(), ids=WHOLE)
def test_a_place_is_drawn(text: str, expected: str) -> None:
    """The path, the line, one before and one after it, and a caret under every character of the place."""
    assert drawn(marked(text)) == expected


# What is shown of a line, the first cell of the place and its width: counted by hand, `select '` takes eight.
WIDTHS = {
    "accents": ("select 'äöü', «é»", "select 'äöü', é", 8 + 3 + 3, 1),
    "combining accents": ("select 'e\u0301a\u0308', «b»", "select 'e\u0301a\u0308', b", 8 + 2 + 3, 1),
    "a combining accent in the word": ("select «e\u0301t»", "select e\u0301t", 7, 2),
    "wide characters": ("select '表名', «b»", "select '表名', b", 8 + 4 + 3, 1),
    "a wide word": ("select «表名», b", "select 表名, b", 7, 4),
    "full-width letters": ("select '\uff21\uff22', «b»", "select '\uff21\uff22', b", 8 + 4 + 3, 1),
    "an emoji": ("select '😀', «b»", "select '😀', b", 8 + 2 + 3, 1),
    "an emoji as the place": ("select «😀»", "select 😀", 7, 2),
    "an emoji of two code points": ("select '\u23f8\ufe0f', «b»", "select '\u23f8\ufe0f', b", 8 + 2 + 3, 1),
    "a family": ("select '👨\u200d👩\u200d👧', «b»", "select '👨\u200d👩\u200d👧', b", 8 + 2 + 3, 1),
    "a zero-width space": ("select '\u200b', «b»", "select '\u200b', b", 8 + 0 + 3, 1),
    "half-width katakana": ("select '\uff71', «b»", "select '\uff71', b", 8 + 1 + 3, 1),
    "Arabic": ("select 'سلام', «b»", "select 'سلام', b", 8 + 4 + 3, 1),
    "a tab after a wide character": ("表\t«b»", "表  b", 4, 1),
    "a tab after three cells": ("abc\t«b»", "abc b", 4, 1),
    "a tab after four cells": ("abcd\t«b»", "abcd    b", 8, 1),
    "a tab as the place": ("a«\t»b", "a   b", 1, 3),
}


@pytest.mark.parametrize(("text", "line", "start", "size"), WIDTHS.values(), ids=WIDTHS)
def test_the_caret_stands_under_the_word(text: str, line: str, start: int, size: int) -> None:
    """A wide character takes two cells, an accent none, a tab up to the next multiple of four."""
    caret = " " * start + "^" * size

    assert drawn(marked(text)).splitlines()[2:4] == [f" 1 │ {line}", f"   │ {caret}"]


# -- long lines --------------------------------------------------------------------------------------------------------

HUNDRED = "".join(f"{n:02}" for n in range(50))  # 100 characters, each two of them different
CUT = {
    "at the beginning": ("«ab»" + HUNDRED, "ab0001020304050607080910111213141516171…", 0, 2),
    "in the middle": (HUNDRED + "«ab»" + HUNDRED, "…444546474849ab000102030405060708091011…", 13, 2),
    "at the end": (HUNDRED + "«ab»", "…1323334353637383940414243444546474849ab", 38, 2),
    "wider than the screen": ("«" + HUNDRED + "»", "000102030405060708091011121314151617181…", 0, 40),
}


@pytest.mark.parametrize(("text", "line", "start", "size"), CUT.values(), ids=CUT)
def test_a_long_line_is_cut_around_the_place(text: str, line: str, start: int, size: int) -> None:
    """A line wider than the screen is cut on both sides of the place, and the caret stays under its word."""
    caret = " " * start + "^" * size

    assert drawn(marked(text), 46).splitlines()[2:4] == [f" 1 │ {line}", f"   │ {caret}"]


def test_the_lines_around_are_cut_at_their_end() -> None:
    """They are shown from their beginning."""
    assert drawn(marked(f"{HUNDRED}\n{HUNDRED}«ab»\n表{'表' * 30}"), 46).splitlines()[2:] == [
        " 1 │ 000102030405060708091011121314151617181…",
        " 2 │ …1323334353637383940414243444546474849ab",
        "   │ " + " " * 38 + "^^",
        " 3 │ " + "表" * 19 + " …",
        "   │",
    ]


UNITS = st.sampled_from(
    [*"abc 0.'", "表", "😀", "é", "e\u0301", "\t", "\u23f8\ufe0f", "👨\u200d👩\u200d👧", "\x1b", "\u202e"]
)
TEXTS = st.lists(UNITS, max_size=300).map("".join)


@given(TEXTS, TEXTS, st.integers(40, 120))
@example("表" * 200, "名" * 200, 40)
@example("a" * 39, "b", 46)
def test_no_line_is_wider_than_the_screen(before: str, after: str, width: int) -> None:
    """The drawing never takes more cells than there are, and always shows the word with its caret."""
    span = marked(f"select x{before}, «the_word» {after}\n{after}")

    lines = drawn(span, width).splitlines()

    assert all(cells(line) <= width for line in lines[1:])
    shown, caret = lines[2], lines[3]
    assert "the_word" in shown
    assert cells(shown[: shown.index("the_word")]) == caret.index("^")
    assert caret.count("^") == len("the_word")


def cells(text: str) -> int:
    """Count cells as a terminal does, by other means than the program: the parts of an emoji count once, marks not at
    all.
    """
    text = text.replace("👨\u200d👩\u200d👧", "表").replace("\u23f8\ufe0f", "表")
    wide = sum(unicodedata.east_asian_width(character) in "WF" for character in text)
    return len(text) + wide - sum(unicodedata.combining(character) > 0 for character in text)


def test_a_line_of_five_megabytes_is_drawn_at_once() -> None:
    """A place in the middle of one very long line is drawn without looking at all of it."""
    span = marked("insert into t values " + "(1), " * 500_000 + "(«frist_name»)" + ", (1)" * 500_000)

    assert drawn(span, 46).splitlines()[2:4] == [
        " 1 │ … (1), (1), (frist_name), (1), (1), (1)…",
        "   │              ^^^^^^^^^^",
    ]


# -- control characters ------------------------------------------------------------------------------------------------

HARMFUL = [
    "\x00", "\x07", "\x08", "\x1b", "\x1b[2J", "\x1b]0;title\x07", "\x7f", "\x85", "\x9b31m", "\r", "\x0b", "\x0c",
    "\u202a", "\u202e", "\u2066", "\u2069", "\u2028", "\u2029",
]  # fmt: skip


@pytest.mark.parametrize("text", HARMFUL, ids=ascii)
def test_what_would_move_the_cursor_is_replaced(text: str) -> None:
    """No text of a file or a message clears the screen, changes colours or reverses the direction of writing."""
    assert "\ufffd" in printable(text)
    assert not [character for character in printable(text) if unicodedata.category(character) in ("Cc", "Zl", "Zp")]
    assert printable(f"a{text}b")[0] + printable(f"a{text}b")[-1] == "ab"


@given(st.text())
def test_printable_text_keeps_its_length(text: str) -> None:
    """Every character is kept or replaced by one: no place moves, and what is kept is harmless."""
    shown = printable(text)

    assert len(shown) == len(text)
    assert all(character in "\t\n" or unicodedata.category(character) != "Cc" for character in shown)
    assert all(kept in (was, "\ufffd") for was, kept in zip(text, shown, strict=True))


def test_control_characters_do_not_move_the_caret() -> None:
    """An escape sequence before the word is drawn as signs of one cell each."""
    assert drawn(marked("select '\x1b[31m\x07', «a»")).splitlines()[2:4] == [
        " 1 │ select '\ufffd[31m\ufffd', a",
        "   │                  ^",
    ]


def test_the_path_is_shown_as_it_is_given() -> None:
    """An editor can open the place with a click."""
    assert drawn(Source("db/my sql/7_é.up.sql", "a").span(0)).splitlines()[0] == "  ──▶ db/my sql/7_é.up.sql:1:1"
