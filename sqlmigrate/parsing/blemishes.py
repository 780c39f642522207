"""What does not belong into SQL: conflict markers of git, and characters that cannot be seen or only look right.

PostgreSQL takes every character outside ASCII as a part of a name. So a no-break space makes one name of two words, and
the message that follows quotes something that looks right.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from sqlmigrate.errors import MigrationError
from sqlmigrate.source import Source, Span

from .characters import NAME_NO_DOLLAR
from .places import Places
from .statement import Statement

_CONFLICT = re.compile(r"^(?:(?:<{7}|>{7}|\|{7})(?:[ \t].*)?|={7})\r?$", re.MULTILINE)
_CONFLICT_SIGNS = ("<<<<<<<", ">>>>>>>", "=======", "|||||||")
_SIDES = re.compile(r"^<{7} .*^>{7} ", re.MULTILINE | re.DOTALL)

_NAMES = {
    0x00: "a NUL byte",
    0x0B: "a vertical tab",
    0x1A: "Ctrl-Z, the end of a file under DOS",
    0x1B: "an escape character",
    0x7F: "a delete character",
    0x85: "a next-line character",
    0xA0: "a no-break space",
    0xAD: "a soft hyphen",
    0x2013: "an en dash; SQL has `-`",
    0x2014: "an em dash; SQL has `--` and `-`",
    0x2018: "a typographic quote; SQL has `'`",
    0x2019: "a typographic quote; SQL has `'`",
    0x201A: "a typographic quote; SQL has `'`",
    0x201C: "a typographic quote; SQL has `\"` for names and `'` for strings",
    0x201D: "a typographic quote; SQL has `\"` for names and `'` for strings",
    0x201E: "a typographic quote; SQL has `\"` for names and `'` for strings",
    0x200B: "a zero-width space",
    0x2028: "a line separator",
    0x2029: "a paragraph separator",
    0x202F: "a narrow no-break space",
    0x2060: "a word joiner, which has no width",
    0x2212: "a minus sign; SQL has `-`",
    0x3000: "an ideographic space",
    0xFEFF: "a byte order mark",
    0xFF08: "a full-width parenthesis; SQL has `(`",
    0xFF09: "a full-width parenthesis; SQL has `)`",
    0xFF0C: "a full-width comma; SQL has `,`",
    0xFF1B: "a full-width semicolon; SQL has `;`",
}
_BIDI = "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"
# Never intended in SQL. ZWNJ and ZWJ (U+200C, U+200D) are not among them: names in some scripts are written with them.
_UNSEEN = re.compile(
    rf"[\x00-\x08\x0e-\x1f\x7f-\xa0\xad\u1680\u180e\u2000-\u200b\u2028\u2029\u202f\u205f\u2060\ufeff{_BIDI}]"
    r"|(?:(?<=[\x00-\x7f])|^)\u3000|\u3000(?=[\x00-\x7f]|$)"  # between wide letters it may be a part of a name
    rf"|(?<!{NAME_NO_DOLLAR})[\u2018-\u201e\u2039\u203a\xab\xbb]"  # a quote that begins a word
    r"|\uff1b(?=[ \t]*(?:--|$))",
    re.MULTILINE,
)
# All characters at which `_UNSEEN` can match: finding them first is many times faster.
_CANDIDATES = (
    r"[\x00-\x08\x0e-\x1f\x7f-\xa0\xab\xad\xbb\u1680\u180e\u2000-\u200b\u2018-\u201e\u2028\u2029\u202f\u2039\u203a"
    rf"\u205f\u2060\u3000\ufeff\uff1b{_BIDI}]"
)
_CANDIDATE = re.compile(_CANDIDATES)
_ASCII_CANDIDATES = bytes([*range(0x09), *range(0x0E, 0x20), 0x7F])
# The same outside of what is certainly a string, a quoted name or a comment: reading all tokens would take longer.
_CANDIDATE_OUTSIDE = re.compile(
    rf"""(?<![\w$])[eE]'(?:[^'\\]|\\.|'')*' | '[^']*' | "[^"]*" | --[^\n\r]* | /\*.*?\*/
    | \$(?P<tag>\w*)\$.*?\$(?P=tag)\$ | (?P<candidate>{_CANDIDATES})""",
    re.DOTALL | re.VERBOSE,
)
# May be a part of a name, but is the likely cause where PostgreSQL refuses the statement.
_SUSPICIOUS = re.compile(
    rf"[\x00-\x08\x0b\x0e-\x1f\x7f-\xa0\xad\u1680\u180e\u2000-\u2015\u2018-\u201f\u2028\u2029\u202f\u2032-\u203a\u205f-\u2064"
    rf"\u2212\u3000-\u3002\ufeff\uff01-\uff20\uff3b-\uff40\uff5b-\uff65\xab\xb4\xbb\xd7{_BIDI}]"
)
_SHOWN = 3


def conflicts(source: Source, statements: Sequence[Statement]) -> Iterator[MigrationError]:
    """Yield the error of the first conflict marker that is outside of strings, comments and data.

    In the body of a function a marker counts if both sides of the conflict are there.
    """
    if not any(sign in source.text for sign in _CONFLICT_SIGNS) or not (found := _CONFLICT.search(source.text)):
        return
    places = Places(source, statements)
    while found:
        kind = places.kind(found.start())
        is_in_body = kind == "body" and _SIDES.search(source.text, found.start()) is not None
        if kind in ("sql", "quoted name") or is_in_body:
            yield _conflict(source, found)
            return
        found = _CONFLICT.search(source.text, found.end())


def conflict_in_unsplit(source: Source) -> MigrationError | None:
    """Return the error of a conflict in a text that cannot be split: the conflict may be the reason."""
    found = _SIDES.search(source.text)
    marker = _CONFLICT.search(source.text, found.start()) if found else None
    return _conflict(source, marker) if marker else None


def _conflict(source: Source, found: re.Match[str]) -> MigrationError:
    return MigrationError(
        f"`{found[0].rstrip()}` is a conflict marker: a merge was not finished here",
        source.span(found.start(), found.start() + len(found[0].rstrip())),
        hint="keep one side or both, and delete the lines that begin with <<<<<<<, |||||||, ======= and >>>>>>>",
    )


def unseen(source: Source, statements: Sequence[Statement]) -> Iterator[MigrationError]:
    """Yield one error for the invisible characters in a text; those in strings, names and comments are allowed."""
    if source.text.isascii():  # as most texts are
        raw = source.text.encode()
        if len(raw.translate(None, _ASCII_CANDIDATES)) == len(raw):
            return
    places = Places(source, statements)
    candidates = (at for at in _candidates(source.text, places) if _UNSEEN.match(source.text, at))
    found = [source.span(at, at + 1) for at in candidates if places.kind(at) == "sql"]
    if not found:
        return
    first, *others = found
    lines = [f"also in {place}: {name_of(place.text)}" for place in others[:_SHOWN]]
    if len(others) > _SHOWN:
        lines.append(f"and {len(others) - _SHOWN:,} more")
    yield MigrationError(
        f"{name_of(first.text)}, stands here outside of strings and comments", first, detail=lines, hint=_cure(first)
    )


def _candidates(text: str, places: Places) -> Iterator[int]:
    """Yield where characters that cannot be seen may stand outside of strings and comments."""
    end = 0
    for candidate in _CANDIDATE.finditer(text):
        if candidate.start() < end:
            continue
        if (statement := places.statement(candidate.start())) is None:
            yield candidate.start()
            continue
        end = statement.end
        pieces = _CANDIDATE_OUTSIDE.finditer(text, statement.start, end)
        yield from (piece.start() for piece in pieces if piece["candidate"])


def suspicious(statement: Statement) -> str | None:
    """Say which characters of a refused statement only look right, with their places; None if there are none."""
    if statement.text.isascii() and not _SUSPICIOUS.search(statement.text):
        return None
    places = Places(statement.source, [statement])
    matches = _SUSPICIOUS.finditer(statement.source.text, statement.start, statement.end)
    found = [statement.source.span(each.start(), each.end()) for each in matches if places.kind(each.start()) == "sql"]
    if not found:
        return None
    said = "; ".join(
        f"{name_of(each.text)}, stands in line {each.line}, column {each.column}" for each in found[:_SHOWN]
    )
    return f"{said}{' (and more)' if len(found) > _SHOWN else ''}: is it intended?"


def _cure(place: Span) -> str:
    said = _NAMES.get(ord(place.text[0]), "")
    if "SQL has" in said:
        return f"write {said.partition('SQL has ')[2]}"
    return "remove it, or write an ordinary space" if place.text.isspace() else "remove it"


def name_of(character: str) -> str:
    """Return the number and the name of a character: ``U+FEFF, a byte order mark``."""
    code = ord(character)
    name = _NAMES.get(code)
    if name is None:
        import unicodedata  # noqa: PLC0415 - only for an error

        name = unicodedata.name(character, "a control character").lower()
    return f"U+{code:04X}, {name}"
