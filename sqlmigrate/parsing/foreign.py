"""Files of other tools: both directions in one file, and directives that have no effect here.

dbmate, goose, sql-migrate, tern, node-pg-migrate, MyBatis and others keep what a migration does and what undoes it in
one file, told apart by a comment. For PostgreSQL that is a comment like any other: everything would be executed, and
undone again. So such a file is refused. The markers are spelled as the tools themselves read them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from sqlmigrate.errors import Kind, MigrationError
from sqlmigrate.source import Source, Span

from .places import Places
from .statement import Statement

_UP, _DOWN = "(?P<up>up)", "(?P<down>down)"
_EITHER = f"(?:{_UP}|{_DOWN})"
# The tool, the comment line it reads, and whether an ordinary comment may look the same: such a line is a marker only
# where statements stand above it, or where the file has a marker for the other direction.
_MARKERS: tuple[tuple[str, str, bool], ...] = (
    ("dbmate", rf"--\s*migrate:{_EITHER}(?:\s+\S.*)?\s*$", False),
    ("goose", rf"--\s*\+\s*goose\s+{_EITHER}\b", False),
    ("sql-migrate", rf"--\s*\+\s*migrate\s+{_EITHER}\b", False),
    ("tern", r"----+\s*(?P<down>create above\s*/\s*drop below)\s*----+", False),
    ("MyBatis Migrations", r"--\s*//\s*(?P<down>@undo)\b", False),
    ("rambler", rf"--\s*rambler\s+{_EITHER}\b", False),
    ("Play", r"--[\s-]*!(?:(?P<up>ups)|(?P<down>downs))\b", False),
    ("", rf"--\s*\+\s*\w+\s+{_EITHER}\s*$", False),
    ("node-pg-migrate", rf"--[\s-]*{_EITHER}\s+migration[\s:.=-]*$", False),
    ("node-pg-migrate", rf"--[\s-]*{_EITHER}\s+migration\b", True),
    ("", rf"--[\W_]*(?:migration[\W_]+)?(?:{_UP}|(?P<down>downs?|undo|rollback))[\W_]*$", True),
)
_COMMENT_LINE = re.compile(r"--[^\n\r]*")
# One expression for all of them, because most comments are none; the others are compiled only where it matches.
_ANY_MARKER = re.compile("|".join(re.sub(r"\?P<\w+>", "?:", each) for _, each, _ in _MARKERS), re.IGNORECASE)
_LIQUIBASE = re.compile(r"--\s*liquibase\s+formatted\s+sql\b", re.IGNORECASE)
_LIQUIBASE_ROLLBACK = re.compile(r"--\s*rollback\b\s*:?\s*(?!not required|empty)\S", re.IGNORECASE)
_LIQUIBASE_LINE = re.compile(r"^[ \t]*(?:--\s*|/\*\s*liquibase\s+)rollback\b", re.IGNORECASE | re.MULTILINE)
_LIQUIBASE_BLOCK = re.compile(r"/\*\s*(liquibase\s+)?rollback\b", re.IGNORECASE)

_NO_TRANSACTION = re.compile(
    r"""--\s*\+\s*goose\s+no\s+transaction\b
    | --\s*migrate:(?:up|down)\s.*\btransaction:false\b
    | --\s*\+\s*migrate\s+(?:up|down)\s+notransaction\b
    | --!\s*no-transaction\b
    | ----\s*tern:\s*disable-tx\b
    | --\s*morph:nontransactional\b
    | --\s*(?:no-transaction|disable-transaction|disable_ddl_transaction!)\s*$
    | --\s*transactional:\s*false\b
    | --\s*atlas:txmode\s+none\b
    | --\s*changeset\b.*\brunInTransaction:\s*false\b
    | --\s*(?:flyway[\s:.]*)?executeInTransaction\s*=\s*false\b
    """,
    re.IGNORECASE | re.VERBOSE,
)
_NEEDLESS = re.compile(r"--\s*\+\s*(?:goose|migrate)\s+statement(?:begin|end)\b", re.IGNORECASE)
_VARIABLES = re.compile(r"--\s*\+\s*goose\s+envsub\s+on\b", re.IGNORECASE)
_DELIMITER = re.compile(r"--\s*changeset\b.*\bendDelimiter:\s*(?!;)\S", re.IGNORECASE)


@dataclass(frozen=True)
class Marker:
    """A comment with which another tool begins a part of a file.

    Attributes:
        tool: The tool; empty if several are spelled like that.
        direction: What the part below it does.
        span: The comment.
        is_loose: Whether an ordinary comment may look the same.
    """

    tool: str
    direction: Literal["up", "down"]
    span: Span
    is_loose: bool


def foreign_sections(source: Source, statements: Sequence[Statement]) -> list[MigrationError]:
    """Return the error of a file that holds statements of the other direction, with the marker above them; or none.

    A text that is not a file, such as one recorded in the history, is a down text if its name ends so.
    """
    direction = _direction(source.path)
    if direction is None or "--" not in source.text:
        return []
    places = Places(source, statements)
    markers = list(_markers(source, places))
    markers = [marker for marker in markers if not marker.is_loose or _is_serious(marker, markers, places, statements)]
    for index, marker in enumerate(markers):
        following = markers[index + 1] if index + 1 < len(markers) else None
        below = places.after(marker.span.start)
        until = following.span.start if following else len(source.text)
        has_below = bool(below) and below[0].start < until
        if marker.direction != direction and has_below:
            return [_both_directions(source, marker, direction)]
        is_above = direction == "down" == marker.direction and not marker.is_loose
        if is_above and marker is markers[0] and statements and statements[0].start < marker.span.start:
            return [_both_directions(source, marker, direction)]
    return _liquibase(source, places)


def both_directions_in(source: Source, wrong_name: MigrationError) -> MigrationError | None:
    """Return the error of a file with a wrong name that holds both directions; None if it holds one.

    The hint of `wrong_name` tells to rename it. That would have both parts executed. The text need not be SQL.
    """
    markers = list(_markers(source, None))
    downs = [marker for marker in markers if marker.direction == "down"]
    has_up = any(marker.direction == "up" for marker in markers)
    marker = next((each for each in downs if not each.is_loose or has_up), None)
    rollback = _LIQUIBASE_LINE.search(source.text) if _LIQUIBASE.search(source.text) else None
    if marker:
        span = marker.span
    elif rollback:
        span = source.span(rollback.start(), rollback.end())
    else:
        return None
    does = _does(marker) if marker else "Liquibase does"
    name = (wrong_name.hint or "").rpartition(" ")[2].removesuffix(".sql").removesuffix(".up").removesuffix(".down")
    return MigrationError(
        f"{source.path} keeps both directions in one file, as {does}",
        span,
        kind=Kind.BOTH_DIRECTIONS,
        hint=f"write two files: what makes the change into {name}.up.sql, "
        f"and what undoes it (from line {span.line} on) into {name}.down.sql",
    )


def _direction(path: str) -> Literal["up", "down"] | None:
    if path.endswith((".down.sql", "(down)")):
        return "down"
    return "up" if path.lower().endswith(".sql") else None


def _markers(source: Source, places: Places | None) -> Iterator[Marker]:
    for comment in _COMMENT_LINE.finditer(source.text):
        if not _ANY_MARKER.match(comment[0]):
            continue
        for tool, pattern, is_loose in _MARKERS:
            found = re.match(pattern, comment[0], re.IGNORECASE)
            if not found or not (tool == "tern" or _begins_line(source.text, comment.start())):
                continue
            if places is None or places.kind(comment.start()) == "line comment":
                end = comment.start() + len(comment[0].rstrip())
                direction: Literal["up", "down"] = "down" if found["down"] else "up"
                yield Marker(tool, direction, source.span(comment.start(), end), is_loose)
            break


def _begins_line(text: str, offset: int) -> bool:
    """Tell whether only white space comes before it in its line; Play writes ``# --- !Downs``."""
    start = max(text.rfind("\n", 0, offset), text.rfind("\r", 0, offset)) + 1
    return not text[start:offset].strip(" \t\f\v#")


