"""Opens a session that holds the lock of a run, for changes of the history that execute no migration."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

from sqlmigrate.database import pooler, run_lock, server, synchronous
from sqlmigrate.database.session import Session, connect
from sqlmigrate.history import read
from sqlmigrate.history.state import State


@contextmanager
def under_lock(url: str, table: str, lock_wait: float, schema: str | None = None) -> Iterator[tuple[Session, State]]:
    """Connect, take the lock of a run, and give the session and the state read under the lock.

    A pooler that shares sessions, or may do so, would keep the lock when we are gone. There it is not taken: each
    request checks that its row has not changed.
    """
    with connect(url, schema) as session:
        state = read.read(session, table)
        server.require_writable(state.server)
        synchronous.require(state.server.synchronous)
        is_pooled = not state.server.is_direct
        if is_pooled and pooler.sharing(session, state.server).is_shared:
            yield session, state
            return
        run_lock.take(session, state.history.name, lock_wait)
        with run_lock.released(session, state.history.name) if is_pooled else nullcontext():
            yield session, read.read(session, table)
