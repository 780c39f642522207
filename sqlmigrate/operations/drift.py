"""What was changed by hand: a snapshot of the schema after each run, and a look at it before the next.

A run takes the snapshot after its last commit, under its lock. Behind a pooler that shares sessions there is no lock:
there the snapshot is only kept if the history is still as it was when the schema was read.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property
from zlib import error as ZlibError  # noqa: N812 - a class

import psycopg
from psycopg import errors as pg

from sqlmigrate.catalog import stored
from sqlmigrate.catalog.authors import Authors, find_authors
from sqlmigrate.catalog.drift import Drift, Majors, find_drift, summary
from sqlmigrate.catalog.ignored import KINDS, Entry, entry
from sqlmigrate.catalog.objects import Catalog, Difference, Object
from sqlmigrate.catalog.read import read_in_one_turn
from sqlmigrate.database.connect_errors import reason
from sqlmigrate.database.session import BEGIN_READ_ONLY, COMMIT, Request, Session, connect
from sqlmigrate.errors import NOTHING_EXECUTED, NOTHING_EXECUTED_BY_THIS_RUN, ConfigError, HistoryError, SqlmigrateError
from sqlmigrate.history import read, rights, snapshots
from sqlmigrate.history.snapshots import Found, Snapshot, Taken
from sqlmigrate.history.state import State
from sqlmigrate.history.table import DEFAULT_TABLE, History
from sqlmigrate.plan.plan import DEFAULT_LIMITS, DriftPolicy
from sqlmigrate.spelling import did_you_mean, plural
from sqlmigrate.times import moment

from .locked import under_lock

_SHOWN = 3  # differences that a note names
_OF_SNAPSHOT = "after the last run no snapshot was taken: it was interrupted, or made by an older version of sqlmigrate"


@dataclass(frozen=True)
class Now:
    """A schema at one moment, and what the history was then.

    Attributes:
        catalog: The schema, without our own tables and without the schemas of other histories.
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


def read_now(session: Session, state: State) -> Now:
    """Read the schema and the state of the history at one moment, in one round trip; writes nothing."""
    history = state.history
    catalog, answers = read_in_one_turn(session, snapshots.look(history))
    found = snapshots.found(answers)
    return Now(_ours(catalog, found, history), found)


def _ours(catalog: Catalog, found: Found, history: History) -> Catalog:
    """Leave out our own tables, and the schemas that have a history of their own."""
    schemas = {schema for schema, _ in found.others if schema != history.schema}
    return Catalog(
        {
            key: each
            for key, each in catalog.objects.items()
            if each.table not in found.names and not (schemas and each.path and each.path[0] in schemas)
        }
    )


# -- taking a snapshot -------------------------------------------------------------------------------------------------


def take(session: Session, state: State) -> tuple[SqlmigrateError, ...]:
    """Keep the schema as it is now, if it or the history has changed since the last snapshot.

    Returns a note if that was not possible: nothing that a run does depends on it.
    """
    if problem := _why_not_kept(state):
        return (problem,)
    try:
        with suppress(pg.DuplicateTable, pg.UniqueViolation):  # another run has created the table in the meantime
            _take(session, state)
            return ()
        session.abort()
        _take(session, replace(state, history=replace(state.history, snapshots="writable")))
    except psycopg.Error as error:
        return (_not_taken(session, error),)
    return ()


def is_current(session: Session, state: State) -> bool:
    """Tell whether there is a snapshot that belongs to the history as it is now; writes nothing."""
    if state.history.snapshots != "writable" or not state.history.exists:
        return False
    found = _found(session, state.history)
    return found.snapshot is not None and found.snapshot.tie.is_same(found.tie)


def keep_with_history(session: Session, state: State, *, was_current: bool) -> None:
    """Keep the last snapshot after a change of the history that left the schema as it was.

    Changes by hand stay visible. If the snapshot did not belong to the history before, a new one is taken. What goes
    wrong is not reported: the snapshot is older than the history then, and the next command says so.
    """
    if not was_current:
        take(session, state)
        return
    try:
        found = _found(session, state.history)
        if found.snapshot:
            tied = snapshots.keep_tied(state.history, found.tie, found.snapshot)
            session.ask(Request("begin read write"), tied, COMMIT)
    except psycopg.Error as error:
        _not_taken(session, error)


def _found(session: Session, history: History) -> Found:
    _, *answers, _ = session.ask(BEGIN_READ_ONLY, *snapshots.look(history), COMMIT)
    return snapshots.found(answers)


def _take(session: Session, state: State) -> None:
    now, history = read_now(session, state), state.history
    last, tie = now.found.snapshot, now.found.tie
    is_same = last and (last.format, last.major, last.checksum) == (stored.FORMAT, state.server.major, now.checksum)
    if last and is_same:
        if last.tie != tie:
            session.ask(Request("begin read write"), snapshots.keep_tied(history, tie, last), COMMIT)
        return
    objects = len(now.catalog.objects)
    taken = Taken(stored.FORMAT, state.server.major, objects, now.checksum, stored.packed(now.text))
    creating = snapshots.create(history) if history.snapshots == "missing" else ()
    session.ask(Request("begin read write"), *creating, snapshots.keep(history, tie, taken), COMMIT)


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


