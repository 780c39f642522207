r"""The tokens of SQL text that is complete, such as a statement: strings and comments told apart from everything else.

The rules are those of PostgreSQL's lexer (https://www.postgresql.org/docs/current/sql-syntax-lexical.html). Two other
modules read characters by rules of their own, for reasons of their own:

- `splitter` decides where a statement ends. It must refuse what is never closed, and it is ten times as fast because
  it looks at nothing that can hide no ``;``.
- `classify` needs the first words of a statement, with keywords of two words as one, as sqlparse's lexer gives them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal, NamedTuple, cast

from .characters import BLANKS, NAME, NAME_NO_DOLLAR, NAME_START
from .comments import block_end

TokenKind = Literal["blank", "comment", "string", "body", "word"]

# A string goes on behind a line end, and only there: white space and line comments between its parts belong to it.
_GOES_ON = r"(?:[ \t\f\v]|--[^\n\r]*)*[\n\r](?:[ \t\n\r\f\v]|--[^\n\r]*[\n\r])*"
_ESCAPED, _PLAIN = r"'(?:[^'\\]|\\.|'')*'", r"'(?:[^']|'')*'"
# A name comes before a body: `a$b$c` is a name. An operator is not cut: `@ >` is not `@>`. But a sign at its end
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
        kind: `body` is a dollar-quoted string, `word` everything that is not one of the others
        start: the offset of its first character
        text: its characters
    """

    kind: TokenKind
    start: int
    text: str


def tokens(text: str) -> Iterator[Token]:
    """Yield the tokens of a text in their order; together they are the text."""
    position = 0
    while match := _TOKEN.match(text, position):
        kind = cast("TokenKind", match.lastgroup or "word")
        end = match.end()
        if match[0] == "/*":
            end = block_end(text, position) or len(text)
        yield Token(kind, position, text[position:end])
        position = end


def blanked(text: str, *kinds: TokenKind) -> str:
    """Return the text with blanks in place of the tokens of some kinds: all other characters keep their offsets."""
    return "".join(" " * len(token.text) if token.kind in kinds else token.text for token in tokens(text))
