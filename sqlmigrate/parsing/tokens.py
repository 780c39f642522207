r"""The tokens of a complete SQL text, such as a statement: which parts are strings, comments, white space.

The rules are those of PostgreSQL's lexer (https://www.postgresql.org/docs/current/sql-syntax-lexical.html). Two modules
do not use these tokens:

- `splitter` finds the end of each statement. It has to refuse a string that is never closed, and it is many times
  faster because it passes over all text in which no statement can end.
- `classify` reads only the first words of a statement, with sqlparse's lexer.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal

from .characters import BLANKS, NAME, NAME_NO_DOLLAR, NAME_START
from .comments import block_end

TokenKind = Literal["blank", "comment", "string", "body", "word"]

# A string continues after a line end, and only there. White space and line comments between its parts belong to it.
_GOES_ON = r"(?:[ \t\f\v]|--[^\n\r]*)*[\n\r](?:[ \t\n\r\f\v]|--[^\n\r]*[\n\r])*"
_ESCAPED, _PLAIN = r"'(?:[^'\\]|\\.|'')*'", r"'(?:[^']|'')*'"
# What matches no group is a word. Names come early because most tokens are names. Prefixes of strings are not names.
# An operator is one token: `@ >` is not `@>`. But a sign at its end belongs to the next operand, as in `=-1`.
_TOKEN = re.compile(
    rf"""(?P<blank>[{BLANKS}]++)
    | (?![bBeEnNxX]'|[uU]&['"]){NAME_START}{NAME}*+
    | (?P<comment>--[^\n\r]*+|/\*)
    | (?P<string>[eE]{_ESCAPED}(?:{_GOES_ON}{_ESCAPED})* | (?:[bBxXnN]|[uU]&)?{_PLAIN}(?:{_GOES_ON}{_PLAIN})*)
    | (?:[uU]&)?"(?:[^"]|"")*" | \.*[0-9](?:{NAME}|\.)*+ | \.+ | \$[0-9]{NAME}*+
    | (?P<body>\$(?P<tag>(?:{NAME_START}{NAME_NO_DOLLAR}*)?)\$.*?\$(?P=tag)\$)
    | (?:(?!--|/\*)[-+*/<>=:~!@#%^&|`?])*[~!@#%^&|`?](?:(?!--|/\*)[-+*/<>=:~!@#%^&|`?])*
    | (?:(?!--|/\*)[-+*/<>=:])*(?!--|/\*)[*/<>=:]
    | .""",
    re.VERBOSE | re.DOTALL,
)


Token = tuple[TokenKind, int, str]
"""The kind of a token, the offset of its first character, and its characters.

`body` is a dollar-quoted string, `word` is everything that is not one of the others. It is a plain tuple because making
a named one takes as long as finding the token.
"""


def tokens(text: str) -> Iterator[Token]:
    """Yield the tokens of a text in their order. Joined, they are the text."""
    position = 0
    while position < len(text):
        for match in _TOKEN.finditer(text, position):
            found = match[0]
            if found == "/*":  # may hold others, which no regular expression can count
                found = text[position : block_end(text, position) or len(text)]
                yield "comment", position, found
                position += len(found)
                break
            yield match.lastgroup or "word", position, found  # type: ignore[misc] # the groups are the kinds
            position += len(found)


def blanked(text: str, *kinds: TokenKind) -> str:
    """Return the text with blanks in place of all tokens of some kinds. The other characters keep their offsets."""
    return "".join(" " * len(found) if kind in kinds else found for kind, _, found in tokens(text))


def with_replaced(text: str, searched: re.Pattern[str], new: str, *kinds: TokenKind) -> str:
    """Return the text with `new` in place of what a pattern matches, except in tokens of some kinds."""
    hidden = "".join("\0" * len(found) if kind in kinds else found for kind, _, found in tokens(text))
    made, at = [], 0
    for found in searched.finditer(hidden):
        made += [text[at : found.start()], new]
        at = found.end()
    return "".join([*made, text[at:]])


def split_at_commas(text: str) -> Iterator[str]:
    """Split a text at the commas that are in no brackets and no string."""
    depth = start = 0
    for kind, offset, found in tokens(text):
        if kind != "word":
            continue
        depth += (found in "([") - (found in ")]")
        if found == "," and not depth:
            yield text[start:offset].strip()
            start = offset + 1
    yield text[start:].strip()
