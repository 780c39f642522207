"""Conflict markers of git, and characters that cannot be seen: refused with their place, and with their names."""

from __future__ import annotations

import pytest

from sqlmigrate.errors import MigrationError
from sqlmigrate.parsing.blemishes import suspicious
from sqlmigrate.parsing.script import read
from sqlmigrate.source import Source


def faults(text: str) -> list[str]:
    """Return the place of each fault of a file, with its message."""
    try:
        read(Source("sql/001_a.up.sql", text))
    except MigrationError as error:
        return [str(each) for each in (error, *error.others)]
    return []


# -- conflicts ---------------------------------------------------------------------------------------------------------

CONFLICT = """\
create table m (a int);
<<<<<<< HEAD
insert into m values (1);
=======
insert into m values (2);
>>>>>>> feature/two
"""
DIFF3 = CONFLICT.replace("=======", "||||||| 1a2b3c4\ninsert into m values (0);\n=======")


@pytest.mark.parametrize("directive", ["", "-- sqlmigrate: no-transaction\n"], ids=["transaction", "no transaction"])
@pytest.mark.parametrize("text", [CONFLICT, DIFF3, CONFLICT.replace("\n", "\r\n")], ids=["two sides", "diff3", "CRLF"])
def test_a_conflict_is_refused(text: str, directive: str) -> None:
    """The place is the first marker."""
    line = 3 if directive else 2
    assert faults(directive + text) == [
        f"sql/001_a.up.sql:{line}:1: `<<<<<<< HEAD` is a conflict marker: a merge was not finished here"
    ]


@pytest.mark.parametrize("marker", ["<<<<<<< HEAD", "||||||| base", "=======", ">>>>>>> feature/two", "<<<<<<<"])
def test_a_marker_that_was_left_is_refused(marker: str) -> None:
    """Whoever resolved the conflict has forgotten one line."""
    assert faults(f"select 1;\n{marker}\nselect 2;\n") == [
        f"sql/001_a.up.sql:2:1: `{marker}` is a conflict marker: a merge was not finished here"
    ]


def test_a_conflict_in_the_middle_of_a_statement() -> None:
    """Not only between statements."""
    text = "create table m (\n<<<<<<< HEAD\n a int\n=======\n b int\n>>>>>>> two\n);\n"
    assert faults(text)[0].startswith("sql/001_a.up.sql:2:1: `<<<<<<< HEAD` is a conflict marker")


def test_a_conflict_that_opens_a_string_is_told_first() -> None:
    """The text cannot be split because of the conflict, so the conflict is the first error."""
    text = "<<<<<<< HEAD\nselect 1;\n=======\nselect 2;\n>>>>>>> don't\n"
    assert [each.partition(": ")[2][:30] for each in faults(text)] == [
        "`<<<<<<< HEAD` is a conflict m", "the string opened here is neve",
    ]  # fmt: skip


def test_a_conflict_in_the_body_of_a_function() -> None:
    """PL/pgSQL would find it, an SQL function with checks switched off would not."""
    body = CONFLICT.removeprefix("create table m (a int);\n")
    text = f"create function f() returns void language sql as $$\n{body}$$;"
    assert faults(text)[0].startswith("sql/001_a.up.sql:2:1: `<<<<<<< HEAD`")


@pytest.mark.parametrize(
    "text",
    [
        "select '\n<<<<<<< HEAD\n=======\n>>>>>>> two\n';\n",
        "/*\n=======\n title\n=======\n*/\nselect 1;\n",
        "-- =======\nselect 1;\n",
        "--\n--=======\nselect 1;\n",
        "copy m from stdin;\n<<<<<<< HEAD\n=======\n>>>>>>> two\n\\.\n",
        "do $$\n<<outer>>\nbegin null; end $$;\n",
        "select 1 << 7, 2 >> 1;\n",
        "select $$\n=======\n$$;\n",
        "select 1\n <<<<<<< 2;\n",
    ],
    ids=["string", "heading", "line of a comment", "comment", "data", "label", "shift", "body", "indented"],
)
def test_what_is_no_conflict(text: str) -> None:
    """Strings, comments and data may hold such lines."""
    assert faults(text) == []


# -- characters that cannot be seen ------------------------------------------------------------------------------------

UNSEEN = {
    "\ufeff": "U+FEFF, a byte order mark",
    "\u00a0": "U+00A0, a no-break space",
    "\u202f": "U+202F, a narrow no-break space",
    "\u2007": "U+2007, figure space",
    "\u200b": "U+200B, a zero-width space",
    "\u2060": "U+2060, a word joiner, which has no width",
    "\u00ad": "U+00AD, a soft hyphen",
    "\u200e": "U+200E, left-to-right mark",
    "\u202e": "U+202E, right-to-left override",
    "\u2066": "U+2066, left-to-right isolate",
    "\u2028": "U+2028, a line separator",
    "\u2029": "U+2029, a paragraph separator",
    "\u0085": "U+0085, a next-line character",
    "\u3000": "U+3000, an ideographic space",
    "\x1a": "U+001A, Ctrl-Z, the end of a file under DOS",
    "\x7f": "U+007F, a delete character",
    "\x08": "U+0008, a control character",
    "\x1b": "U+001B, an escape character",
}


