"""Files and history of another tool side by side: what is executed, what is pending, and what keeps both from us."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from sqlmigrate.errors import MigrationError

from .foreign import ForeignHistory, Reading, Record, Verdict
from .pairs import Pair, obstacles_of
from .tools.tool import Tool

_NUMBERS = re.compile(r"[0-9]+(\.[0-9]+)*")


@dataclass(frozen=True)
class Entry:
    """A migration of another tool: its pair of files, and its record in that tool's history.

    Attributes:
        pair: The pair.
        record: The record; None if the tool has not executed it.
        verdict: What the checksum of the tool says about the file: `verified`, `changed`, or `trusted` if it kept none.
        is_recorded: Whether our history has it already.
        here: What sqlmigrate itself has done with it since: `undone`, `failed`, or nothing.
    """

    pair: Pair
    record: Record | None = None
    verdict: Verdict | None = None
    is_recorded: bool = False
    here: str = ""

    @property
    def label(self) -> str:
        """Version and name, as our files have them."""
        return self.pair.migration.label if self.pair.migration else self.pair.foreign.key

    @property
    def is_executed(self) -> bool:
        """Whether the tool has executed it, or was told so, and sqlmigrate has not undone it since."""
        return self.here != "undone" and self.record is not None and self.record.state in ("executed", "baseline")


@dataclass(frozen=True)
class Adoption:
    """What is taken over.

    Attributes:
        tool: The tool.
        reading: Its folder.
        history: Its history; None if no database was looked at, or if it has none.
        entries: The migrations, in the order of the tool.
        missing: Records of executed migrations that have no file.
        records: The rows of the history, in its order, with the keys of their files.
        doubled: Executed migrations of one key, of which the history does not say which one was executed.
    """

    tool: Tool
    reading: Reading
    history: ForeignHistory | None
    entries: tuple[Entry, ...]
    missing: tuple[Record, ...] = ()
    records: tuple[Record, ...] = ()
    doubled: tuple[tuple[Entry, ...], ...] = ()

    @cached_property
    def is_ours(self) -> bool:
        """Whether no tool but sqlmigrate has executed these files, so that there is nothing to take over."""
        return self.history is None and self.reading.in_place and any(each.is_recorded for each in self.entries)

    @cached_property
    def executed(self) -> tuple[Entry, ...]:
        """What the tool has executed, in the order in which it did."""
        order = {record.key: at for at, record in enumerate(self.records)}
        return tuple(
            sorted(
                (each for each in self.entries if each.is_executed),
                key=lambda each: order.get(each.record.key, 0) if each.record else 0,
            )
        )

    @cached_property
    def unfinished(self) -> tuple[Record, ...]:
        """The records of migrations that have failed, or whose execution has not ended."""
        return tuple(each for each in self.records if each.state not in ("executed", "baseline"))

    @cached_property
    def to_record(self) -> tuple[Entry, ...]:
        """What our history does not have yet, in the order of execution."""
        return tuple(each for each in self.executed if not each.is_recorded)

    @cached_property
    def pending(self) -> tuple[Entry, ...]:
        """What neither the tool nor we have executed."""
        waiting = (each for each in self.entries if not each.is_recorded)
        return tuple(each for each in waiting if each.record is None or each.here == "undone")

    @cached_property
    def executed_here(self) -> tuple[Entry, ...]:
        """What sqlmigrate has executed, and the tool has not."""
        return tuple(each for each in self.entries if each.is_recorded and not each.is_executed)

    @cached_property
    def changed(self) -> tuple[Entry, ...]:
        """The executed migrations whose file is not the executed one, as the tool's checksum says."""
        return tuple(each for each in self.executed if each.verdict == "changed")

    @cached_property
    def obstacles(self) -> tuple[MigrationError, ...]:
        """Why the folder, or migrations of it, cannot be converted."""
        return (*self.reading.obstacles, *obstacles_of([each.pair for each in self.entries]))

    @cached_property
    def notes(self) -> tuple[MigrationError, ...]:
        """What is converted with a change, what needs the tool's own table, and the files that are not migrations."""
        of_files = (note for each in self.entries for note in each.pair.foreign.notes)
        of_history = (MigrationError(said) for said in (self.history.others if self.history else ()))
        return (
            *of_files,
            *self.kept,
            *self._uses_of_the_history(),
            *self.reading.others,
            *of_history,
        )

    def _undone(self) -> Iterator[MigrationError]:
        """Yield a note on each migration that the old history has, although `sqlmigrate down` has undone it."""
        for each in self.entries:
            if each.here == "undone" and each.record:
                yield MigrationError(
                    f"{each.label} was undone here by sqlmigrate: it stays pending, whatever the old history says"
                )

    @cached_property
    def kept(self) -> tuple[MigrationError, ...]:
        """Return a note on each migration that was undone here, and on each file of ours with a text of its own."""
        return (*self._undone(), *self._kept())

    def _kept(self) -> Iterator[MigrationError]:
        """Yield a note on each file in our folder that has another text than its conversion."""
        for each in self.entries:
            pair = each.pair
            if pair.migration and pair.is_kept and pair.foreign.up and not self.reading.in_place:
                recorded = ", and recorded as executed" if each.is_executed and not each.is_recorded else ""
                path = pair.migration.up.path
                yield MigrationError(f"{path} is not what {pair.foreign.path} becomes: it is kept as it is{recorded}")

    def _uses_of_the_history(self) -> Iterator[MigrationError]:
        """Yield a note on each up file that names the history table of the tool: a new database does not have it."""
        if self.history is None:
            return
        name = re.compile(rf"(?<!\w){re.escape(self.history.shown)}(?!\w)")  # with the schema, if it is not on the path
        for entry in self.entries:
            up = entry.pair.migration.up if entry.pair.migration else None
            if up and (found := name.search(up.text)):
                yield MigrationError(
                    f"this file needs {self.history.shown}, which a new database does not have",
                    up.span(found.start(), found.end()),
                    hint="if new databases are built from these files, create the table in a file before it",
                )

    @cached_property
    def texts(self) -> dict[str, str]:
        """The texts of the files that are made of the tool's files, by path."""
        return {path: text for each in self.entries for path, text in each.pair.texts.items()}

    @property
    def is_done(self) -> bool:
        """Whether nothing is left to do: the files are there, and what is executed is recorded."""
        return not self.to_record and all(each.pair.is_kept or each.pair.is_written for each in self.entries)


