"""What kind of change an edit is: PostgreSQL's own lexer decides whether it would make a difference."""

from __future__ import annotations

import pytest
from hypothesis import assume, given, settings, strategies as st
from sample_size import examples
from splitting_oracles import Refused, tokens

from sqlmigrate.files.compare import diff, what_changed
from sqlmigrate.files.migration import checksum, normalized

SPACE, SQL = "only white space or comments", "SQL"
TABLE = "create table a (\n    b int,\n    c text default 'x  y' -- why\n);\n"
COPY = "copy t (a, b) from stdin;\n1\ttwo  words\n2\t-- no comment\n\\.\nselect 1;\n"

EDITS = {
    # white space
    "an indent": (TABLE, TABLE.replace("    b", "  b"), SPACE),
    "tabs for blanks": (TABLE, TABLE.replace("    ", "\t"), SPACE),
    "all in one line": ("select a,\n       b\n  from t;", "select a, b from t;", SPACE),
    "an empty line": (TABLE, TABLE.replace("b int,\n", "b int,\n\n"), SPACE),
    "a blank at the end of a line": (TABLE, TABLE.replace("b int,", "b int,  "), SPACE),
    "blanks around a comma": ("f(a,b)", "f( a , b )", SPACE),
    "blanks around brackets": ("a int[ ]", "a int []", SPACE),
    "blanks around a dot": ("select a . b", "select a.b", SPACE),
    "blanks around a cast": ("select a::int", "select a :: int", SPACE),
    "blanks around an operator": ("select a+b", "select a + b", SPACE),
    "a blank before a semicolon": ("select 1;", "select 1 ;", SPACE),
    "a blank after a sign": ("select a=-1", "select a = - 1", SPACE),
    "a form feed and a vertical tab": ("select 1", "select\f\v1", SPACE),
    "a lone carriage return": ("select 1", "select\r1", SPACE),
    "a newline at the head": ("select 1", "\n\nselect 1", SPACE),
    # comments
    "a comment at the head": (TABLE, "-- what this is for\n" + TABLE, SPACE),
    "a comment deleted": (TABLE, TABLE.replace(" -- why", ""), SPACE),
    "another comment": (TABLE, TABLE.replace("why", 'it\'s because of "x" and $$'), SPACE),
    "a comment in place of a blank": ("select 1", "select/**/1", SPACE),
    "a comment between two words": ("select a b", "select a /* as */ b", SPACE),
    "a nested comment": ("select 1", "select /* a /* b; ' */ c */ 1", SPACE),
    "a line comment as a block": ("select 1 -- a\n, 2", "select 1 /* a */ , 2", SPACE),
    "a comment at the end": ("select 1;", "select 1;\n-- done", SPACE),
    "a comment with CRLF": ("select 1 -- a\r\n, 2", "select 1 -- b\r\n, 2", SPACE),
    "a comment that ends at a lone CR": ("select 1 -- a\r, 2", "select 1 -- b\r, 2", SPACE),
    "a statement in a comment": ("select 1;", "select 1;\n-- select 2;", SPACE),
    "comments around an operator": ("select a + b", "select a /* x */ + -- y\n b", SPACE),
    # inside quotes there is no white space
    "a blank in a string": (TABLE, TABLE.replace("'x  y'", "'x y'"), SQL),
    "a newline in a string": ("select 'a b'", "select 'a\nb'", SQL),
    "a comment in a string": ("select '/* a */'", "select '/* b */'", SQL),
    "a line comment in a string": ("select 'a -- b'", "select 'a -- c'", SQL),
    "a quote in a string": ("select 'it''s  a'", "select 'it''s a'", SQL),
    "a blank in an escape string": ("select E'a\\' b'", "select E'a\\'  b'", SQL),
    "a blank in a quoted name": ('select "a b"', 'select "a  b"', SQL),
    "a comment in a quoted name": ('select "a /* b */"', 'select "a"', SQL),
    "a blank in a dollar quote": ("select $$a b$$", "select $$a  b$$", SQL),
    "a comment in a function": ("as $f$ begin -- a\nend $f$", "as $f$ begin -- b\nend $f$", SQL),
    "a tag in a tag": ("select $x$a $$ b$x$", "select $x$a $$  b$x$", SQL),
    "a tag": ("select $a$x$a$", "select $b$x$b$", SQL),
    "a blank in a bit string": ("select B'1'", "select B '1'", SQL),
    "a blank after a letter before a string": ("select n'a'", "select n 'a'", SQL),
    "a blank in a Unicode string": ("select U&'a'", "select U &'a'", SQL),
    "a string that goes on in the next line": ("select 'a'\n'b'", "select 'a' 'b'", SQL),
    "a comment where a string goes on": ("select 'a'\n'b'", "select 'a' /* */\n'b'", SQL),
    # words and numbers
    "a name": (TABLE, TABLE.replace("b int", "d int"), SQL),
    "upper case": ("select a", "SELECT a", SQL),
    "another type": (TABLE, TABLE.replace("int", "bigint"), SQL),
    "two words of one": ("select ab", "select a b", SQL),
    "two numbers of one": ("select 10", "select 1 0", SQL),
    "a decimal point": ("select 1.5", "select 1 .5", SQL),
    "a blank in an exponent": ("select 1e5", "select 1 e5", SQL),
    "a parameter": ("select $1", "select $ 1", SQL),
    "a dollar in a name": ("select a$b$ c$b$", "select a $b$ c$b$", SQL),
    "a name with dollars": ("select a$b$ c$b$", "select a$b$  c$b$", SPACE),
    "a dot added": ("select a.b", "select a..b", SQL),
    "an accent": ("select é", "select e", SQL),
    "a no-break space": ("select 1", "select\u00a01", SQL),
    "a no-break space in a name": ("select a\u00a0b", "select a \u00a0b", SQL),
    "an emoji in a name": ("select a😀b", "select a 😀b", SQL),
    # operators
    "an operator cut in two": ("select a @> b", "select a @ > b", SQL),
    "two operators made one": ("select a = -1", "select a =- 1", SPACE),
    "an operator with a sign": ("select a @-1", "select a @ -1", SQL),
    "a minus that becomes a comment": ("select a - -b", "select a --b", SQL),
    "an operator that becomes a comment": ("select a / * b", "select a /* b */", SQL),
    "less and greater": ("select a <> b", "select a < > b", SQL),
    "a cast cut in two": ("select a::int", "select a: :int", SQL),
    "an arrow": ("f(a => 1)", "f(a = > 1)", SQL),
    # statements
    "a statement added": ("select 1;", "select 1;\nselect 2;", SQL),
    "a statement deleted": ("select 1; select 2;", "select 1;", SQL),
    "two statements of one": ("select 1 as a", "select 1; as a", SQL),
    "another order": ("select 1; select 2;", "select 2; select 1;", SQL),
    "a statement commented out": ("select 1;\nselect 2;", "select 1;\n-- select 2;", SQL),
    "a statement that was commented out before": ("select 1; /* select 2; */", "select 1; select 2;", SQL),
    "everything deleted": ("select 1;", "", SQL),
    "only comments": ("-- nothing", "/* nothing */\n", SPACE),
    # data
    "a blank in the data of a COPY": (COPY, COPY.replace("two  words", "two words"), SQL),
    "a tab in the data of a COPY": (COPY, COPY.replace("1\ttwo", "1 two"), SQL),
    "what looks like a comment in the data of a COPY": (COPY, COPY.replace("-- no comment", "-- none"), SQL),
    "a quote in the data of a COPY": (COPY.replace("two", "it's"), COPY.replace("two", "its"), SQL),
    "an empty line in the data of a COPY": (COPY, COPY.replace("2\t", "\n2\t"), SQL),
    "a comment before a COPY": (COPY, "-- seed\n" + COPY, SPACE),
    "a comment after the data of a COPY": (COPY, COPY.replace("select 1", "/* now */ select  1"), SPACE),
    # texts that cannot be split
    "a string that does not end": ("select 'a b'", "select 'a  b", SQL),
    "a comment that does not end": ("select 1", "select 1 /* a", SQL),
}