def _is_serious(marker: Marker, markers: Sequence[Marker], places: Places, statements: Sequence[Statement]) -> bool:
    """Tell whether a comment that may be an ordinary one is a marker: the file has parts of both directions."""
    if any(other.direction != marker.direction for other in markers):
        return True
    return bool(statements) and statements[0].start < marker.span.start and len(places.after(marker.span.start)) > 0


def _both_directions(source: Source, marker: Marker, direction: Literal["up", "down"]) -> MigrationError:
    where = "below" if marker.direction != direction else "above"
    return MigrationError(
        f"this file keeps both directions, as {_does(marker)}: "
        f"`{direction}` would also execute the statements {where} `{marker.span.text}`",
        marker.span,
        kind=Kind.BOTH_DIRECTIONS,
        hint=f"move the statements {where} this line to {_other_half(source.path, direction)}",
    )


def _does(marker: Marker) -> str:
    return f"{marker.tool} does" if marker.tool else "other tools do"


def _other_half(path: str, direction: Literal["up", "down"]) -> str:
    if not path.endswith(f".{direction}.sql"):
        return f"the {'down' if direction == 'up' else 'up'} file"
    return path.removesuffix(f".{direction}.sql") + (".down.sql" if direction == "up" else ".up.sql")


def _liquibase(source: Source, places: Places) -> list[MigrationError]:
    """Return the error of a Liquibase file: its rollback is in comments, so no down file would have it."""
    if not _LIQUIBASE.search(source.text):
        return []
    candidates = [*_COMMENT_LINE.finditer(source.text), *_LIQUIBASE_BLOCK.finditer(source.text)]
    for found in candidates:
        is_rollback = found.re is _LIQUIBASE_BLOCK or _LIQUIBASE_ROLLBACK.match(found[0])
        if is_rollback and places.kind(found.start()).endswith("comment"):
            return [
                MigrationError(
                    "this file keeps both directions, as Liquibase does: "
                    f"`{found[0].split(chr(10))[0].strip()}` is only a comment here, and `down` would not execute it",
                    source.span(found.start(), found.start() + len(found[0].rstrip())),
                    kind=Kind.BOTH_DIRECTIONS,
                    hint=f"move its SQL to {_other_half(source.path, 'up')}, and delete the comment",
                )
            ]
    return []


def foreign_directives(source: Source, statements: Sequence[Statement], *, has_transaction: bool) -> tuple[str, ...]:
    """Return notes on comments that are directives of other tools and have no effect here, each kind once."""
    notes: dict[str, str] = {}
    if "--" not in source.text:
        return ()
    places = Places(source, statements)
    for comment in _COMMENT_LINE.finditer(source.text):
        said = _said_of(comment[0], has_transaction=has_transaction)
        if said and said not in notes and places.kind(comment.start()) == "line comment":
            line = source.place(comment.start())[0]
            notes[said] = f"line {line}: `{comment[0].strip()}` {said}"
    return tuple(notes.values())


def _said_of(comment: str, *, has_transaction: bool) -> str | None:
    if has_transaction and _NO_TRANSACTION.match(comment):
        return "has no effect here; without a transaction: `-- sqlmigrate: no-transaction`"
    if _NEEDLESS.match(comment):
        return "is not needed: the bodies of functions are recognised without it"
    if _VARIABLES.match(comment):
        return "has no effect here: variables are not replaced"
    if _DELIMITER.match(comment):
        return "has no effect here: statements end with `;`"
    return None
