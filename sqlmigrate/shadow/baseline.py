"""Whether a database is what the files up to a version make, before it is declared to be there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlmigrate.catalog.drift import summary
from sqlmigrate.catalog.objects import Difference
from sqlmigrate.database.session import connect
from sqlmigrate.errors import SqlmigrateError
from sqlmigrate.files.migration import Migration, archive_of
from sqlmigrate.history import read
from sqlmigrate.history.state import State
from sqlmigrate.plan.rows import make_rows
from sqlmigrate.plan.squashed import find_named, view_up_to
from sqlmigrate.spelling import plural

from .against import compare_with
from .built_schema import Wanted

_SHOWN = 3  # differences that are named


@dataclass(frozen=True)
class Agreement:
    """What a comparison with the files has found.

    Attributes:
        doubt: how many objects are missing or different, and the first of them; None if none is
        note: what else is there, or why nothing was compared; None if there is nothing to say
    """

    doubt: str | None = None
    note: SqlmigrateError | None = None


def agreement(url: str, migrations: Sequence[Migration], version: str, wanted: Wanted) -> Agreement:
    """Compare a database with what the files up to `version` make; writes nothing to it.

    Where that cannot be built, a note says so: a baseline is possible without it. Raises `SqlmigrateError` if the
    database cannot be reached.
    """
    with connect(url) as session:
        state = read.read(session, wanted.table)
        files = files_up_to(migrations, state, version)
        try:
            drift = compare_with(session, state, files, wanted).compared.drift
        except SqlmigrateError as error:
            return Agreement(note=error.with_(message=f"not compared with what the files make: {error.message}"))
    found = drift.differences if drift else ()
    others = [each for each in found if each.change == "left over"]
    return Agreement(_doubt([each for each in found if each.change != "left over"]), _note(others))


def files_up_to(migrations: Sequence[Migration], state: State, version: str) -> list[Migration]:
    """Return the migrations up to a version, as a user names it; raises `ConfigError` if there is none of this name."""
    view = view_up_to(migrations, state.executions, archive_of(migrations), version)
    rows = make_rows(view.migrations, view.executions)
    limit = find_named(migrations, view.opened, rows, version).number
    return sorted((each for each in view.migrations if each.number <= limit), key=lambda each: each.number)


def _doubt(found: Sequence[Difference]) -> str | None:
    if not found:
        return None
    disagree = "disagrees" if len(found) == 1 else "disagree"
    return f"{plural(len(found), 'object')} {disagree} with what these files make: {_shown(found)}"


def _note(found: Sequence[Difference]) -> SqlmigrateError | None:
    if not found:
        return None
    are = "is" if len(found) == 1 else "are"
    return SqlmigrateError(f"{plural(len(found), 'object')} here {are} not made by these files: {_shown(found)}")


def _shown(found: Sequence[Difference]) -> str:
    more = [f"and {len(found) - _SHOWN:,} more"] if len(found) > _SHOWN else []
    return "; ".join([*list(summary(found))[:_SHOWN], *more])
