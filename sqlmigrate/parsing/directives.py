"""The directives of a file: comments ``-- sqlmigrate: NAME VALUE`` before its first statement.

`allow` may also be directly above a later statement.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlmigrate.durations import timeout_fault
from sqlmigrate.errors import MigrationError
from sqlmigrate.source import Source, Span
from sqlmigrate.spelling import did_you_mean, nearest

from .comments import comments
from .statement import Statement

_DIRECTIVES = ("no-transaction", "lock-timeout", "statement-timeout", "irreversible", "replaces", "allow")
_DIRECTIVE = re.compile(r"--[ \t]*sqlmigrate[ \t]*(?P<colon>:?)[ \t]*(?P<name>[^\s:]*)[ \t]*(?P<value>[^\n\r]*)")
_ALMOST = re.compile(r"(?:--|/\*)[ \t\r\n*]*(?P<tool>[A-Za-z][\w-]*)[ \t]*:[ \t]*(?P<name>[\w-]+)")
SHORTENED = "shortened"
"""What the history writes as a directive below a text that it does not keep whole."""
VERSION = r"[0-9]{8}_[0-9]{6}|[0-9]+"
"""A version as it is written in a file name."""
RANGE = re.compile(rf"(?P<first>{VERSION})[ \t]*-[ \t]*(?P<last>{VERSION})")
"""The value of the directive `replaces`."""
_SHORTEST = len("--s:allow")  # of what these match and has the name of a directive
_REASON = re.compile(r"\((?P<why>.*\S.*)\)$")
# The words that our hints have in the place of a reason.
_PLACEHOLDER = re.compile(r"\(\s*(?:why|why it is intended|reason|…|\.\.\.)\s*\)$", re.IGNORECASE)


@dataclass(frozen=True)
class Directive:
    """A comment ``-- sqlmigrate: NAME VALUE``.

    Attributes:
        name: One of the known names.
        value: The text after the name; empty if there is none.
        span: The comment.
        above: The statement after an `allow` that is not at the top of the file; None for all others.

    """

    name: str
    value: str
    span: Span
    above: Statement | None = None


def read_directives(
    source: Source, statements: Sequence[Statement]
) -> tuple[tuple[Directive, ...], list[MigrationError]]:
    """Return the directives of a source, and the errors of all that are wrong."""
    found = list(_directives(source, statements))
    directives = tuple(item for item in found if isinstance(item, Directive))
    errors = [item for item in found if isinstance(item, MigrationError)]
    return directives, [*errors, *_repeated(directives)]


def _gaps(source: Source, statements: Sequence[Statement]) -> Iterator[tuple[int, int, Statement | None]]:
    """Yield the offsets of the text between the statements, each with the statement after it."""
    start = 0
    for statement in statements:
        yield start, statement.start, statement
        start = statement.data.end if statement.data else statement.end
    yield start, len(source.text), None


def _directives(source: Source, statements: Sequence[Statement]) -> Iterator[Directive | MigrationError]:
    for start, end, following in _gaps(source, statements):
        if end - start < _SHORTEST:
            continue
        for offset, comment in comments(source.text, start, end):
            match = _DIRECTIVE.match(comment)
            if match and (match["colon"] or match["name"] in _DIRECTIVES):
                span = source.span(offset, offset + len(comment.rstrip()))
                yield _directive(span, match, first=start == 0, above=following)
            elif (almost := _ALMOST.match(comment)) and almost["name"].lower() in _DIRECTIVES:
                yield from _almost(source, offset, almost)


def _almost(source: Source, offset: int, match: re.Match[str]) -> Iterator[MigrationError]:
    """Yield the error of a comment that was probably intended as a directive: it must not be ignored silently."""
    tool, name = match["tool"], match["name"].lower()
    word = source.span(offset + match.start("tool"), offset + match.end("tool"))
    if tool == "sqlmigrate":
        yield MigrationError("a directive must be a `--` comment of its own", word, hint=f"-- sqlmigrate: {name} …")
    elif nearest(tool.lower(), ["sqlmigrate"]):
        yield MigrationError(
            f"`{tool}:` does not begin a directive", word, hint=f"did you mean `-- sqlmigrate: {name}`?"
        )


def _directive(span: Span, match: re.Match[str], *, first: bool, above: Statement | None) -> Directive | MigrationError:
    name, value = match["name"], match["value"].strip()
    word = span.source.span(span.start + match.start("name"), span.start + match.end("name"))
    if not match["colon"]:
        return MigrationError("a directive needs a colon", word, hint=f"-- sqlmigrate: {name} {value}".rstrip())
    if name == SHORTENED:
        message, hint = (
            "this is only a part of the file: the history keeps no more of it",
            "take it from your repository",
        )
        return MigrationError(message, span, hint=hint)
    if name not in _DIRECTIVES:
        message = f"unknown directive `{name}`" if name else "the directive has no name"
        suggestion = did_you_mean(name.lower().replace("_", "-"), _DIRECTIVES)
        hint = suggestion or f"the directives are {', '.join(_DIRECTIVES)}"
        return MigrationError(message, word if name else span, hint=hint)
    if problem := _wrong_value(name, value):
        place = span.source.span(span.start + match.start("value"), span.end) if value else span
        return MigrationError(problem[0], place, hint=problem[1])
    if not first and name != "allow":
        hint = "move it to the top of the file, before the first statement"
        return MigrationError(f"the directive `{name}` comes after a statement", span, hint=hint)
    return Directive(name, value, span, above if name == "allow" and not first else None)


def _wrong_value(name: str, value: str) -> tuple[str, str] | None:
    if name == "no-transaction" and value:
        return f"the directive `no-transaction` takes no value, but has `{value}`", "-- sqlmigrate: no-transaction"
    if name == "replaces" or name.endswith("-timeout"):
        return _wrong_range(value) if name == "replaces" else _wrong_duration(name, value)
    if name == "irreversible" and value and not _REASON.fullmatch(value):
        reason = value.strip("() ") or "why"
        return f"expected a reason in parentheses, not `{value}`", f"-- sqlmigrate: irreversible ({reason})"
    if name == "allow" and not re.fullmatch(r"[a-z][a-z-]*[ \t]+\(.*\S.*\)", value):
        return "the directive `allow` needs one rule and a reason", "-- sqlmigrate: allow RULE (why it is intended)"
    if name in ("irreversible", "allow") and (placeholder := _PLACEHOLDER.search(value)):
        message = f"`{placeholder[0]}` is a placeholder, not a reason"
        return message, "write in the parentheses why it is intended, for those who read the file later"
    return None


def _wrong_duration(name: str, value: str) -> tuple[str, str] | None:
    hint = f"write a number and a unit (ms, s, min, h, d): -- sqlmigrate: {name} 5s"
    if not value:
        return f"the directive `{name}` needs a duration", hint
    fault = timeout_fault(value)
    return (fault, hint) if fault else None


def _wrong_range(value: str) -> tuple[str, str] | None:
    found, hint = RANGE.fullmatch(value), "write the first and the last version: -- sqlmigrate: replaces 001-042"
    if found is None:
        return f"`{value}` is not a range of versions" if value else "the directive `replaces` needs a range", hint
    first, last = (int(found[name].replace("_", "")) for name in ("first", "last"))
    if first > last:
        return f"the range {value} ends before it begins", f"-- sqlmigrate: replaces {found['last']}-{found['first']}"
    return None


def _repeated(directives: Sequence[Directive]) -> Iterator[MigrationError]:
    seen: dict[str, Directive] = {}
    for directive in directives:
        if directive.name in seen and directive.name != "allow":
            first = seen[directive.name].span.line
            message = f"the directive `{directive.name}` is here and in line {first}"
            yield MigrationError(message, directive.span, hint="remove one of the two")
        seen.setdefault(directive.name, directive)
