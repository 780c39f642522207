"""What a rule advises: the reviewed files as they should be, and the files that follow, as text to paste."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlmigrate.files.migration import Migration
from sqlmigrate.files.naming import version_after

NOTHING_TO_UNDO = "select 1;\n"
_MOST_LINES = 120  # a longer advice is read by no one
_EARLY = datetime.min.replace(tzinfo=UTC)  # so that a time stamp is that of the newest file, and one second


@dataclass(frozen=True)
class Pair:
    """The two files of one migration.

    Attributes:
        name: the name that follows the version
        up: the text of the up file
        down: the text of the down file; empty for none
    """

    name: str
    up: str
    down: str = ""


@dataclass(frozen=True)
class Draft:
    """The files that a rule advises.

    Attributes:
        own: the files of the reviewed migration. Without a file, the first of the later ones takes its place; without
            an up file, only the down file changes
        later: the migrations that follow it
        before: what has to be done before, one sentence a line
    """

    own: Pair
    later: tuple[Pair, ...] = ()
    before: tuple[str, ...] = ()


def sql_of(statements: Iterable[str]) -> str:
    """Return statements as the text of a file."""
    return "".join(f"{each};\n" for each in statements)


def drawn(draft: Draft, migration: Migration, newest: str) -> str:
    """Return a draft as text: each file under a line with its name; empty if it is too long to be read.

    Args:
        draft: The files.
        migration: The reviewed migration, which keeps its version and name.
        newest: The newest version of the folder; the further files get the versions after it.
    """
    pairs = [draft.own, *draft.later] if draft.own.up or draft.own.down else draft.later
    lines = [f"-- {line}" for line in draft.before]
    label = migration.label
    for number, pair in enumerate(pairs):
        if number:
            newest = version_after(newest, _EARLY)
            label = f"{newest}_{pair.name}"
        lines += _files(label, pair)
    return "\n".join(lines) + "\n" if len(lines) <= _MOST_LINES else ""


def _files(label: str, pair: Pair) -> Iterator[str]:
    for direction, text in (("up", pair.up), ("down", pair.down)):
        if text:
            yield f"-- {label}.{direction}.sql"
            yield from text.strip("\n").splitlines()
