"""The snapshot of the schema that a run takes.

A run takes the snapshot after its last commit, under its lock. Behind a pooler that shares sessions there is no lock:
there the snapshot is only kept if the history is still as it was when the schema was read.
"""

from __future__ import annotations

from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

import psycopg
from psycopg import errors as pg

from sqlmigrate.catalog import stored
from sqlmigrate.catalog.objects import Catalog, Object
from sqlmigrate.catalog.read import read_expected
from sqlmigrate.database.connect_errors import reason
from sqlmigrate.database.own_settings import LOCALLY
from sqlmigrate.database.session import BEGIN_READ_ONLY, COMMIT, Request, Session
from sqlmigrate.errors import SqlmigrateError
from sqlmigrate.history import rights, snapshots
from sqlmigrate.history.snapshots import Found, Taken
from sqlmigrate.history.state import State
from sqlmigrate.history.table import History, own_tables
from sqlmigrate.identifiers import last_part, parts

Standing = Literal["current", "older", "missing"]  # of the last snapshot, to the history


@dataclass(frozen=True)
class Now:
    """A schema at one moment, and what the history was then.

    Attributes:
        catalog: The schema, without our own tables; see `ours`.
        found: What else was read at that moment.
    """

    catalog: Catalog
    found: Found

    @cached_property
    def text(self) -> str:
        """The schema as it is kept."""
        return stored.text_of(self.catalog)

    @cached_property
    def checksum(self) -> str:
        """A digest of the schema."""
        return stored.digest_of(self.text)

    def is_as_kept(self, major: int) -> bool:
        """Tell whether the schema is that of the newest snapshot; `major` is the version of the server."""
        last = self.found.snapshot
        return last is not None and (last.format, last.major, last.checksum) == (stored.FORMAT, major, self.checksum)

    def is_known(self, major: int) -> bool:
        """Tell whether the schema is that of the newest snapshot, which belongs to the history as it is."""
        last = self.found.snapshot
        is_sure = last is not None and last.tie.is_same(self.found.tie) and not last.is_unsure
        return is_sure and self.found.began is None and self.is_as_kept(major)


@dataclass(frozen=True)
class Expected:
    """What was expected of a schema when a run began, where it was changed by hand, or may have been.

    Attributes:
        before: The schema of the last snapshot; None if nothing could be compared.
        found: The schema that the run has found; None as above.
        is_unsure: Whether `before` may have changes by hand that are not known.
    """

    before: Catalog | None
    found: Now | None
    is_unsure: bool = False

    def after(self, now: Catalog) -> Catalog:
        """Return what is expected after the run; `now` is the schema after it."""
        if self.before is None or self.found is None:
            return now
        return expected_after(self.before, self.found.catalog, now)


def expected_after(expected: Catalog, found: Catalog, now: Catalog) -> Catalog:
    """Return what is expected after a run: what has changed since it began is as it is now, all else as expected.

    So a change by hand stays visible until it is taken back, or accepted.

    Args:
        expected: The schema of the last snapshot.
        found: The schema that the run has found.
        now: The schema after the run.
    """
    then, seen, ended = (stored.catalog_of(stored.text_of(each)) for each in (expected, found, now))
    before, begun, after = then.objects, seen.objects, ended.objects
    objects = {
        key: before.get(key) if _is_same(begun.get(key), after.get(key)) else after.get(key)
        for key in (*before, *after)
    }
    altered = {table for table in ended.orders if ended.orders[table] != seen.orders.get(table)}
    placed = (_placed(each, after.get(key), altered) for key, each in objects.items() if each is not None)
    return Catalog({(each.kind, each.name): each for each in placed})


def _placed(thing: Object, now: Object | None, altered: Collection[str]) -> Object:
    """Return a column at the place that it has now, if the run has changed which columns its table has."""
    if thing.kind != "column" or now is None or thing.table not in altered:
        return thing
    return replace(thing, identity=thing.identity._replace(sub=now.identity.sub))


def _is_same(one: Object | None, other: Object | None) -> bool:
    if one is None or other is None:
        return one is other
    return one.attributes == other.attributes


def read_now(session: Session, state: State) -> Now:
    """Read the schema and the state of the history at one moment, in one round trip; writes nothing.

    It takes another one if the schema has sorts of object that the state does not know of.
    """
    history = state.history
    schema = history.schema if history.is_one_of_many else None
    catalog, answers = read_expected(session, snapshots.look(history), schema, state.present)
    found = snapshots.found(answers)
    return Now(ours(catalog, found, history), found)


def ours(catalog: Catalog, found: Found, history: History) -> Catalog:
    """Leave out our own tables, what Citus drops soon, and all other schemas, if one has a history of its own."""
    is_alone = all(schema == history.schema for schema, _ in found.others)
    own = next((parts(name)[0] for name in found.names), "")
    others = {(own, table) for schema, name in found.others if schema == history.schema for table in own_tables(name)}
    return Catalog(
        {
            key: each
            for key, each in catalog.objects.items()
            if each.table not in found.names
            and each.table not in found.dropped
            and not (each.kind == "publication" and each.name in found.dropped)
            and (is_alone or _is_in(each, own))
            and not (others and _table(each) in others)
        }
    )