@pytest.mark.parametrize(("character", "name"), UNSEEN.items(), ids=UNSEEN.values())
def test_a_character_that_nobody_sees_is_refused(character: str, name: str) -> None:
    """Between statements, between two words, at the end of a name, at the end of the file."""
    for text, place in (
        (f"select 1;\n{character}select 2;", "2:1"),
        (f"select{character}1;", "1:7"),
        (f"select a{character} from t;", "1:9"),
        (f"select 1;\n{character}", "2:1"),
        (f"select 1;{character}\nselect 2;", "1:10"),
    ):
        assert faults(text) == [f"sql/001_a.up.sql:{place}: {name}, stands here outside of strings and comments"]


@pytest.mark.parametrize("character", UNSEEN)
def test_such_a_character_is_fine_in_texts(character: str) -> None:
    """In strings, quoted names, comments, bodies and data it is a character like any other."""
    for text in (
        f"select 'a{character}b';",
        f"select e'a\\n{character}b';",
        f'select 1 as "a{character}b";',
        f"select $$a{character}b$$;",
        f"-- a{character}b\nselect 1;",
        f"/* a{character}b */ select 1;",
        f"copy t from stdin;\na{character}b\n\\.\n",
    ):
        assert faults(text) == []


def test_further_places_are_told_in_the_same_error() -> None:
    """A file that was copied from a web page has hundreds of them."""
    with pytest.raises(MigrationError) as caught:
        read(Source("sql/001_a.up.sql", "select\u00a01;\n" * 6))
    assert caught.value.others == ()
    assert caught.value.detail == (
        "also in sql/001_a.up.sql:2:7: U+00A0, a no-break space",
        "also in sql/001_a.up.sql:3:7: U+00A0, a no-break space",
        "also in sql/001_a.up.sql:4:7: U+00A0, a no-break space",
        "and 2 more",
    )
    assert caught.value.hint == "remove it, or write an ordinary space"


@pytest.mark.parametrize(
    ("text", "place", "name", "hint"),
    [
        ("select \u2018x\u2019;", "1:8", "U+2018, a typographic quote; SQL has `'`", "write `'`"),
        (
            "select \u201cx\u201d;",
            "1:8",
            "U+201C, a typographic quote; SQL has `\"` for names and `'` for strings",
            None,
        ),
        ("select f(\u201ex\u201c);", "1:10", "U+201E, a typographic quote", None),
        ("select 1\uff1b\nselect 2;", "1:9", "U+FF1B, a full-width semicolon; SQL has `;`", "write `;`"),
        ("select 1\uff1b -- one\nselect 2;", "1:9", "U+FF1B, a full-width semicolon; SQL has `;`", "write `;`"),
        ("select 1\uff1b", "1:9", "U+FF1B, a full-width semicolon; SQL has `;`", "write `;`"),
    ],
)
def test_what_editors_put_in(text: str, place: str, name: str, hint: str | None) -> None:
    """Quotes that begin a word, a semicolon that ends a line."""
    with pytest.raises(MigrationError) as caught:
        read(Source("sql/001_a.up.sql", text))
    assert str(caught.value).startswith(f"sql/001_a.up.sql:{place}: {name}")
    assert hint is None or caught.value.hint == hint


@pytest.mark.parametrize(
    "text",
    [
        "select \u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645 from t;",
        "select \u58f2\u4e0a\uff08\u7a0e\u8fbc\uff09 from t;",
        "select \u58f2\u4e0a\u3000\u7a0e\u8fbc from t;",
        "select na\u00efve, l\u2019\u00e9t\u00e9 from \u0442\u0430\u0431\u043b\u0438\u0446\u0430;",
        "select '\u2018x\u2019', '\u201cx\u201d\uff1b';",
        "select 1,\f\v\t2;\r\n",
    ],
    ids=["Persian", "Japanese", "wide space in a name", "letters", "in strings", "white space"],
)
def test_names_in_other_scripts_are_fine(text: str) -> None:
    """PostgreSQL takes them, and so do we."""
    assert faults(text) == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("select x\u2019", "U+2019, a typographic quote; SQL has `'`, stands in line 1, column 9: is it intended?"),
        ("select 1\uff0c2", "U+FF0C, a full-width comma; SQL has `,`, stands in line 1, column 9: is it intended?"),
        ("select 1 \u2013 2", "U+2013, an en dash; SQL has `-`, stands in line 1, column 10: is it intended?"),
        ("select\v1", "U+000B, a vertical tab, stands in line 1, column 7: is it intended?"),
        (
            "select\n f\uff08\uff09\u2212\u3001\u3002",
            (
                "U+FF08, a full-width parenthesis; SQL has `(`, stands in line 2, column 3; "
                "U+FF09, a full-width parenthesis; SQL has `)`, stands in line 2, column 4; "
                "U+2212, a minus sign; SQL has `-`, stands in line 2, column 5 (and more): is it intended?"
            ),
        ),
        ("select 'x\u2019' from na\u00efve", None),
        ("select 1", None),
    ],
)
def test_what_is_told_where_the_server_refuses(text: str, said: str | None) -> None:
    """Characters that may be a part of a name are named once PostgreSQL has refused the statement."""
    (statement,) = read(Source("sql/001_a.up.sql", text)).statements
    assert suspicious(statement) == said