@pytest.mark.parametrize(("before", "after", "expected"), EDITS.values(), ids=EDITS)
def test_an_edit_is_classified(before: str, after: str, expected: str) -> None:
    """An edit is only white space or comments if PostgreSQL sees no difference; all others are SQL."""
    assert what_changed(before, after) == what_changed(after, before) == expected


@pytest.mark.parametrize(("before", "after", "expected"), EDITS.values(), ids=EDITS)
def test_the_table_agrees_with_postgresql(before: str, after: str, expected: str) -> None:
    """PostgreSQL's own lexer agrees with the table above, except for edits of COPY data, which it does not know."""
    if "from stdin" in before:
        assert before != after
        return
    assert (lexed(before) == lexed(after)) == (expected == SPACE)


def lexed(text: str) -> list[tuple[str, str]] | None:
    """Return the tokens of PostgreSQL's lexer, name and text; None if it refuses the text."""
    text = normalized(text)
    known = tokens(text)
    if isinstance(known, Refused):
        return None
    return [(token.name, text[token.start : token.end + 1]) for token in known]


PIECES = st.sampled_from([
    "select", "a", "b1", "é", "1", ".", "1.5", "1e5", "0x1F", "1_000", "$1", "'a b'", "'it''s'", "E'a\\' b'", "e'\\\\'",
    "'a'\n'b'", "B'1'", "U&'a'", "n'a'", '"a b"', '"a""b"', "$$a b$$", "$x$a $$ b$x$", "a$b$", "$", ",", ";", "(", ")",
    "+", "-", "*", "/", "<", ">", "=", "~", "!", "@", "#", "%", "^", "&", "|", "`", "?", ":", "::", ":=", "=>", "<>",
    "[", "]", "\\", "e", "u&", "x", "U", "_",
])  # fmt: skip
GAPS = st.sampled_from(["", "", " ", "\n", "\t", "\r\n", "\r", "\f", "/**/", "/* a /* b */ ' */", "-- it's\n", "--\r"])


