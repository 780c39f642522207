"""One changeset of a formatted SQL changelog of Liquibase: what is executed, what undoes it, what its attributes say.

The lines with a meaning are those of `AbstractFormattedChangeLogParser.configureChangeSet`; all others are SQL.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from sqlmigrate.adopt.foreign import Part
from sqlmigrate.errors import MigrationError
from sqlmigrate.source import Span

MARKER = re.compile(r"""\s*--\s*changeset\s+(?P<author>"[^"]+"|[^:]+):\s*(?P<id>"[^"]+"|\S+)""", re.IGNORECASE)
_ROLLBACK = re.compile(r"\s*--\s*rollback (?P<text>.*)", re.IGNORECASE | re.DOTALL)
_BLOCK = re.compile(r"\s*/\*\s*liquibase\s*rollback\s*", re.IGNORECASE)
_BLOCK_END = re.compile(r"\*/\s*$")
_NOTHING = re.compile(r"\s*(?:not required|empty)\b.*", re.IGNORECASE | re.DOTALL)
_OTHER_CHANGESET = re.compile(r"\bchangeset(?:id|author|path):", re.IGNORECASE)
_VALID_SUM = re.compile(r"--\s*validCheckSum:? (?P<sum>.*)", re.IGNORECASE)
_PRECONDITION = re.compile(r"\s*--\s*precondition(?:s.*|-[a-zA-Z0-9-]+(?: .*)?)", re.IGNORECASE)
_SILENT = re.compile(r"--\s*comment:? .*|\s*--\s*property\s+.*:.*\s+.*:.*", re.IGNORECASE)
_ATTRIBUTE = re.compile(r"""\b(?P<name>[a-z]+):(?P<value>"[^"]*"|\S*)""", re.IGNORECASE)
_PARAMETER = re.compile(r"\$\{[^}\r\n]*\}")
_ONCE, _EVERYWHERE = "a migration is executed once", "the migration is executed in every environment"
_WITHOUT_EFFECT = {
    "runonchange": _ONCE, "runalways": _ONCE, "context": _EVERYWHERE, "contextfilter": _EVERYWHERE,
    "labels": _EVERYWHERE, "runwith": "its text is executed as plain SQL",
}  # fmt: skip


@dataclass(frozen=True)
class Changeset:
    """A changeset of a formatted SQL changelog.

    Attributes:
        author: Its author.
        id: Its id.
        path: The path that it gives itself, in place of the one of its file; empty if it does not.
        up: What is executed; None if that cannot be converted.
        down: What undoes it; None if there is nothing that does.
        summed: The lines that count in the checksum.
        options: The attributes, in lower letters.
        valid: Checksums that count as its own.
        notes: What is converted with a change.
        obstacles: Why it cannot be converted.
        left_out: Why Liquibase does not execute it on PostgreSQL; None if it does.
    """

    author: str
    id: str
    path: str
    up: Part | None
    down: Part | None
    summed: str = field(repr=False)
    options: dict[str, str]
    valid: tuple[str, ...] = ()
    notes: tuple[MigrationError, ...] = ()
    obstacles: tuple[MigrationError, ...] = ()
    left_out: MigrationError | None = None


@dataclass
class _Lines:
    """The lines of a changeset, by what they are."""

    up: list[str] = field(default_factory=list)
    down: list[str] = field(default_factory=list)
    summed: list[str] = field(default_factory=list)
    valid: list[str] = field(default_factory=list)
    notes: list[MigrationError] = field(default_factory=list)


def read_changeset(marker: Span, body: Sequence[Span], path: str, head: str = "") -> Changeset:
    """Read a changeset: the line that begins it, and its lines; `head` are the comments above it."""
    match = MARKER.match(marker.text)
    if match is None:
        raise AssertionError("a changeset begins with its marker")
    attributes = {name: (value, span) for name, value, span in _attributes(marker, match.end())}
    options = {name: value for name, (value, _) in attributes.items()}
    sorted_lines = _sort(body)
    notes = [*_notes(attributes), *sorted_lines.notes]
    obstacles = (*_other_end(attributes, sorted_lines.summed), *_parameters(body))
    has_transaction = options.get("runintransaction", "true").lower() != "false"
    up = Part(head + marker.text + "".join(sorted_lines.up), has_transaction)
    down = _down(sorted_lines.down, notes, marker)
    return Changeset(
        match["author"].strip().strip('"'),
        match["id"].strip('"'),
        options.get("logicalfilepath") or path,
        None if obstacles else up,
        None if obstacles or down is None else Part(down, has_transaction),
        "".join(sorted_lines.summed),
        options,
        tuple(sorted_lines.valid),
        tuple(notes),
        obstacles,
        _left_out(attributes),
    )