def make_adoption(
    tool: Tool, reading: Reading, pairs: Sequence[Pair], history: ForeignHistory | None, ours: Mapping[int, str]
) -> Adoption:
    """Put files and history together.

    Args:
        tool: The tool.
        reading: Its folder.
        pairs: The migrations with the pairs that they become.
        history: The history of the tool; None if there is none, or no database was looked at.
        ours: What sqlmigrate has done with a version, given as a number: `executed`, `undone` or `failed`.
    """
    found = tool.matched([pair.foreign for pair in pairs], history.records) if history else ()
    records = _records(tool, found, pairs)
    same = _by_key(pairs)
    entries = tuple(_entry(tool, pair, _own_record(pair, same, records), ours) for pair in pairs)
    known = set(same)
    missing = tuple(each for each in found if each.key not in known and each.state == "executed")
    return Adoption(tool, reading, history, entries, missing, found, tuple(_doubled(entries)))


def _by_key(pairs: Sequence[Pair]) -> dict[str, list[Pair]]:
    same: dict[str, list[Pair]] = {}
    for pair in pairs:
        same.setdefault(pair.foreign.key, []).append(pair)
    return same


def _own_record(pair: Pair, same: Mapping[str, Sequence[Pair]], records: Mapping[str, Record]) -> Record | None:
    """Return the record of a migration; where several have its key, the name in the record tells which one it is."""
    record = records.get(pair.foreign.key)
    others = [each for each in same[pair.foreign.key] if each is not pair]
    if record is None or not others:
        return record
    is_named = _is_named(pair, record)
    return record if is_named or not any(_is_named(each, record) for each in others) else None


def _is_named(pair: Pair, record: Record) -> bool:
    return bool(record.name) and record.name.replace("_", " ") == pair.foreign.name.replace("_", " ")


def _doubled(entries: Sequence[Entry]) -> Iterator[tuple[Entry, ...]]:
    executed: dict[str, list[Entry]] = {}
    for each in entries:
        if each.is_executed:
            executed.setdefault(each.pair.foreign.key, []).append(each)
    yield from (tuple(same) for same in executed.values() if len(same) > 1)


def _records(tool: Tool, history: Sequence[Record], pairs: Sequence[Pair]) -> dict[str, Record]:
    """Return the record of each migration; where the history has one row, all older migrations have it too.

    A baseline is a record for all older migrations that have none of their own.
    """
    if not tool.is_one_row:
        found = {each.key: each for each in history}
        for each in history:
            if each.state == "baseline":
                found = {**{key: replace(each, key=key) for key in _up_to(each.key, pairs)}, **found}
        return found
    migrations = [pair.foreign for pair in pairs]
    return {
        key: Record(key) for record in history if record.state == "executed" for key in tool.reached(migrations, record)
    }


def _up_to(key: str, pairs: Sequence[Pair]) -> list[str]:
    """Return the keys up to the one of a baseline, in the tool's order; it may lie between two files."""
    keys = [pair.foreign.key for pair in pairs]
    if key in keys:
        return keys[: keys.index(key) + 1]
    if all(_NUMBERS.fullmatch(each) for each in (key, *keys)):
        return [each for each in keys if _numbers(each) <= _numbers(key)]
    return [each for each in keys if each <= key]


def _numbers(key: str) -> list[int]:
    return [int(part) for part in key.split(".")]


def _entry(tool: Tool, pair: Pair, record: Record | None, ours: Mapping[int, str]) -> Entry:
    done = ours.get(pair.migration.number, "") if pair.migration else ""
    is_recorded = done == "executed"
    here = "" if is_recorded else done
    if record is None or record.state not in ("executed", "baseline"):
        return Entry(pair, record, is_recorded=is_recorded, here=here)
    is_same = None if record.state == "baseline" else tool.is_same(pair.foreign, record)
    verdict: Verdict = "trusted" if is_same is None else "verified" if is_same else "changed"
    return Entry(pair, record, verdict, is_recorded, here)