# -- comparing ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Compared:
    """A schema compared with the last snapshot.

    Attributes:
        now: The schema as it is.
        snapshot: The last snapshot; None if there is none.
        problem: Why nothing could be compared; None if it could.
        drift: How the schema differs from the snapshot.
        before: The schema of the snapshot, where it was needed.
    """

    now: Now
    snapshot: Snapshot | None
    problem: SqlmigrateError | None = None
    drift: Drift | None = None
    before: Catalog | None = None


def compare(session: Session, state: State, ignored: Sequence[Entry], *, names_unused: bool = False) -> Compared:
    """Compare the schema with the last snapshot, in one round trip if nothing has changed; writes nothing.

    With `names_unused`, entries that match nothing are found also if nothing has changed.
    """
    now = read_now(session, state)
    snapshot = now.found.snapshot
    if problem := _why_not_compared(state, now):
        return Compared(now, snapshot, problem)
    if snapshot is None:
        raise AssertionError("without a snapshot there is a problem")
    if snapshot.checksum == now.checksum and snapshot.major == state.server.major:
        found = find_drift(now.catalog, now.catalog, Majors(0, 0), ignored) if names_unused else Drift(())
        return Compared(now, snapshot, drift=found, before=now.catalog)
    before = _schema(session, state.history, snapshot)
    if before is None:
        return Compared(now, snapshot, _unreadable(state.history))
    before = _ours(before, now.found, state.history)
    after = stored.catalog_of(now.text)
    drift = find_drift(before, after, Majors(snapshot.major, state.server.major), ignored)
    return Compared(now, snapshot, drift=drift, before=before)


def _schema(session: Session, history: History, snapshot: Snapshot) -> Catalog | None:
    (rows,) = session.ask(snapshots.schema(history, snapshot))
    try:
        return stored.catalog_of(stored.unpacked((rows[0][0] if rows else "") or ""))
    except (ValueError, ZlibError):
        return None


def _why_not_compared(state: State, now: Now) -> SqlmigrateError | None:
    """Return why the schema cannot be compared with the last snapshot; None if it can."""
    history, snapshot = state.history, now.found.snapshot
    if history.snapshots in ("unreadable", "not ours"):
        return rights.snapshots_not_kept(history, state.server.user)
    if snapshot is None:
        return HistoryError(
            "there is no snapshot of the schema yet, so it is not known what was changed by hand",
            hint="the next up that executes a migration takes one; to take one now:",
            next_steps=["sqlmigrate drift --accept"],
        )
    if not snapshot.tie.is_same(now.found.tie):
        return HistoryError(
            f"the snapshot of the schema{_of(snapshot)} is older than the history: "
            "what differs may come from a migration",
            detail=[_OF_SNAPSHOT],
            hint="the next up that executes a migration takes a new one; to take one now:",
            next_steps=["sqlmigrate drift --accept"],
        )
    if snapshot.format != stored.FORMAT:
        return HistoryError(
            f"the snapshot of the schema was taken by sqlmigrate {snapshot.tool_version}, "
            "which describes schemas in another way",
            hint="the next up that executes a migration takes a new one; to take one now:",
            next_steps=["sqlmigrate drift --accept"],
        )
    return None


def _unreadable(history: History) -> SqlmigrateError:
    return HistoryError(
        f"the last snapshot in {history.snapshots_name} cannot be read: it was changed, or removed at this moment",
        hint="to take a new one:",
        next_steps=["sqlmigrate drift --accept"],
    )


def _of(snapshot: Snapshot) -> str:
    """Say which version a snapshot belongs to."""
    return f" of {snapshot.tie.version}" if snapshot.tie.version else ""


# -- the command -------------------------------------------------------------------------------------------------------


_NOTHING = Now(Catalog({}), Found(frozenset(), (), snapshots.NO_TIE, None))


@dataclass(frozen=True)
class Report:
    """A database compared with its last snapshot, and who could have changed it.

    Attributes:
        state: The database and its history.
        compared: The comparison.
        authors: Who could have made the differences; None if there are none.
    """

    state: State
    compared: Compared
    authors: Authors | None = None


def drift(url: str, policy: DriftPolicy, *, table: str = DEFAULT_TABLE) -> Report:
    """Compare a database with its last snapshot; writes nothing, and needs no more than to read the history.

    Raises:
        ConfigError: An entry of what is ignored begins with no known kind.
        SqlmigrateError: The database cannot be reached, or its history cannot be read.
    """
    ignored = entries(policy)
    with connect(url) as session:
        state = read.find(session, table)
        if not state.history.exists:
            return Report(state, Compared(_NOTHING, None, _no_history(state)))
        compared = compare(session, state, ignored, names_unused=True)
        return Report(state, compared, authors_of(session, compared))


