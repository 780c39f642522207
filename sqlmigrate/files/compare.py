"""How a file differs from the text that was executed: the kind of change, and a short unified diff.

Line endings, a byte order mark and a trailing newline are no change at all: the checksum does not see them either.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator

from sqlmigrate.errors import MigrationError
from sqlmigrate.parsing.comments import block_end
from sqlmigrate.parsing.splitter import split
from sqlmigrate.source import Source

from .migration import normalized

_MOST_LINES = 20
# Lexical structure, https://www.postgresql.org/docs/current/sql-syntax-lexical.html, as far as it tells white space
# and comments from everything else. A name comes before a dollar quote: `a$b$c` is a name, which none begins with. An
# operator is not cut: `@ >` is not `@>`; but a sign at its end is the next operand's, as in `=-1`. A string goes on
# behind a line end, and only there: what stands between its parts belongs to it.
_GOES_ON = r"(?:[ \t\f\v]|--[^\n\r]*)*[\n\r](?:[ \t\n\r\f\v]|--[^\n\r]*[\n\r])*"
_ESCAPED, _PLAIN = r"'(?:[^'\\]|\\.|'')*'", r"'(?:[^']|'')*'"
_TOKEN = re.compile(
    rf"""(?P<blank>[ \t\n\r\f\v]+|--[^\n\r]*)
    | (?P<comment>/\*)
    | [eE]{_ESCAPED}(?:{_GOES_ON}{_ESCAPED})* | (?:[bBxXnN]|[uU]&)?{_PLAIN}(?:{_GOES_ON}{_PLAIN})*
    | (?:[uU]&)?"(?:[^"]|"")*" | [^\W\d][\w$]* | \.*\d[\w.$]* | \.+
    | \$\d[\w$]* | \$(?P<tag>[^\W\d]\w*|)\$.*?\$(?P=tag)\$
    | (?:(?!--|/\*)[-+*/<>=:~!@#%^&|`?])*[~!@#%^&|`?](?:(?!--|/\*)[-+*/<>=:~!@#%^&|`?])*
    | (?:(?!--|/\*)[-+*/<>=:])*(?!--|/\*)[*/<>=:]
    | .""",
    re.VERBOSE | re.DOTALL,
)


def _significant(text: str) -> list[str]:
    """Give what is neither white space nor a comment: words, and data of COPY whole; of no SQL the text as it is."""
    found, position = [], 0
    try:
        for statement in split(Source("", text)):
            if data := statement.data:
                found += [*_words(text[position : data.start]), data.text]
                position = data.end
    except MigrationError:
        return [text]
    return [*found, *_words(text[position:])]


def _words(text: str) -> Iterator[str]:
    position = 0
    while match := _TOKEN.match(text, position):
        position = block_end(text, match.start()) or len(text) if match["comment"] else match.end()
        if not (match["blank"] or match["comment"]):
            yield match[0]


def kind(executed: str, now: str) -> str:
    """Say what was changed: ``SQL``, or ``white space or comments alone``."""
    same = _significant(normalized(executed)) == _significant(normalized(now))
    return "white space or comments alone" if same else "SQL"


def difference(executed: str, now: str) -> list[str]:
    """Give a unified diff of the executed text and the file, without its head, at most 20 lines long."""
    lines = list(
        difflib.unified_diff(normalized(executed).splitlines(), normalized(now).splitlines(), n=1, lineterm="")
    )[2:]
    if len(lines) > _MOST_LINES:
        lines = [*lines[:_MOST_LINES], f"… {len(lines) - _MOST_LINES} lines more"]
    return lines
