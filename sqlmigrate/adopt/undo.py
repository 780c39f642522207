"""Takes an adoption back: rows, log, trigger and written files, while nothing was executed since."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from sqlmigrate.database import server
from sqlmigrate.database.session import COMMIT, Request, Session
from sqlmigrate.errors import NOTHING_CHANGED, ConfigError, HistoryError
from sqlmigrate.history import log, rights
from sqlmigrate.history.log import LogEntry
from sqlmigrate.history.state import State
from sqlmigrate.history.table import History
from sqlmigrate.operations.locked import under_lock
from sqlmigrate.plan.plan import Limits

from .adoption import Adoption
from .finish import accept_writes, is_finished, way_back
from .look import Wanted, look
from .record import forget


@dataclass(frozen=True)
class Undone:
    """What was taken back.

    Attributes:
        forgotten: How many rows were removed from our history.
        is_history_dropped: Whether our history was dropped: it held nothing but the adoption.
        paths: The files that were removed.
        kept: Files of these migrations that stay, because they are not as they were written.
    """

    forgotten: int
    is_history_dropped: bool
    paths: tuple[str, ...]
    kept: tuple[str, ...]


def undo(url: str, wanted: Wanted, limits: Limits) -> tuple[State, Undone]:
    """Take an adoption back, in one transaction; then remove the files that are still as they were written.

    Raises:
        HistoryError: Nothing was adopted, or something was executed, repaired or rolled back since.
    """
    with under_lock(url, wanted.table, limits.lock_wait) as (session, state):
        server.require_writable(state.server)
        rights.require_writable(state)
        found = log.entries(session, state.history)
        adoption = _looked(session, wanted)
        if later := later_than_adoption(found):
            raise _too_late(session, later, adoption)
        adopted = [entry.version for entry in found if entry.action == "adopt"]
        is_dropped = len(adopted) == len(found)
        requests = [*_dropping(state.history)] if is_dropped else [forget(state.history, adopted)]
        if adoption and adoption.history:
            requests += accept_writes(adoption.history, adoption.tool.guard(adoption.history.place))
        session.ask(Request("begin"), *requests, COMMIT)
    paths, kept = _remove(adoption) if adoption else ((), ())
    return state, Undone(len(adopted), is_dropped, paths, kept)


def later_than_adoption(entries: Sequence[LogEntry]) -> LogEntry | None:
    """Return the last thing that was done after the adoption; raises `HistoryError` if nothing was adopted."""
    places = [at for at, entry in enumerate(entries) if entry.action == "adopt"]
    if not places:
        raise HistoryError("nothing was adopted in this database", state=NOTHING_CHANGED, next_steps=["sqlmigrate log"])
    later = [entry for entry in entries[places[0] :] if entry.action != "adopt"]
    return later[-1] if later else None


def _too_late(session: Session, later: LogEntry, adoption: Adoption | None) -> HistoryError:
    """Give the error, with the SQL that lets the old history take writes again if it refuses them."""
    hint = "the old tool would not know of it"
    if adoption and adoption.history and is_finished(session, adoption.history):
        sql = way_back(adoption.history, adoption.tool.guard(adoption.history.place))
        hint += f"; to let {adoption.history.shown} take writes again, execute: {sql}"
    return HistoryError(
        f"the adoption cannot be taken back: after it came {later.action} of {_label(later)}",
        state=NOTHING_CHANGED,
        hint=hint,
        next_steps=["sqlmigrate log"],
    )


def _label(entry: LogEntry) -> str:
    return f"{entry.version}_{entry.name}"


def _looked(session: Session, wanted: Wanted) -> Adoption | None:
    """Look at the folder and the history of the other tool, as far as they are still there."""
    with suppress(ConfigError):
        return look(session, wanted)[1]
    return None


def _dropping(history: History) -> Iterator[Request]:
    if history.snapshots not in ("missing", "cannot be created", "not ours"):
        yield Request(f"drop table {history.quoted_snapshots}")
    yield Request(f"drop table {history.quoted_log}")
    yield Request(f"drop table {history.quoted}")


def _remove(adoption: Adoption) -> tuple[tuple[str, ...], tuple[str, ...]]:
    if adoption.reading.in_place:
        return (), ()
    removed = [path for path, text in adoption.texts.items() if _is_as_written(Path(path), text)]
    for path in removed:
        Path(path).unlink()
    kept = [
        source.path
        for each in adoption.entries
        if each.pair.is_kept and each.pair.migration is not None
        for source in (each.pair.migration.up, each.pair.migration.down)
        if source is not None
    ]
    return tuple(removed), tuple(kept)


def _is_as_written(path: Path, text: str) -> bool:
    return path.is_file() and path.read_bytes() == text.encode()
