"""What was changed by hand: the schema as it is, compared with the last snapshot."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from zlib import error as ZlibError  # noqa: N812 - a class

from sqlmigrate.catalog import stored
from sqlmigrate.catalog.authors import Authors, find_authors
from sqlmigrate.catalog.drift import Drift, Majors, find_drift, summary
from sqlmigrate.catalog.ignored import KINDS, Entry, entry
from sqlmigrate.catalog.objects import Catalog, Difference, Object
from sqlmigrate.database.session import COMMIT, Request, Session, connect
from sqlmigrate.errors import (
    NOTHING_EXECUTED,
    NOTHING_EXECUTED_BY_THIS_RUN,
    ConfigError,
    HistoryError,
    Kind,
    SqlmigrateError,
)
from sqlmigrate.history import read, rights, snapshots, write
from sqlmigrate.history.snapshots import Found, Snapshot
from sqlmigrate.history.state import State
from sqlmigrate.history.table import DEFAULT_TABLE, History
from sqlmigrate.plan.plan import DEFAULT_LIMITS, DriftPolicy
from sqlmigrate.spelling import did_you_mean, plural
from sqlmigrate.times import moment

from .locked import under_lock
from .snapshot import Expected, Now, expected_after, ours, read_now, take

_SHOWN = 3  # differences that a note names
_INTERRUPTED = "it was interrupted, or the setting drift was off, or sqlmigrate was an older version"
_ACCEPTING = "to expect it as it is from now on: --accept"


# -- comparing ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Compared:
    """A schema compared with the last snapshot.

    Attributes:
        now: The schema as it is.
        snapshot: The last snapshot; None if there is none.
        problem: Why nothing could be compared, or not everything; None if it could.
        drift: How the schema differs from the snapshot: what is known to be changed by hand. None if nothing could be
            compared.
        before: The schema of the snapshot, where it was needed.
    """

    now: Now
    snapshot: Snapshot | None
    problem: SqlmigrateError | None = None
    drift: Drift | None = None
    before: Catalog | None = None


def compare(session: Session, state: State, ignored: Sequence[Entry], now: Now | None = None) -> Compared:
    """Compare the schema with the last snapshot, in one round trip if nothing has changed; writes nothing.

    If the snapshot is older than the history, what has changed since the interrupted run began may come from a
    migration. What that run has found changed by hand, and what is still so, is known. `now` is the schema if it was
    read already.
    """
    now = now or read_now(session, state)
    snapshot = now.found.snapshot
    if problem := _why_not_compared(state, now):
        return Compared(now, snapshot, problem)
    if snapshot is None:
        raise AssertionError("without a snapshot there is a problem")
    is_current = snapshot.tie.is_same(now.found.tie)
    unsure = _ways_out(state, _unsure(snapshot)) if snapshot.is_unsure else None
    if is_current and now.is_as_kept(state.server.major):
        found = find_drift(now.catalog, now.catalog, Majors(0, 0), ignored)
        return Compared(now, snapshot, unsure, drift=found, before=now.catalog)
    before = _schema(session, state.history, snapshot)
    if before is None:
        return Compared(now, snapshot, _unreadable(state.history))
    before = ours(before, now.found, state.history)
    after, majors = stored.catalog_of(now.text), Majors(snapshot.major, state.server.major)
    if is_current:
        return Compared(now, snapshot, unsure, find_drift(before, after, majors, ignored), before)
    began = _began(session, state.history, now.found)
    begun = before if began is None else ours(began, now.found, state.history)
    before = expected_after(before, begun, after)
    drift = find_drift(before, after, majors, ignored)
    older = _older(snapshot, find_drift(begun, after, majors, ignored), drift)
    return Compared(now, snapshot, _ways_out(state, older), drift, before)


def _began(session: Session, history: History, found: Found) -> Catalog | None:
    """Return what the interrupted run has found; None if that was what the snapshot has, or if it is not known."""
    began, snapshot = found.began, found.snapshot
    if began is None or snapshot is None or began.format != stored.FORMAT or not began.tie.is_same(snapshot.tie):
        return None
    return _schema(session, history, began)


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
    if snapshot.format != stored.FORMAT:
        return HistoryError(
            f"the snapshot of the schema was taken by sqlmigrate {snapshot.tool_version}, "
            "which describes schemas in another way",
            hint="the next up that executes a migration takes a new one; to take one now:",
            next_steps=["sqlmigrate drift --accept"],
        )
    return None


def against_files(state: State) -> list[str]:
    """Return the command that compares with the files; empty for one schema of many, which it cannot compare."""
    return ["sqlmigrate drift --against files"] if state.server.schema is None else []


def _ways_out(state: State, problem: HistoryError) -> HistoryError:
    """Return a problem with what can be done about changes that are not known."""
    comparing = against_files(state)
    return problem.with_(
        hint=f"{'compare the schema with the files; ' if comparing else ''}{_ACCEPTING}",
        next_steps=[*comparing, "sqlmigrate drift --accept"],
    )


def _older(snapshot: Snapshot, since: Drift, known: Drift) -> HistoryError:
    """Say that the snapshot is older than the history; `since` is what has changed since the interrupted run began."""
    older = f"the snapshot of the schema{_of(snapshot)} is older than the history"
    changed = [f"changed since, by a migration or by hand: {_shown(since)}"] if since.differences else []
    return HistoryError(
        f"not all changes by hand are known: {older}"
        if known.differences
        else f"{older}: what differs may come from a migration",
        detail=[f"the last run took no snapshot: {_INTERRUPTED}", *changed],
    )


def _unsure(snapshot: Snapshot) -> HistoryError:
    return HistoryError(
        f"not all changes by hand from before {_when(snapshot)} are known",
        detail=[f"a run before took no snapshot: {_INTERRUPTED}"],
    )


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


_NOTHING = Now(Catalog({}), Found(frozenset(), frozenset(), (), snapshots.NO_TIE, None))


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


def drift(
    url: str,
    policy: DriftPolicy,
    *,
    table: str = DEFAULT_TABLE,
    schema: str | None = None,
    leaves: bool = False,
) -> Report:
    """Compare a database with its last snapshot; writes nothing, and needs no more than to read the history.

    `schema` is the schema to work in, as in `up`. With `leaves`, it waits at the end until the server counts the
    connection no more.

    Raises:
        ConfigError: An entry of what is ignored begins with no known kind.
        SqlmigrateError: The database cannot be reached, or its history cannot be read.
    """
    ignored = entries(policy)
    with connect(url, schema, leaves=leaves) as session:
        state = read.find(session, table)
        if not state.history.exists:
            return Report(state, Compared(_NOTHING, None, _no_history(state)))
        compared = compare(session, state, ignored)
        return Report(state, compared, authors_of(session, compared))


def accept(
    url: str,
    *,
    table: str = DEFAULT_TABLE,
    schema: str | None = None,
    lock_wait: float = DEFAULT_LIMITS.lock_wait,
    is_logged: bool = True,
) -> State:
    """Take a snapshot of the schema as it is now, under the lock of a run; what was changed by hand is expected then.

    Args:
        url: The database.
        table: The history table.
        schema: The schema to work in, as in `up`.
        lock_wait: How long to wait for another run, in seconds.
        is_logged: Whether the log says what was accepted: not where it is a change of ours.

    Raises:
        HistoryError: There is no history.
        LockError: Another run holds the lock for more than `lock_wait` seconds.
        SqlmigrateError: The snapshot cannot be kept.
    """
    with under_lock(url, table, lock_wait, schema) as (session, state):
        if not state.history.exists:
            raise _no_history(state)
        rights.require_writable(state)
        if is_logged and (said := _accepted(compare(session, state, ()))):
            session.ask(Request("begin read write"), write.accept_schema(state.history, said), COMMIT)
        if notes := take(session, state):
            raise notes[0]
        return state


def _accepted(compared: Compared) -> str:
    """Say for the log what is accepted; empty if nothing has changed by hand, and that is known."""
    found = [_shown(compared.drift)] if compared.drift and compared.drift.differences else []
    if compared.problem and compared.drift:
        found.append("the others, which are not known")
    return f"accepted changes by hand: {'; '.join(found)}" if found else ""


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
    catalogs = filter(None, (compared.now.catalog, compared.before))
    return next(filter(None, (each.owner_of(thing) for each in catalogs)), None)


def _no_history(state: State) -> SqlmigrateError:
    return HistoryError(
        f"there is no history in {state.history.name}, so there is no snapshot to compare with",
        hint="to compare it with what the files make:" if against_files(state) else None,
        next_steps=against_files(state),
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


def what_changed(
    session: Session, state: State, policy: DriftPolicy, now: Now, *, may_refuse: bool
) -> tuple[tuple[SqlmigrateError, ...], Expected | None, bool]:
    """Say what was changed by hand, where the schema or the history is not as the last snapshot has it.

    Returns notes, what was expected instead, and whether it is known what was changed. Raises `HistoryError` if
    something was changed and the policy is to refuse, `ConfigError` as `entries` does.
    """
    compared = compare(session, state, entries(policy), now)
    if compared.snapshot is None and not state.has_something:
        return (), None, False  # before the first run of all there is nothing to compare with
    if compared.drift is None or compared.before is None or compared.snapshot is None:
        why = compared.problem.message if compared.problem else ""
        return (SqlmigrateError(f"not looked for changes by hand: {why}"),), None, False
    is_changed = bool(compared.drift.differences)
    if is_changed and may_refuse and policy.answer == "refuse":
        raise _refused(compared.drift, compared.snapshot)
    notes = [_noted(compared.drift, compared.snapshot)] if is_changed else []
    if compared.problem:
        notes.append(_unknown(state, compared, is_changed=is_changed))
    expected = Expected(compared.before, now, is_unsure=compared.problem is not None)
    return tuple(notes), expected if notes or now.found.began else None, compared.problem is None


def _unknown(state: State, compared: Compared, *, is_changed: bool) -> SqlmigrateError:
    """Give the note that not everything is known, in few words: a run has more to say."""
    what = f"not known what {'else ' if is_changed else ''}was changed by hand"
    snapshot = compared.snapshot
    if snapshot and snapshot.tie.is_same(compared.now.found.tie):
        what += f" before {_when(snapshot)}"
    return SqlmigrateError(
        f"{what}: a run took no snapshot of the schema",
        hint="\n".join(
            [
                *(f"to compare with the files: {each}" for each in against_files(state)),
                "to expect the schema as it is from now on: sqlmigrate drift --accept",
            ]
        ),
    )


def _noted(drift: Drift, snapshot: Snapshot) -> SqlmigrateError:
    return SqlmigrateError(
        f"the schema was changed by hand since {_when(snapshot)}: {plural(len(drift.differences), 'object')}",
        detail=list(_lines(drift, _SHOWN)),
        hint="to see all values: sqlmigrate drift\nto expect this from now on: sqlmigrate drift --accept",
        kind=Kind.CHANGED_BY_HAND,
    )


def _shown(drift: Drift) -> str:
    found = list(summary(drift.differences))
    more = [f"and {len(found) - _SHOWN} more"] if len(found) > _SHOWN else []
    return "; ".join([*found[:_SHOWN], *more])


def _refused(drift: Drift, snapshot: Snapshot) -> SqlmigrateError:
    return HistoryError(
        f"the schema was changed by hand since {_when(snapshot)}: {plural(len(drift.differences), 'object')}",
        detail=list(_lines(drift)),
        state=NOTHING_EXECUTED_BY_THIS_RUN,
        hint="to put the schema back, the statements: sqlmigrate drift --sql\n"
        "to expect this from now on: sqlmigrate drift --accept\nto go on this time: sqlmigrate up --drift warn",
        next_steps=["sqlmigrate drift"],
        kind=Kind.CHANGED_BY_HAND,
    )


def _lines(drift: Drift, most: int = 10) -> Iterator[str]:
    found = list(summary(drift.differences))
    yield from found[:most]
    if len(found) > most:
        yield f"and {len(found) - most} more"


def _when(snapshot: Snapshot) -> str:
    at = f" ({moment(snapshot.taken_at)})" if snapshot.taken_at else ""
    return f"{snapshot.tie.version}{at}" if snapshot.tie.version else f"the last run{at}"
