"""`drift --against files`: a database compared with the files that are executed there, or with all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlmigrate.database.server import IDENTITY_IN_PART, server_of
from sqlmigrate.database.session import Session, connect
from sqlmigrate.errors import ServerError
from sqlmigrate.files.migration import Migration, archive_of
from sqlmigrate.history import read
from sqlmigrate.history.state import State
from sqlmigrate.history.table import unknown
from sqlmigrate.history.texts import NOTHING, Recorded
from sqlmigrate.operations.drift import Report, authors_of, entries
from sqlmigrate.plan.checks import shortened_error
from sqlmigrate.plan.plan import DriftPolicy
from sqlmigrate.plan.rows import Row, make_rows
from sqlmigrate.plan.squashed import view_of
from sqlmigrate.shadow.against import compare_with
from sqlmigrate.shadow.baseline import files_up_to
from sqlmigrate.shadow.built_schema import Wanted
from sqlmigrate.source import Source
from sqlmigrate.spelling import plural

from .drift_result import Result, with_drift

_OWNERS = "owners are compared only where the files name them"


@dataclass(frozen=True)
class _Chosen:
    """The migrations that a database is compared with.

    Attributes:
        migrations: the migrations
        notes: what is to be known about them
    """

    migrations: tuple[Migration, ...]
    notes: tuple[str, ...]


def compare_with_files(
    url: str, migrations: Sequence[Migration], policy: DriftPolicy, wanted: Wanted, *, to: str | None = None
) -> Result:
    """Compare a database with what the files make, also one without a history; writes nothing to it.

    `to` names the version of the last file; without it the history tells which files are executed.

    Raises:
        NoServerError: There is no PostgreSQL on this machine to build on.
        ServerError: The files do not build.
        HistoryError: A file is missing, and the history has kept only a part of its text.
        SqlmigrateError: The database cannot be reached.
    """
    ignored = entries(policy)
    with connect(url) as session:
        state, why = _state(session, wanted.table)
        if to is None:
            chosen = _chosen(session, state, migrations, why)
        else:
            chosen = _Chosen(tuple(files_up_to(migrations, state, to)), ())
        against = compare_with(session, state, chosen.migrations, wanted, ignored)
        report = Report(state, against.compared, authors_of(session, against.compared))
    newest = chosen.migrations[-1].version if chosen.migrations else None
    said = f"what the files make up to {newest}" if newest else "an empty database: no file is executed"
    left_out = (f"{each.label} is left out: {each.reason}" for each in against.built.left_out)
    result = Result(
        state.server.where,
        f"{said}, on {against.built.server}",
        newest,
        notes=(*chosen.notes, _OWNERS, *left_out),
        objects=len(against.compared.now.catalog.objects),
    )
    return with_drift(result, report)


def _state(session: Session, table: str) -> tuple[State, str]:
    """Read the history; if this role may not, say why, and give a state without one."""
    try:
        return read.read(session, table), "the database has no history"
    except ServerError as error:
        session.abort()
        (identity,) = session.ask(IDENTITY_IN_PART)
        return State(server_of(session, identity), unknown(table)), error.message


def _chosen(session: Session, state: State, migrations: Sequence[Migration], why: str) -> _Chosen:
    """Choose what is executed in the database; without a history all files, and `why` says why it has none."""
    if not state.executions:
        files = tuple(sorted(migrations, key=lambda each: each.number))
        return _Chosen(files, (f"{why}: it is compared with all files",))
    view = view_of(migrations, state.executions, archive_of(migrations))
    rows = make_rows(view.migrations, view.executions)
    executed = [row for row in rows if row.execution and row.execution.status in ("executed", "baseline")]
    missing = [row.execution.version for row in executed if row.execution and row.migration is None]
    recorded = read.texts(session, state.history, missing)
    found = tuple(filter(None, (row.migration or _recorded(row, recorded) for row in executed)))
    pending = sum(row.is_pending for row in rows)
    gone = [row.label for row in executed if row.migration is None]
    notes = [f"{plural(pending, 'pending migration')} not compared"] if pending else []
    notes += [f"{', '.join(gone)}: the file is missing, and the text recorded in the history is used"] if gone else []
    return _Chosen(found, tuple(notes))


def _recorded(row: Row, recorded: Mapping[str, Recorded]) -> Migration | None:
    execution = row.execution
    texts = recorded.get(execution.version, NOTHING) if execution else NOTHING
    if texts.shortened:
        raise shortened_error(row.label, texts)
    if execution is None or texts.up is None:
        return None
    return Migration(execution.version, execution.name, Source(f"the history: {row.label}", texts.up))
