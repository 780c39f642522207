"""The snapshots of the schema: a table next to the history, which holds the last two.

A snapshot is tied to the state that the history had at that moment: if the history has changed since, the snapshot is
older than the history, and what differs from it may come from a migration.

A run that finds changes by hand also keeps the schema that it has found, until it takes its own snapshot. If it is
interrupted, they can still be told from what it has executed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, dataclass
from datetime import datetime

from sqlmigrate.database.session import ON_PRIMARY, Request
from sqlmigrate.version import __version__

from .read import number, time
from .table import COLUMNS, MARK, NEWEST_FIRST, SNAPSHOT_COLUMNS, History, names_in_catalog

_SEPARATOR = "\x1f"
_OWN_TABLES = 3
_OLDEST_WITH_CLEANUP = 12  # of Citus
_READ = [each for each in SNAPSHOT_COLUMNS if each.is_read]
# End the version of sqlmigrate in rows of what a run has found when it began, and in those of a snapshot before which
# not all changes by hand are known.
_BEGAN, _UNSURE = ", found by a run", ", not all compared"
_IS_BEGAN = f"tool_version like '%{_BEGAN}'"
_TOOL = next(number for number, each in enumerate(_READ) if each.name == "tool_version")


@dataclass(frozen=True)
class Tie:
    """The state of a history, as far as it matters for a snapshot.

    Attributes:
        version: The newest version that is executed or a baseline; None if there is none.
        logged: The number of the newest entry in the log; None if it has none, or if this role may not read the log.
        history: A digest of the rows; None if there are none.
    """

    version: str | None
    logged: int | None
    history: str | None

    def is_same(self, other: Tie) -> bool:
        """Tell whether the history has not changed between the two, as far as this role may see it."""
        is_logged_same = self.logged == other.logged or None in (self.logged, other.logged)
        return self.history == other.history and is_logged_same


NO_TIE = Tie(None, None, None)


@dataclass(frozen=True)
class Snapshot:
    """A snapshot, without the schema itself.

    Attributes:
        id: Its number in the table.
        taken_at: When it was taken, in UTC.
        taken_by: The role that has taken it.
        tool_version: The version of sqlmigrate that has taken it.
        tie: The state that the history had.
        format: The number of the format that the schema is written in.
        major: The major version of the server.
        objects: How many objects the schema has.
        checksum: A digest of the schema.
        is_unsure: Whether it may have changes by hand that are not known: the run before it took no snapshot.
    """

    id: int
    taken_at: datetime | None
    taken_by: str
    tool_version: str
    tie: Tie
    format: int
    major: int
    objects: int
    checksum: str
    is_unsure: bool = False


@dataclass(frozen=True)
class Taken:
    """A schema that is to be kept.

    Attributes:
        format: The number of the format that it is written in.
        major: The major version of the server.
        objects: How many objects it has.
        checksum: A digest of it.
        schema: The schema, packed, in base64.
    """

    format: int
    major: int
    objects: int
    checksum: str
    schema: str


def _tie(history: History) -> str:
    """Return the query for the state of a history: one row of version, logged, history."""
    names = ("version", "status", "checksum", "statements_done", history.unfinished)
    at = next(each.as_read for each in COLUMNS if each.name == "executed_at")
    row = f"pg_catalog.concat_ws(' ', {', '.join(names)}, {at})"
    rows = f"pg_catalog.string_agg({row}, ' ' order by version collate \"C\")"
    encoded = f"pg_catalog.convert_to({rows}, pg_catalog.getdatabaseencoding())"
    logged = f"select max(id) from {history.quoted_log}" if history.is_log_readable else "select null::bigint"
    return f"""\
