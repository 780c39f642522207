"""Errors that targets share, as text: each cause once, the names of the targets, and what each has of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlmigrate.errors import SqlmigrateError, StatementError
from sqlmigrate.output.error_lines import error_lines
from sqlmigrate.output.excerpt import Line, printable
from sqlmigrate.output.report import Report
from sqlmigrate.output.writer import Stream
from sqlmigrate.spelling import plural

from .results import Group

MOST_NAMES = 5
_MOST_OWN = 12  # lines of what one target has of its own


def names_in_short(names: Sequence[str], most: int | None = MOST_NAMES) -> str:
    """Return the first names, and how many more there are; all without `most`."""
    shown = ", ".join(map(printable, names[:most]))
    more = len(names) - most if most is not None else 0
    return f"{shown} and {more:,} more" if more > 0 else shown


@dataclass(frozen=True)
class Causes:
    """Shows errors, each once.

    Attributes:
        report: What shows them.
        is_verbose: Whether every name is shown, and what each target has of its own.
    """

    report: Report
    is_verbose: bool = False

    @property
    def most(self) -> int | None:
        """How many names are shown at once; None: all."""
        return None if self.is_verbose else MOST_NAMES

    def names(self, names: Sequence[str]) -> str:
        """Return names of targets, in a line."""
        return names_in_short(names, self.most)

    def errors(self, found: Sequence[Group]) -> None:
        """Show errors with their places."""
        for group in found:
            lines = list(error_lines(group.error, self.report.as_called))
            names: Line = [("bold", f"   {'targets':<8}"), ("", f"{len(group.names):,}: {self.names(group.names)}")]
            self.report.text(*lines[:-1], stream="stderr")
            self.report.folded(names, 11, stream="stderr")
            self._own(group, "stderr")
            if isinstance(group.error, StatementError):
                for step in group.error.next_steps:  # of the command the last line says more
                    before = step.partition(", then: ")[0]
                    self.report.folded([("bold", f"   {'next':<8}"), ("", printable(before))], 11, stream="stderr")
            self.report.text("", stream="stderr")

    def reasons(self, found: Sequence[Group], mark: str = "⏸️", before: str = "", stream: Stream = "stderr") -> None:
        """Show errors in a line each, with what can be done."""
        style = "red" if mark == "❌" else "yellow"
        for group in found:
            names = f"   {plural(len(group.names), 'target')}: {self.names(group.names)}"
            self.report.folded([(style, mark), ("", f" {before}{_reason(group.error)}")], 3, stream)
            self.report.folded(names, 5, stream)
            self.report.text(*self._cure(group.error, stream), stream=stream)
            self._own(group, stream)

    def _cure(self, error: SqlmigrateError, stream: Stream, indent: int = 0) -> Sequence[Line]:
        """Return what an error says beyond its message and its place, folded for lines that are to be indented."""
        bare = error.with_(message="", span=None, state=None)
        _, *lines, _ = error_lines(bare, self.report.as_called, stream, indent)
        return lines

    def _own(self, group: Group, stream: Stream) -> None:
        """Show what is true for single targets: of the first, and how many more there are."""
        for name, error in group.own[: self.most]:
            lines, message = self._cure(error, stream, 2), error.message
            if len(lines) == 1 and not message and error.detail:
                lines, message = (), error.detail[0]
            self.report.folded([("bold", f"   {printable(name)}"), ("", f"  {printable(message)}".rstrip())], 5, stream)
            indented: Sequence[Line] = [[("", "  "), *line] for line in lines]
            shown = indented if self.is_verbose else indented[:_MOST_OWN]
            self.report.text(*shown, stream=stream)
            if len(indented) > len(shown):
                self.report.text(f"     and {len(indented) - len(shown):,} more lines: --verbose", stream=stream)
        if (more := len(group.own[self.most or 0 :]) if self.most else 0) > 0:
            self.report.text(f"   and {more:,} more, each with its own: --verbose", stream=stream)


def _reason(error: SqlmigrateError) -> str:
    return printable(f"{error.message} ({error.span})" if error.span else error.message)