def _table(thing: Object) -> tuple[str, ...]:
    """Return the schema, as the catalog writes it, and the table that an object belongs to."""
    return (parts(thing.table)[0], last_part(thing.table)) if thing.table else ()


def _is_in(thing: Object, schema: str) -> bool:
    return thing.path[:1] == (schema,) and (len(thing.path) > 1 or thing.kind == "schema")


def keep_began(session: Session, state: State, expected: Expected) -> None:
    """Keep what a run has found, so that changes by hand can be told from what it executes if it is interrupted.

    Not if the snapshot is older than the history: then an interrupted run has kept what it has found, or there was
    nothing to keep. What goes wrong is not reported: nothing depends on it unless this run is interrupted.
    """
    if (now := expected.found) is None:
        return
    found = now.found
    is_kept = found.began is not None and (found.began.tie, found.began.checksum) == (found.tie, now.checksum)
    if is_kept or not (found.snapshot and found.snapshot.tie.is_same(found.tie)) or _why_not_kept(state):
        return
    try:
        request = snapshots.keep_began(state.history, found.tie, _taken(state, now))
        session.ask(Request("begin read write"), LOCALLY, request, COMMIT)
    except psycopg.Error as error:
        _not_taken(session, error)


def take(session: Session, state: State, expected: Expected | None = None) -> tuple[SqlmigrateError, ...]:
    """Keep the schema as it is now, if it or the history has changed since the last snapshot.

    Returns a note if that was not possible: nothing that a run does depends on it.

    Args:
        session: A session in no transaction.
        state: The database and its history.
        expected: What was expected when the run began; None if that was what the run has found.
    """
    if problem := _why_not_kept(state):
        return (problem,)
    try:
        with suppress(pg.DuplicateTable, pg.UniqueViolation):  # another run has created the table in the meantime
            _take(session, state, expected)
            return ()
        session.abort()
        _take(session, replace(state, history=replace(state.history, snapshots="writable")), expected)
    except psycopg.Error as error:
        return (_not_taken(session, error),)
    return ()


def standing(session: Session, state: State) -> Standing:
    """Tell whether there is a snapshot that belongs to the history as it is now; writes nothing."""
    if state.history.snapshots != "writable" or not state.history.exists:
        return "missing"
    found = _found(session, state.history)
    if found.snapshot is None:
        return "missing"
    return "current" if found.snapshot.tie.is_same(found.tie) else "older"


def keep_with_history(session: Session, state: State, was: Standing) -> None:
    """Keep the last snapshot after a change of the history that left the schema as it was.

    Changes by hand stay visible. If the snapshot `was` older than the history before, it stays so: what has changed
    since is still not known. If there was none, one is taken. What goes wrong is not reported: the snapshot is older
    than the history then, and the next command says so.
    """
    if was == "missing":
        take(session, state)
    if was != "current":
        return
    try:
        found = _found(session, state.history)
        if found.snapshot:
            is_unsure = found.snapshot.is_unsure
            tied = snapshots.keep_tied(state.history, found.tie, found.snapshot, is_unsure=is_unsure)
            session.ask(Request("begin read write"), LOCALLY, tied, COMMIT)
    except psycopg.Error as error:
        _not_taken(session, error)


def _found(session: Session, history: History) -> Found:
    _, *answers, _ = session.ask(BEGIN_READ_ONLY, *snapshots.look(history), COMMIT)
    return snapshots.found(answers)


def _take(session: Session, state: State, expected: Expected | None) -> None:
    now, history = read_now(session, state), state.history
    is_unsure = expected is not None and expected.is_unsure
    if expected:
        now = Now(expected.after(now.catalog), now.found)
    last, tie = now.found.snapshot, now.found.tie
    if last and now.is_as_kept(state.server.major):
        if last.tie != tie or last.is_unsure != is_unsure or now.found.began:
            tied = snapshots.keep_tied(history, tie, last, is_unsure=is_unsure)
            session.ask(Request("begin read write"), LOCALLY, tied, COMMIT)
        return
    creating = snapshots.create(history) if history.snapshots == "missing" else ()
    kept = snapshots.keep(history, tie, _taken(state, now), is_unsure=is_unsure)
    session.ask(Request("begin read write"), LOCALLY, *creating, kept, COMMIT)


def _taken(state: State, now: Now) -> Taken:
    objects = len(now.catalog.objects)
    return Taken(stored.FORMAT, state.server.major, objects, now.checksum, stored.packed(now.text))


def _why_not_kept(state: State) -> SqlmigrateError | None:
    """Return the note that says why no snapshot can be kept; None if nothing is known that prevents it."""
    history = state.history
    if history.snapshots in ("missing", "writable"):
        return None
    return rights.snapshots_not_kept(history, state.server.user)


def _not_taken(session: Session, error: psycopg.Error) -> SqlmigrateError:
    with suppress(psycopg.Error):
        session.abort()
    return SqlmigrateError(
        f"no snapshot of the schema was taken: {reason(error)}",
        hint="until the next run takes one, changes by hand are not noticed",
    )