def _attributes(marker: Span, start: int) -> Iterator[tuple[str, str, Span]]:
    for found in _ATTRIBUTE.finditer(marker.text, start):
        place = marker.source.span(marker.start + found.start(), marker.start + found.end())
        yield found["name"].lower(), found["value"].strip('"'), place


def _sort(body: Sequence[Span]) -> _Lines:
    """Tell the lines apart; a block of rollback goes up to the line that ends the comment."""
    found = _Lines()
    in_block = False
    for line in body:
        text = line.text.rstrip("\r\n")
        if in_block:
            in_block = not _BLOCK_END.search(text)
            last = _BLOCK_END.sub("", text)
            found.down += [line.text] if in_block else [f"{last}\n"] if last.strip() else []
        elif _BLOCK.fullmatch(text):
            in_block = True
        elif match := _ROLLBACK.fullmatch(line.text):
            found.down.append(match["text"])
        else:
            found.up.append(line.text)
            _sort_other(line, text, found)
    return found


def _sort_other(line: Span, text: str, found: _Lines) -> None:
    if match := _VALID_SUM.fullmatch(text):
        found.valid.append(match["sum"].strip())
    elif _PRECONDITION.fullmatch(text):
        place = line.source.span(line.start, line.start + len(text))
        found.notes.append(MigrationError("preconditions are not checked here: the line stays as a comment", place))
    elif not _SILENT.fullmatch(text):
        found.summed.append(f"{text}\n")


def _down(rollback: Sequence[str], notes: list[MigrationError], marker: Span) -> str | None:
    """Return the text of the rollback; one that refers to another changeset, or says that none is needed, is none."""
    text = "".join(rollback)
    place = marker.source.span(marker.start, marker.start + len(marker.text.rstrip("\r\n")))
    if _OTHER_CHANGESET.search(text):
        notes.append(MigrationError("its rollback is the text of another changeset: there is no down file", place))
        return None
    if _NOTHING.fullmatch(text):
        notes.append(MigrationError("its rollback is empty: there is no down file", place))
        return None
    return text if text.strip() else None


def _notes(attributes: dict[str, tuple[str, Span]]) -> Iterator[MigrationError]:
    for name, (value, span) in attributes.items():
        if name == "runintransaction" and value.lower() == "false":
            yield MigrationError(f"`{span.text}` becomes the directive `no-transaction`", span)
        elif name == "failonerror" and value.lower() == "false":
            yield MigrationError(f"`{span.text}` has no effect here: an error ends the run", span)
        elif name in _WITHOUT_EFFECT and value.lower() not in ("", "false"):
            yield MigrationError(f"`{span.text}` has no effect here: {_WITHOUT_EFFECT[name]}", span)


def _other_end(attributes: dict[str, tuple[str, Span]], text: Sequence[str]) -> Iterator[MigrationError]:
    """Yield an obstacle if statements do not end with a semicolon; a delimiter that does not occur ends none."""
    if attributes.get("splitstatements", ("true",))[0].lower() == "false":
        return
    for name in ("enddelimiter", "rollbackenddelimiter"):
        value, span = attributes.get(name, (";", None))
        if value.strip() not in ("", ";") and ("\\" in value or value in "".join(text) or name != "enddelimiter"):
            yield MigrationError(f"statements of this changeset end with `{value}`, not with a semicolon", span)


def _parameters(body: Sequence[Span]) -> Iterator[MigrationError]:
    for line in body:
        for found in _PARAMETER.finditer(line.text):
            place = line.source.span(line.start + found.start(), line.start + found.end())
            yield MigrationError(f"`{found[0]}` is a parameter: its value is in the settings of Liquibase", place)


def _left_out(attributes: dict[str, tuple[str, Span]]) -> MigrationError | None:
    if (ignored := attributes.get("ignore")) and ignored[0].lower() == "true":
        return MigrationError("Liquibase ignores this changeset: it is left out", ignored[1])
    value, span = attributes.get("dbms", ("", None))
    if not value or _is_for_us(value.lower()):
        return None
    return MigrationError(f"this changeset is not for PostgreSQL, but for {value}: it is left out", span)


def _is_for_us(value: str) -> bool:
    names = [name for name in value.replace(" ", "").split(",") if name]
    wanted = [name for name in names if not name.startswith("!")]
    return "!postgresql" not in names and (not wanted or "postgresql" in wanted or "all" in wanted)