def accept(url: str, *, table: str = DEFAULT_TABLE, lock_wait: float = DEFAULT_LIMITS.lock_wait) -> State:
    """Take a snapshot of the schema as it is now, under the lock of a run; what was changed by hand is expected then.

    Raises:
        HistoryError: There is no history.
        LockError: Another run holds the lock for more than `lock_wait` seconds.
        SqlmigrateError: The snapshot cannot be kept.
    """
    with under_lock(url, table, lock_wait) as (session, state):
        if not state.history.exists:
            raise _no_history(state)
        if notes := take(session, state):
            raise notes[0]
        return state


def authors_of(session: Session, compared: Compared) -> Authors | None:
    """Ask who could have made the differences; None if there are none."""
    found = compared.drift.differences if compared.drift else ()
    if not found:
        return None
    things = list(changed_objects(found, compared))
    owners = {owner for each in things if (owner := owner_of(each, compared))}
    now = [each.identity for each in things if each.identity in compared.now.catalog.by_identity]
    return find_authors(session, owners, now)


def changed_objects(found: Sequence[Difference], compared: Compared) -> Iterator[Object]:
    """Yield the objects that differ: as they are now, or as they were if they are gone."""
    for each in found:
        key = (each.kind, each.name)
        catalogs = [compared.now.catalog, *([compared.before] if compared.before else [])]
        yield next(catalog.objects[key] for catalog in catalogs if key in catalog.objects)


def owner_of(thing: Object, compared: Compared) -> str | None:
    """Return the owner of an object, or of the table or type that it belongs to; None if it has none."""
    for catalog in (compared.now.catalog, compared.before):
        whole = catalog.wholes.get(thing.table) if catalog else None
        if owner := thing.attributes.get("owner") or (whole.attributes.get("owner") if whole else None):
            return owner
    return None


def _no_history(state: State) -> SqlmigrateError:
    return HistoryError(
        f"{state.server.where} has no history in {state.history.name}, so there is no snapshot to compare with",
        hint="to compare it with what the files make:",
        next_steps=["sqlmigrate drift --against files"],
    )


# -- a run looks before it begins --------------------------------------------------------------------------------------


def entries(policy: DriftPolicy) -> tuple[Entry, ...]:
    """Read what is ignored; raises `ConfigError` for an entry that begins with no known kind."""
    return tuple(_entry(text) for text in policy.ignored)


def _entry(text: str) -> Entry:
    if found := entry(text):
        return found
    kind = text.partition(" ")[0]
    raise ConfigError(
        f"drift_ignore: `{text}` does not begin with a kind of object",
        state=NOTHING_EXECUTED,
        hint=did_you_mean(kind, KINDS) or 'kind and name, for example: "table public.events_*"',
    )


def look(session: Session, state: State, policy: DriftPolicy, *, may_refuse: bool) -> tuple[SqlmigrateError, ...]:
    """Look before a run whether the schema was changed by hand; returns notes.

    Raises `HistoryError` if it was and the policy is to refuse, `ConfigError` as `entries` does.
    """
    ignored = entries(policy)
    if state.history.snapshots in ("missing", "cannot be created"):
        return ()  # the run takes the first snapshot, or says why it cannot
    try:
        compared = compare(session, state, ignored)
    except psycopg.Error as error:
        session.abort()
        return (SqlmigrateError(f"not looked for changes by hand: {reason(error)}"),)
    if compared.problem:
        is_older = compared.snapshot and not compared.snapshot.tie.is_same(compared.now.found.tie)
        why = "the last run took no snapshot of the schema" if is_older else compared.problem.message
        return (SqlmigrateError(f"not looked for changes by hand: {why}"),)
    if compared.drift and compared.drift.differences and compared.snapshot:
        if may_refuse and policy.answer == "refuse":
            raise _refused(compared.drift, compared.snapshot)
        return (_noted(compared.drift, compared.snapshot),)
    return ()


def _noted(drift: Drift, snapshot: Snapshot) -> SqlmigrateError:
    found = list(summary(drift.differences))
    more = [f"and {len(found) - _SHOWN} more"] if len(found) > _SHOWN else []
    shown = "; ".join([*found[:_SHOWN], *more])
    return SqlmigrateError(
        f"the schema was changed by hand since {_when(snapshot)}: {shown}",
        hint="the snapshot that this run takes has these changes; to see them all before: sqlmigrate drift",
    )


def _refused(drift: Drift, snapshot: Snapshot) -> SqlmigrateError:
    return HistoryError(
        f"the schema was changed by hand since {_when(snapshot)}: {plural(len(drift.differences), 'object')}",
        detail=list(_lines(drift)),
        state=NOTHING_EXECUTED_BY_THIS_RUN,
        hint="take the changes back, or make a migration of them; or go on and keep them: SQLMIGRATE_DRIFT=warn",
        next_steps=["sqlmigrate drift"],
    )


def _lines(drift: Drift, most: int = 10) -> Iterator[str]:
    found = list(summary(drift.differences))
    yield from found[:most]
    if len(found) > most:
        yield f"and {len(found) - most} more"


def _when(snapshot: Snapshot) -> str:
    at = f" ({moment(snapshot.taken_at)})" if snapshot.taken_at else ""
    return f"{snapshot.tie.version}{at}" if snapshot.tie.version else f"the last run{at}"
