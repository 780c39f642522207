"""Texts that are made to be slow to split, of any length: never closed, wrong only at the end, read twice."""

from __future__ import annotations

from collections.abc import Callable

Maker = Callable[[int], str]


def _repeated(unit: str, head: str = "", tail: str = "") -> Maker:
    return lambda length: head + unit * (length // len(unit)) + tail


_ATOMIC = "create function f() returns int begin atomic "

HOSTILE: dict[str, Maker] = {
    "parentheses opened": _repeated("("),
    "parentheses opened with words": _repeated("(a ", "select "),
    "parentheses opened after a long group": _repeated("('a', 1), ", "select ((((", ";"),
    "parentheses closed": _repeated(")"),
    "parentheses opened and closed": lambda length: "(" * (length // 2) + ")" * (length // 2),
    "parentheses in turn": _repeated("()(", "select "),
    "parentheses with semicolons": _repeated("(;", "select "),
    "groups with strings, never closed": _repeated("('a''b' ", "select "),
    "groups that end in a dollar": _repeated("(((('long enough to hurt' $ ", "select "),
    "groups that end in a slash": _repeated("((((a /* */ ", "select "),
    "a group of long strings, never closed": lambda length: "select ((((" + "'" + "x" * length + "'",
    "comments opened": _repeated("/*"),
    "comments opened in a statement": _repeated("/* ", "select "),
    "comments opened in a group": _repeated("/* ", "select (((("),
    "comments nested": lambda length: "/*" * (length // 4) + "*/" * (length // 4),
    "comments nested twice": _repeated("/*/* */*/", "select 1 "),
    "comments nested twice, in groups": _repeated("(/*/* */*/", "select 1 "),
    "comment of stars": _repeated("*", "/*"),
    "comment of slashes": _repeated("/", "/*"),
    "comment openers sharing a star": _repeated("/*/"),
    "line comments": _repeated("--\n"),
    "line comments before a dash": _repeated("--\n-", "select 1 "),
    "line comments in a statement": _repeated("-- a\n", "select 1 ", "/"),
    "dashes": _repeated("-"),
    "slashes and dashes": _repeated("/-", "select "),
    "dollars": _repeated("$"),
    "dollars, an odd number": _repeated("$$", "$"),
    "dollars in a name": _repeated("a$"),
    "dollars after digits": _repeated("1$ "),
    "dollar and a long tag": _repeated("a", "$"),
    "dollar tags that do not close": _repeated("$a$ $b", "select $x$"),
    "parameters": _repeated("$1"),
    "name with a dollar at its end": _repeated("x", "select ", "$$"),
    "quotes": _repeated("'"),
    "quotes, an odd number": _repeated("''", "'"),
    "strings": _repeated("'a',", "select "),
    "strings never closed, after long ones": _repeated("'a''b'", "select ", "'"),
    "strings after an e": _repeated("e'a'", "select "),
    "strings after a name that ends in e": _repeated("type'a' ", "select "),
    "strings in lines of their own": _repeated("'a'\n", "select "),
    "escape strings in lines of their own": _repeated("'a'\n", "select E'a'\n"),
    "escape strings before comments": _repeated("E'a' -- b\n--c\n", "select "),
    "escape string never closed": _repeated("\\'", "select E'"),
    "escape string of quotes": _repeated("''", "select E'"),
    "empty lines after an escape string": _repeated("\n", "select E''", ";"),
    "double quotes": _repeated('"'),
    "double quotes, an odd number": _repeated('""', '"'),
    "semicolons": _repeated(";"),
    "semicolons in a body": _repeated(";", _ATOMIC),
    "semicolons and comments in a body": _repeated("; -- a\n", _ATOMIC),
    "white space": _repeated(" "),
    "white space before a semicolon": _repeated("a          ;"),
    "white space in a statement": _repeated(" ", "select", "a"),
    "white space and comments before a semicolon": _repeated("a /* */ /* /* */ */ ;"),
    "bodies opened": _repeated(_ATOMIC),
    "bodies opened, one inside another": _repeated(_ATOMIC + ";"),
    "begins": _repeated("begin ", "create function f() atomic "),
    "begins before comments": _repeated("begin /* /* */ */ ", "create function f() atomic "),
    "creates in a body": _repeated("create/**/x;", _ATOMIC),
    "ends in a body": _repeated("; end", _ATOMIC),
    "copies": _repeated("copy t (from stdin) to x;"),
    "directions": _repeated("from to ", "copy t ", "(a) from stdin;\n\\.\n"),
    "copy with lines like the last": _repeated("\\.x\n", "copy t from stdin;\n"),
    "copies with data": _repeated("copy t from stdin;\n\\.\n"),
    "restrict lines": _repeated("\\restrict a\n"),
    "letters": _repeated("é"),
    "lines that end in CR": _repeated("a;\r"),
}
