"""Texts for Hypothesis: of awkward pieces, most of them closed, some left open, with gaps between them."""

from __future__ import annotations

import re
from collections.abc import Sequence

from hypothesis import strategies as st

_PIECES = r"""
; ; ; ;; ( ) ( )
'a' 'a;b' 'it''s' 'C:\' '' E'a\'b' e'\\' E'a;''b' E'\\\''' U&'a\' u&'x' U&"d" B'01' X'1f' N'x' "a" "a;b" "it""s"
$$;$$ $a$;$b$;$a$ $é$;$é$ $1 $1$a$;$a$ a$b$c a$ $ 1$$;$$
/**/ /*;*/ /*/**/*/ /*/*;*/*/ + - * / <- +- @ # 5#3
1 1. .5 1.5 1e5 1_000 0x1F 1..2 a e E x é
begin BEGIN atomic ATOMIC end END create CREATE or replace function FUNCTION procedure f() case when begin_ endx _end
, . :: := [ ] % ^ & | ~ ! ? ` = < > { } :
"""
_LINES = ["E'a'\n'b\\'c'", "'a'\n'b\\'", "E'a' -- x\n'b\\'c'", "--x;\n", "<--;'\n"]
_LETTERS = ["\u00a0", "\u2028", "\ufeff", "\u212a"]
_BODIES = [
    "create function f() begin atomic select 1; end;",
    "create/**/or--x\n replace/* /* */ */procedure f() begin/* */atomic/**/ end",
    "begin atomic ",
    "; end;",
    "; end",
]
CLOSED = [*_PIECES.split(), *_LINES, *_LETTERS, *_BODIES]
OPEN = ["'", "E'", "U&'", "B'", '"', 'U&"', "$$", "$a$", "$é$", "/*", "/*/*;*/", "--", "\\", "E'\\'", "'''"]
_SPACES = ["\n", "\n", "\r\n", "\r", "\t", "\v", "\f"]
SEPARATORS = [*" " * 4, *_SPACES, " -- c;'\n", "--\r", "/* c */", "/* ; /* */ */"]
HEADS = ["", "", "create function f() begin atomic ", "create or replace procedure p(a int) language sql begin atomic "]

PSQL_KNOWN = re.compile(r"begin|e'|[0-9]_[0-9]|:|\\", re.IGNORECASE)
"""Texts that psql is known to read differently, or as its own commands."""


def _joined(pieces: Sequence[str]) -> st.SearchStrategy[str]:
    separators = st.sampled_from([*SEPARATORS, "", "", ""])
    pairs = st.lists(st.tuples(st.sampled_from(pieces), separators), max_size=20)
    return pairs.map(lambda chosen: "".join(piece + separator for piece, separator in chosen))


def texts(pieces: Sequence[str] = CLOSED, heads: Sequence[str] = HEADS) -> st.SearchStrategy[str]:
    """Make texts of closed pieces, with one piece in the middle that may be open."""
    middle = st.sampled_from([""] * 60 + OPEN)
    return st.tuples(st.sampled_from(heads), _joined(pieces), middle, _joined(pieces)).map("".join)


def texts_for_psql() -> st.SearchStrategy[str]:
    """Make texts of pieces that psql reads as the server does."""
    pieces = [piece for piece in CLOSED if not PSQL_KNOWN.search(piece)]
    return texts(pieces, ["", "create function f() "])


_NO_EXPRESSION = {"a$", "$", "$1", "E", "e", "1.", "1..2", "1$$;$$", "$1$a$;$a$", "E'a' -- x\n'b\\'c'"}
_EXPRESSIONS = [piece for piece in CLOSED if piece[0] in "'EeUu$\"BXN1.a" and piece not in _NO_EXPRESSION]
_STATEMENTS = [
    "select {}", "select ({})", "insert into t values ({}, ({}))", "select {} as end", "select case when {} then 1 end",
    "create table t (a int default ({}))", "create rule r as on insert to t do (select {}; select {})",
    "do $x$ begin {} end $x$", "comment on table t is $$ {} ; $$", "begin", "commit", "update t set begin = {}",
    "create function f(a text) returns int begin atomic select {}; select {} as end; end",
    "create or replace procedure p(begin int) begin atomic end", "copy (select {}) to stdout",
    "create function f(a text) returns int language sql return {}",
    "create procedure p() begin atomic create function g() returns int begin atomic select {}; end; select {}; end",
]  # fmt: skip


@st.composite
def valid_texts(draw: st.DrawFn) -> str:
    """Make texts that PostgreSQL's parser mostly accepts."""
    text = ""
    for _ in range(draw(st.integers(0, 6))):
        for word in re.split(r"(\{\}| )", draw(st.sampled_from(_STATEMENTS))):
            choices = {"{}": _EXPRESSIONS, " ": SEPARATORS}.get(word, [word])
            text += draw(st.sampled_from(choices))
        text += draw(st.sampled_from([";", ";;", " ;\n"]))
    return text + draw(st.sampled_from(["", "-- end", "/* ; */", "\n", "select 1", "select 1 -- ;"]))
