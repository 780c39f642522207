"""What a run is asked to do, and the plan that this makes of a history."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from sqlmigrate.database.session import Session
from sqlmigrate.errors import NOTHING_EXECUTED_BY_THIS_RUN, gather
from sqlmigrate.files.migration import Migration, archive_of
from sqlmigrate.files.squashed import faults_of_squashed
from sqlmigrate.history import read
from sqlmigrate.history.state import State
from sqlmigrate.plan.down import down_rows, down_steps, means_all
from sqlmigrate.plan.encoding import encoding_errors
from sqlmigrate.plan.half_done import begun_statements, half_done_rows, half_undone_error, resume_errors
from sqlmigrate.plan.notes import missing_notes, notes_on
from sqlmigrate.plan.plan import Direction, DriftPolicy, Plan, Selection
from sqlmigrate.plan.rows import Row, changed_rows, make_rows
from sqlmigrate.plan.squashed import View, find_named, planned_folds, view_of
from sqlmigrate.plan.up import up_steps

from .status import changed_files

if TYPE_CHECKING:
    from sqlmigrate.parsing.statement import Statement


@dataclass(frozen=True)
class Order:
    """What a run is asked to do."""

    direction: Direction
    migrations: Sequence[Migration]
    selection: Selection
    table: str
    is_dry_run: bool
    drift: DriftPolicy

    def read(self, session: Session) -> State:
        """Read the history, with its log if the order is to undo."""
        return read.read(session, self.table, with_log=self.direction == "down")

    def without(self, done: int) -> Order:
        """Give what is left of the order after so many steps of it are executed."""
        steps = self.selection.steps
        return self if steps is None else replace(self, selection=replace(self.selection, steps=steps - done))

    def plan(self, session: Session, state: State) -> Plan:
        """Return the plan that does this on a database.

        Raises:
            SqlmigrateError: The files and the history do not allow it: what was changed, is missing or half done.
        """
        plan = self._plan(session, state)
        if errors := encoding_errors(plan.steps, session.database_encoding):
            raise gather(errors)
        return plan

    def _plan(self, session: Session, state: State) -> Plan:
        is_up = self.direction == "up"
        view = view_of(self.migrations, state.executions, archive_of(self.migrations), folds=is_up)
        rows = make_rows(view.migrations, view.executions)
        selection = self._selection(view, rows)
        if is_up:
            steps = up_steps(rows, selection, self._begun(session, state, rows, view))
            notes = (*notes_on(self.migrations, rows, steps), *(() if steps else missing_notes(rows)))
            folds = planned_folds(view, rows, [step.migration.number for step in steps])
            return Plan("up", rows, steps, self.is_dry_run, notes, folds, view.opened)
        chosen = down_rows(rows, selection)
        versions = [row.execution.version for row in chosen if row.execution]
        steps = down_steps(chosen, read.texts(session, state.history, versions))
        return Plan("down", rows, steps, self.is_dry_run, notes_on(self.migrations, rows))

    def _selection(self, view: View, rows: Sequence[Row]) -> Selection:
        """Give the selection with the name of a row; raises `ConfigError` for a migration that was replaced."""
        to = self.selection.to
        if to is None or (self.direction == "down" and means_all(to, (row.number for row in rows))):
            return self.selection
        return replace(self.selection, to=find_named(self.migrations, view.opened, rows, to).label)

    def _begun(
        self, session: Session, state: State, rows: Sequence[Row], view: View
    ) -> dict[str, tuple[Statement, ...]]:
        """Refuse what the history forbids, and give the recorded statements of what an earlier run has begun."""
        if error := half_undone_error(rows):
            raise error
        if faults := faults_of_squashed(self.migrations):
            raise gather(faults).with_(state=NOTHING_EXECUTED_BY_THIS_RUN)
        if view.errors:
            raise gather(view.errors)
        if changed_rows(rows):
            raise changed_files(session, state.history, rows, NOTHING_EXECUTED_BY_THIS_RUN)
        begun = [row.execution.version for row in half_done_rows(rows) if row.execution]
        if not begun:
            return {}
        recorded = read.texts(session, state.history, begun)
        if errors := resume_errors(rows, recorded):
            raise gather(errors)
        return begun_statements(rows, recorded)