@st.composite
def texts(draw: st.DrawFn, pieces: list[str]) -> str:
    return "".join(part for piece in pieces for part in (draw(GAPS), piece)) + draw(GAPS)


@settings(max_examples=examples(1000))
@given(st.data(), st.lists(PIECES, max_size=6))
def test_no_change_of_sql_is_reported_as_white_space(data: st.DataObject, pieces: list[str]) -> None:
    """If an edit is only white space or comments, PostgreSQL's lexer sees the same tokens in both texts."""
    before, after = data.draw(texts(pieces)), data.draw(texts(pieces))

    if what_changed(before, after) == SPACE:
        assert lexed(before) == lexed(after)


@settings(max_examples=examples(500))
@given(st.data(), st.lists(PIECES.filter(lambda piece: piece.isidentifier()), max_size=6))
def test_white_space_between_words_is_reported_as_white_space(data: st.DataObject, words: list[str]) -> None:
    """If PostgreSQL's lexer sees the same words, the edit is only white space or comments."""
    before, after = (" ".join(words), "".join(f"{word}{data.draw(GAPS)} " for word in words))
    assume(lexed(before) == lexed(after))

    assert what_changed(before, after) == SPACE


@given(st.text(alphabet="a '\"$-/*\n\t;\\", max_size=20))
def test_a_text_does_not_differ_from_itself(text: str) -> None:
    """No text differs from itself, nor from itself with another newline at the end."""
    assert what_changed(text, text) == SPACE
    assert checksum(text) == checksum(text + "\n")
    assert what_changed(text, text + "\n") == SPACE
    assert diff(text, text + "\n") == []


# -- the diff ----------------------------------------------------------------------------------------------------


def test_a_diff_is_short_and_has_no_header() -> None:
    """A line before and after each change, as in a unified diff, from the text that was executed to the file."""
    assert diff(TABLE, TABLE.replace("b int", "b bigint")) == [
        "@@ -1,3 +1,3 @@",
        " create table a (",
        "-    b int,",
        "+    b bigint,",
        "     c text default 'x  y' -- why",
    ]


def test_a_diff_ignores_what_the_checksum_ignores() -> None:
    """Line endings, a byte order mark and newlines at the end are ignored."""
    assert diff(TABLE, "\ufeff" + TABLE.replace("\n", "\r\n") + "\r\n") == []


def test_a_long_diff_is_cut() -> None:
    """At most 20 lines are shown, and then the number of further lines."""
    lines = diff("\n".join(f"select {n};" for n in range(50)), "\n".join(f"select -{n};" for n in range(50)))

    assert lines[:2] == ["@@ -1,50 +1,50 @@", "-select 0;"]
    assert lines[19:] == ["-select 18;", "… 81 more lines"]


def test_a_diff_in_a_long_line() -> None:
    """A file of 1 MB in one line can be compared."""
    text = "insert into t values " + ", ".join(f"({n}, 'it''s')" for n in range(50_000)) + ";"

    assert what_changed(text, text.replace("(7, ", "(8, ", 1)) == SQL
    assert len(diff(text, text.replace("(7, ", "(8, ", 1))) == 3
