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
from typing import Literal, NamedTuple, cast

from .characters import BLANKS, NAME, NAME_NO_DOLLAR, NAME_START
from .comments import block_end

TokenKind = Literal["blank", "comment", "string", "body", "word"]

# A string continues after a line end, and only there. White space and line comments between its parts belong to it.
_GOES_ON = r"(?:[ \t\f\v]|--[^\n\r]*)*[\n\r](?:[ \t\n\r\f\v]|--[^\n\r]*[\n\r])*"
_ESCAPED, _PLAIN = r"'(?:[^'\\]|\\.|'')*'", r"'(?:[^']|'')*'"
# A name is tried before a body: `a$b$c` is a name. An operator is one token: `@ >` is not `@>`. But a sign at its end
# belongs to the next operand, as in `=-1`.
_TOKEN = re.compile(
    rf"""(?P<blank>[{BLANKS}]+)
    | (?P<comment>--[^\n\r]*|/\*)
    | (?P<string>[eE]{_ESCAPED}(?:{_GOES_ON}{_ESCAPED})* | (?:[bBxXnN]|[uU]&)?{_PLAIN}(?:{_GOES_ON}{_PLAIN})*)
    | (?P<word>(?:[uU]&)?"(?:[^"]|"")*" | {NAME_START}{NAME}* | \.*[0-9](?:{NAME}|\.)* | \.+ | \$[0-9]{NAME}*)
    | (?P<body>\$(?P<tag>(?:{NAME_START}{NAME_NO_DOLLAR}*)?)\$.*?\$(?P=tag)\$)
    | (?:(?!--|/\*)[-+*/<>=:~!@#%^&|`?])*[~!@#%^&|`?](?:(?!--|/\*)[-+*/<>=:~!@#%^&|`?])*
    | (?:(?!--|/\*)[-+*/<>=:])*(?!--|/\*)[*/<>=:]
    | .""",
    re.VERBOSE | re.DOTALL,
)


class Token(NamedTuple):
    """One token.

    Attributes:
        kind: What it is: `body` is a dollar-quoted string, `word` is everything else.
        start: The offset of its first character.
        text: Its characters.

    """

    kind: TokenKind
    start: int
    text: str


def tokens(text: str) -> Iterator[Token]:
    """Yield the tokens of a text in their order. Joined, they are the text."""
    position = 0
    while match := _TOKEN.match(text, position):
        kind = cast("TokenKind", match.lastgroup or "word")
        end = match.end()
        if match[0] == "/*":
            end = block_end(text, position) or len(text)
        yield Token(kind, position, text[position:end])
        position = end


def blanked(text: str, *kinds: TokenKind) -> str:
    """Return the text with blanks in place of all tokens of some kinds. The other characters keep their offsets."""
    return "".join(" " * len(token.text) if token.kind in kinds else token.text for token in tokens(text))