select (select version from only {history.quoted} where status in ('executed', 'baseline')
         order by {NEWEST_FIRST} limit 1) as version,
       ({logged}) as logged,
       (select pg_catalog.encode(pg_catalog.sha256({encoded}), 'hex')
          from only {history.quoted}) as history"""


# Other histories in the same database: what they have executed is theirs.
_OTHERS = f"""\
select n.nspname::text, c.relname::text
  from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
  join pg_catalog.pg_description d on d.objoid = c.oid and d.classoid = 'pg_catalog.pg_class'::pg_catalog.regclass
   and d.objsubid = 0 and d.description like '{MARK}%'
 where c.relkind = 'r' and (n.nspname, c.relname) <> ($1::name, $2::name)"""


@dataclass(frozen=True)
class Found:
    """What is there at the moment of a reading.

    Attributes:
        names: The qualified names of our tables, as the catalog writes them.
        dropped: The names of what Citus is going to drop, as the catalog writes them.
        others: Schema and name of other histories in the same database.
        tie: The state of the history.
        snapshot: The newest snapshot; None if there is none, or if this role may not read it.
        began: The schema that the last run has found when it began, if it was not the expected one and that run has
            taken no snapshot.
    """

    names: frozenset[str]
    dropped: frozenset[str]
    others: tuple[tuple[str, str], ...]
    tie: Tie
    snapshot: Snapshot | None
    began: Snapshot | None = None


def look(history: History) -> tuple[Request, ...]:
    """Give the requests that read what `Found` has; `found` makes it of their answers."""
    others = Request(_OTHERS, (history.schema, history.table))
    if not history.exists:
        return _names(history), others
    always = (_names(history), others, Request(ON_PRIMARY + _tie(history)))
    if history.snapshots not in ("readable", "writable"):
        return always
    columns = ", ".join(each.as_read for each in _READ)
    return *always, Request(f"{ON_PRIMARY}select {columns} from {history.quoted_snapshots} order by id desc limit 2")


def _names(history: History) -> Request:
    """Ask for the names of our tables, and on Citus for what is left of moved shards and is dropped soon: one row.

    https://docs.citusdata.com/en/stable/admin_guide/cluster_management.html
    """
    names = names_in_catalog(history)
    if history.citus < _OLDEST_WITH_CLEANUP:
        return names
    dropped = f"(select pg_catalog.string_agg(object_name, '{_SEPARATOR}') from pg_catalog.pg_dist_cleanup)"
    return names._replace(sql=f"{names.sql}, {dropped}")


def found(answers: Sequence[Sequence[Sequence[str | None]]]) -> Found:
    """Make values of the answers to `look`."""
    (row,), others, *rest = answers
    names, dropped = row[:_OWN_TABLES], "".join(name or "" for name in row[_OWN_TABLES:])
    ties, kept = (*rest, [], [])[:2]
    newest = [_snapshot(row) for row in kept]
    began = newest.pop(0) if kept and (kept[0][_TOOL] or "").endswith(_BEGAN) else None
    return Found(
        frozenset(name or "" for name in names),
        frozenset(filter(None, dropped.split(_SEPARATOR))),
        tuple((schema or "", name or "") for schema, name in others),
        _tie_of(*ties[0]) if ties else NO_TIE,
        newest[0] if newest else None,
        began,
    )


def _tie_of(version: str | None, logged: str | None, history: str | None) -> Tie:
    return Tie(version, number(logged), history)


def _snapshot(row: Sequence[str | None]) -> Snapshot:
    named = dict(zip((each.name for each in _READ), row, strict=True))
    tool = named["tool_version"] or ""
    return Snapshot(
        id=number(named["id"]) or 0,
        taken_at=time(named["taken_at"]),
        taken_by=named["taken_by"] or "",
        tool_version=tool.removesuffix(_BEGAN).removesuffix(_UNSURE),
        tie=_tie_of(named["version"], named["logged"], named["history"]),
        format=number(named["format"]) or 0,
        major=number(named["major"]) or 0,
        objects=number(named["objects"]) or 0,
        checksum=named["checksum"] or "",
        is_unsure=tool.endswith(_UNSURE),
    )


def schema(history: History, snapshot: Snapshot) -> Request:
    """Give the request that reads the schema of a snapshot, in base64; no row if it is gone."""
    query = f"select pg_catalog.encode(schema, 'base64') from {history.quoted_snapshots} where id = $1::bigint"
    return Request(ON_PRIMARY + query, (str(snapshot.id),))


def create(history: History) -> tuple[Request, ...]:
    """Give the requests that create the table, in the transaction that is open; as `table.prepare` does."""
    readers = [f"revoke all on {history.quoted_snapshots} from {history.readers}"] if history.readers else []
    return tuple(Request(sql) for sql in (*history.snapshots_definition, *readers))


def keep(history: History, tie: Tie, taken: Taken, *, is_unsure: bool = False) -> Request:
    """Give the request that keeps a schema as the newest snapshot, and removes all but the last two.

    It writes nothing if the history is in another state than `tie`: another run has changed it. `is_unsure` as in
    `Snapshot`.
    """
    newest = f"(select max(id) from {history.quoted_snapshots} where not {_IS_BEGAN})"
    return _keep(history, tie, taken, f"({_IS_BEGAN} or id < {newest})", _UNSURE if is_unsure else "")


def keep_began(history: History, tie: Tie, taken: Taken) -> Request:
    """Give the request that keeps a schema as what a run has found, in place of what an earlier one has found."""
    return _keep(history, tie, taken, _IS_BEGAN, _BEGAN)


def _keep(history: History, tie: Tie, taken: Taken, old: str, mark: str) -> Request:
    values = (*map(_text, astuple(tie)), *map(_text, astuple(taken)), __version__ + mark)
    return Request(
        f"""\
with now as (
  {_tie(history)}),
made as (
  insert into {history.quoted_snapshots} (version, logged, history, format, major, objects, checksum, schema,
                                          tool_version)
  select $1::text, $2::bigint, $3::text, $4::int, $5::int, $6::int, $7::text, pg_catalog.decode($8::text, 'base64'),
         $9::text from now where {_is_unchanged()} returning 1),
gone as (
  delete from {history.quoted_snapshots}
   where exists (select 1 from made) and {old} returning 1)
select (select count(*) from made)::text, (select count(*) from gone)::text""",
        values,
    )


def keep_tied(history: History, tie: Tie, snapshot: Snapshot, *, is_unsure: bool = False) -> Request:
    """Give the request that ties a snapshot to a new state of the history: the schema is the same."""
    return Request(
        f"""\
with now as (
  {_tie(history)}),
gone as (
  delete from {history.quoted_snapshots}
   where {_IS_BEGAN} and exists (select 1 from now where {_is_unchanged()}))
update {history.quoted_snapshots}
   set version = $1::text, logged = $2::bigint, history = $3::text, taken_at = {history.now},
       taken_by = session_user, tool_version = $5::text
 where id = $4::bigint and exists (select 1 from now where {_is_unchanged()})""",
        (*map(_text, astuple(tie)), str(snapshot.id), __version__ + (_UNSURE if is_unsure else "")),
    )


def _is_unchanged() -> str:
    return "now.logged is not distinct from $2::bigint and now.history is not distinct from $3::text"


def _text(value: str | int | None) -> str | None:
    return None if value is None else str(value)
