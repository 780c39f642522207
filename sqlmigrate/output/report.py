"""What each command shows, as text or as JSON: puts the lines of this package's modules together and writes them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from sqlmigrate.database.blocker import Blocker
from sqlmigrate.errors import ON_PRIMARY, MigrationError, SqlmigrateError
from sqlmigrate.files.migration import Folder
from sqlmigrate.files.replaces import ARCHIVE
from sqlmigrate.history.log import LogEntry
from sqlmigrate.history.state import Execution, State
from sqlmigrate.plan.first_run import first_run_errors
from sqlmigrate.plan.plan import Direction, Plan, Planned
from sqlmigrate.plan.rows import Row, missing_after
from sqlmigrate.spelling import plural

from . import json_values
from .error_lines import AsCalled, error_lines
from .excerpt import Line, printable
from .log_lines import log_lines
from .status_lines import MOST_NOTES, label_column, note_lines, row_lines, run_lines, squash_lines, stop_lines, totals
from .wrapping import folded
from .writer import Stream, Writer, terminal_width

if TYPE_CHECKING:
    from sqlmigrate.parsing.script import Script


Format = Literal["text", "json"]
_READS = ("status", "verify", "log", "create")


def _as_written(command: str) -> str:
    return command


def _agreement(planned: Planned) -> tuple[str, str, str]:
    """Return a mark, its style and words for a history that does not differ from the files."""
    failed = sum(row.state == "failed" for row in planned.plan.rows)
    if not planned.state.history.exists:
        return "✅", "green", "not created yet, nothing is executed"
    if failed:
        return "⚠️", "yellow", f"no executed file was changed, and {plural(failed, 'migration')} failed"
    return "✅", "green", "agrees with the files"


def without_edit(fault: MigrationError) -> MigrationError:
    """Return the fault of an executed migration; without the cure if it would change the file that was executed."""
    is_executed = fault.span is not None and fault.span.source.path.endswith(".up.sql")
    return fault.with_(hint=None) if is_executed else fault


def _urgent(rows: Sequence[Row]) -> str | None:
    """Return the command to begin with where a migration needs attention before any other is executed."""
    if any(row.is_half_undone for row in rows):
        return "sqlmigrate down"
    if any(row.state in ("changed", "missing") for row in rows):
        return "sqlmigrate verify"
    if faults := [fault for row in rows if row.is_pending and row.migration for fault in row.migration.faults]:
        return next(iter(faults[0].next_steps), "sqlmigrate verify")  # up would only name them
    return "sqlmigrate up --out-of-order" if any(row.state == "out of order" for row in rows) else None


def _has_failed(row: Row) -> bool:
    """Tell whether a migration has failed by itself: not because the connection was lost, or the run interrupted."""
    execution = row.execution
    return execution is not None and execution.error is not None and not execution.is_cut_short


class Report:
    """Writes what a command shows, in one format.

    Attributes:
        directory: The folder of the migrations, with a slash at its end.
        form: ``text`` or ``json``.
        as_called: Turns a command, ``sqlmigrate up``, into what this user has to type: with the flags of this call.
        place: What to call the database, if its own address means nothing to the user.
        writer: The thread that writes.
    """

    def __init__(self, directory: str, form: Format = "text", as_called: AsCalled = _as_written) -> None:
        self.directory = directory.rstrip("/") + "/"
        self.form = form
        self.as_called = as_called
        self.place: str | None = None
        self.writer = Writer()
        self._is_standby = False

    def close(self, seconds: float | None = None) -> bool:
        """Wait until everything is written, at most `seconds`; return whether it is."""
        return self.writer.close(seconds)

    @property
    def loss(self) -> SqlmigrateError | None:
        """The error of a stream that could not be written: a full disk, a closed stream."""
        for stream, error in self.writer.lost.items():
            return SqlmigrateError(
                f"cannot write to {stream}: {error.strerror or error}",
                detail=["the database is not affected: its history says what was done"],
                next_steps=["sqlmigrate status"],
            )
        return None

    def text(self, *lines: Line | str, stream: Stream = "stdout") -> None:
        """Write lines of text; nothing if the format is JSON."""
        if self.form == "text":
            self.writer.write(stream, [[("", line)] if isinstance(line, str) else line for line in lines])

    def _folded(self, line: Line, indent: int = 3, stream: Stream = "stdout") -> None:
        """Write a line, folded if it is wider than the terminal."""
        self.text(*folded(line, terminal_width(stream), indent), stream=stream)

    def folded(self, line: Line | str, indent: int = 3, stream: Stream = "stdout") -> None:
        """Write a line of text, folded if it is wider than the terminal; its later parts are indented."""
        self._folded([("", line)] if isinstance(line, str) else line, indent, stream)

    def page(self, text: str) -> None:
        """Write a text that a command has drawn by itself to stdout, whatever the format."""
        self.writer.write("stdout", [[("", line)] for line in text.rstrip("\n").split("\n")])

    def json(self, value: Any, stream: Stream = "stdout") -> None:
        """Write one value as a line of JSON; nothing if the format is text."""
        if self.form == "json":
            self.writer.write(stream, [[("", json_values.line(value))]])

    # looking

    def status(self, planned: Planned) -> None:
        """Draw the screen of `status`."""
        rows = planned.plan.rows
        if self.form == "json":
            self.json(json_values.status_value(planned, self.directory))
            return
        self._folded(self.head(planned.state, f"{self.directory} · history in {planned.state.history.name}"))
        self.text("")
        self.text(*row_lines(rows, planned.state.run, terminal_width("stdout")))
        if rows:
            self.text("")
        self._folded([("bold", part) for part in totals(rows, planned.state.run)])
        self._is_standby = planned.state.server.is_standby
        if self._is_standby:
            said = f"this is a standby, so the primary may be further: {planned.state.behind}"
            self._folded([("yellow", "⚠️"), ("", f" {said}")])
        self.folder_notes(planned.plan.notes)
        first = first_run_errors(planned.state.surroundings, rows)
        self.squashes(planned.plan)
        if rows or not planned.plan.notes:
            self.end_of_status(rows, planned.state.run, first, plan=planned.plan)
        else:  # no hint to create the first migration where there are some
            self.notes(first)

    def folder_notes(
        self,
        notes: Sequence[SqlmigrateError],
        stream: Stream = "stdout",
        most: int = MOST_NOTES,
        of_all: str = "sqlmigrate verify",
    ) -> None:
        """Say what is wrong with files that are not executed: the first ones, a line each, and how many more.

        `of_all` is the command that shows all of them.
        """
        for line in note_lines(notes, self.as_called, most, of_all):
            self._folded(line, stream=stream)

    def head(self, state: State, rest: str) -> Line:
        """Return the first line of a screen: the database, and `rest`."""
        return [("bold", self.place or state.server.where), ("", f" · {rest}")]

    def squashes(self, plan: Plan) -> None:
        """Say what the next `up` does about squashed migrations."""
        for line in squash_lines(plan, f"{self.directory}{ARCHIVE}/"):
            self._folded(line)

    def end_of_status(
        self,
        rows: Sequence[Row],
        run: Blocker | None = None,
        first: Sequence[SqlmigrateError] = (),
        *,
        plan: Plan | None = None,
    ) -> None:
        """Say what the rows mean together, which run is under way, and what to do next.

        `first` are the errors with which the first `up` would end.
        """
        self.notes(first)
        archive = [each.error for each in plan.opened if each.error] if plan else []
        self.notes(archive)
        if missing_after(rows) and not archive:
            self._folded([("", "this folder is older than the database: newer migrations were executed there")])
        if run:
            self.text(*run_lines(run, terminal_width("stdout")))
            self.text(self.next_step("sqlmigrate status"))
        elif not rows:
            known = next((step for error in first for step in error.next_steps), None)
            self.text(self.next_step(known or 'sqlmigrate create "my first table"'))
        elif archive:
            self._next_steps(archive[0])
        elif urgent := _urgent(rows):
            self.text(self.next_step(urgent))
        elif first:
            self._next_steps(first[0])
        elif any(row.is_pending and _has_failed(row) for row in rows):
            self.text(self.next_step("sqlmigrate up", "fix the file or the data, then: "))
        elif any(row.is_pending for row in rows) or (plan and plan.folds):
            self.text(self.next_step("sqlmigrate up"))

    def _next_steps(self, error: SqlmigrateError) -> None:
        step, *others = error.next_steps
        self.text(self.next_step(step), *([("", "      "), ("cyan", self.as_called(each))] for each in others))

    def notes(self, errors: Sequence[SqlmigrateError]) -> None:
        """Say in a line each what would stop an `up`; those after the third are only counted."""
        for line in stop_lines(errors):
            self._folded(line)

    def next_step(self, words: str, before: str = "") -> Line:
        """Return the line that names the next command, and what is to be done `before`."""
        if self._is_standby and words.startswith("sqlmigrate ") and words.split()[1] not in _READS:
            words = f"{ON_PRIMARY}{words}"
        return [("", f"next: {before}"), ("cyan", self.as_called(words))]

    def log(self, state: State, entries: Sequence[LogEntry]) -> None:
        """Draw the screen of `log`, oldest first."""
        self.json([json_values.log_value(entry) for entry in entries])
        self._folded(self.head(state, f"log of {state.history.name}"))
        self.text("", *log_lines(entries, terminal_width("stdout")))
        self.text(f"Total: {len(entries)}" if entries else "the log is empty: nothing has been executed yet")

    def recorded(self, execution: Execution, direction: Direction, text: str) -> None:
        """Write a text that the history has recorded, to the last character."""
        self.json({"version": execution.version, "name": execution.name, "direction": direction, "sql": text})
        if self.form == "text":
            self.writer.exact(text)

    # files and history

    def cuts(self, script: Script) -> None:
        """Show the statements of a file, a line each."""
        self.json(json_values.script_value(script))
        for each in script.statements:
            span = each.span
            lines = f"{span.line}-{span.end_line}" if span.end_line > span.line else f"{span.line}"
            data = f"  with {plural(each.data.end_line - each.data.line + 1, 'line')} of data" if each.data else ""
            self.text([("dim", f"{script.source.path}:{lines:<9} "), ("", printable(each.title) + data)])
        how = "in one transaction" if script.mode == "transaction" else "each on its own"
        self.text(f"{plural(len(script.statements), 'statement')}, {how}")

    def created(self, up: Path, down: Path) -> None:
        """Say which files were made."""
        self.json({"up": str(up), "down": str(down)})
        self.text([("green", "✅"), ("", f" {up}")], [("green", "✅"), ("", f" {down}")])
        self.text(f"next: write the SQL into both, then: {self.as_called('sqlmigrate up')}")

    def verified(self, migrations: Folder, planned: Planned | None, settled: Sequence[MigrationError] = ()) -> None:
        """Say that the files are valid, and agree with the history if it was read.

        `settled` are the faults of files that are executed: they are notes.
        """
        count = len(migrations)
        history = planned.state.history.name if planned else None
        notes = (*migrations.notes, *map(without_edit, settled))
        existing = json_values.existing_value(planned) if planned else None
        self.json(
            {"files": count, "history": history, "findings": [], "existing": existing, **json_values.notes_value(notes)}
        )
        valid = "all pending files are valid" if settled else "all files are valid"
        files = f"{plural(count, 'migration')} in {self.directory}: {valid}"
        self._folded([("green", "✅"), ("", f" {files}")])
        if planned:
            rows = planned.plan.rows
            mark, style, said = _agreement(planned)
            counts = totals(rows, planned.state.run)
            self._folded([(style, mark), ("", f" history in {history}: {said} · "), *(("", part) for part in counts)])
            self.notes(first_run_errors(planned.state.surroundings, planned.plan.rows))
        else:
            self.text("no database is set: only the files were checked")
        self.folder_notes(notes, most=len(notes))

    def repaired(self, state: State, label: str, done: str) -> None:
        """Say what was repaired, and in which database."""
        self.json({"repaired": label, "done": done, "database": state.server.where})
        self._folded(self.head(state, f"history in {state.history.name}"))
        self._folded([("green", "✅"), ("", f" {done}")])
        self.text(self.next_step("sqlmigrate status"))

    def declared(self, state: State, rows: Sequence[Row]) -> None:
        """Say which migrations were declared to be in the database, and in which."""
        self.json({"baseline": [row.label for row in rows], "database": state.server.where})
        self._folded(self.head(state, f"history in {state.history.name}"))
        width = label_column(row.label for row in rows)
        self.text(*([("green", "✅"), ("", f" {row.label:<{width}}   recorded, not executed")] for row in rows))
        self.text(f"{len(rows)} recorded" if rows else "nothing to record: everything is already executed or recorded")
        if rows:
            self.text(self.next_step("sqlmigrate status"))

    # errors

    def error(self, error: SqlmigrateError) -> None:
        """Draw an error, and those found together with it."""
        found = (error, *error.others)
        self.json({"error": [json_values.error_value(each) for each in found]}, stream="stderr")
        for each in found:  # the state of the database is said once, after the last error
            shown = each.with_(state=None) if error.others else each
            self.text(*error_lines(shown, self.as_called), stream="stderr")
        if error.others:
            self.text(f"{len(found)} errors" + (f", {error.state}" if error.state else ""), stream="stderr")
