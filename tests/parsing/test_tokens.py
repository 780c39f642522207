"""Tokens: strings and comments begin and end where PostgreSQL's own lexer says."""

from __future__ import annotations

import re

import pytest
from hypothesis import assume, given, settings
from pglast.parser import scan
from sample_size import examples
from splitting_oracles import Refused, tokens as known_tokens
from sql_strategies import texts, valid_texts

from sqlmigrate.errors import MigrationError
from sqlmigrate.parsing.splitter import split
from sqlmigrate.parsing.tokens import TokenKind, blanked, tokens, with_replaced

COMMENTS = {"C_COMMENT", "SQL_COMMENT"}
STRINGS = {"SCONST", "USCONST", "BCONST", "XCONST"}


@given(texts())
@settings(max_examples=examples(500))
def test_nothing_is_lost(text: str) -> None:
    """Whatever the text, its tokens follow each other without a gap."""
    found = list(tokens(text))

    assert "".join(part for _, _, part in found) == text
    assert all(text.startswith(part, start) for _, start, part in found)


@given(valid_texts())
@settings(max_examples=examples(500))
def test_strings_and_comments_are_those_of_postgresql(text: str) -> None:
    """Each statement has the same comments and the same strings, at the same places, as PostgreSQL's lexer finds."""
    try:
        statements = [statement.text for statement in split(text)]
    except MigrationError:
        assume(False)
    for statement in statements:
        assume(not isinstance(known_tokens(statement), Refused))
        known = [
            (token.start, token.end + 1, token.name in COMMENTS)
            for token in scan(statement)
            if token.name in COMMENTS | STRINGS
        ]
        found = [  # the lexer takes the N of N'…' as a token of its own
            (start + (part[0] in "nN"), start + len(part), kind == "comment")
            for kind, start, part in tokens(statement)
            if kind in ("comment", "string", "body")
        ]
        assert found == known


@pytest.mark.parametrize(
    ("text", "kinds", "expected"),
    [
        ("a /* b /* c */ d */ e", ("comment",), "a ················· e"),
        ("a -- b\n, c", ("comment",), "a ····\n, c"),
        (r"a E'it\'s b' c", ("string",), "a ·········· c"),
        ("a 'b'\n  'c' d", ("string",), "a ········· d"),
        ("do $x$ a; $$ $x$ b", ("body",), "do ············· b"),
        ("a$b$ 'c' $d$", ("string", "body"), "a$b$ ··· $d$"),
        ('a "b -- c" d', ("comment", "string", "body"), 'a "b -- c" d'),
    ],
)
def test_blanked(text: str, kinds: tuple[TokenKind, ...], expected: str) -> None:
    """Tokens of the kinds become blanks; everything else stays at its place."""
    assert blanked(text, *kinds) == expected.replace("·", " ")


def test_with_replaced() -> None:
    """What a pattern matches is replaced in code only; a string is never part of a match."""
    cascade = re.compile(r"\s+cascade\b")

    assert with_replaced("drop table a cascade", cascade, "", "string") == "drop table a"
    assert with_replaced("select ' cascade' cascade", cascade, "", "string") == "select ' cascade'"
    assert with_replaced("do $$ cascade $$", cascade, "", "string", "body") == "do $$ cascade $$"
