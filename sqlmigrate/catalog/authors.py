"""Who could have changed an object, and when its row was written: only what the server knows."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlmigrate.database.session import BEGIN_READ_ONLY, COMMIT, Request, Session

from .objects import Identity

_SEPARATOR = "\x1f"
_MEMBERS = """\
select r.rolname, pg_catalog.string_agg(m.rolname, E'\\x1f' order by m.rolname collate "C")
  from pg_catalog.pg_roles r
  join pg_catalog.pg_roles m on m.rolcanlogin and not m.rolsuper and pg_catalog.pg_has_role(m.oid, r.oid, 'member')
 where r.rolname = any (pg_catalog.string_to_array($1, E'\\x1f'))
 group by r.rolname"""
_SUPERUSERS = """\
select rolname from pg_catalog.pg_roles where rolsuper and rolcanlogin order by rolname collate "C\""""
# https://www.postgresql.org/docs/current/functions-info.html#FUNCTIONS-COMMIT-TIMESTAMP
_TIME = """\
case when pg_catalog.current_setting('track_commit_timestamp') = 'on'
            then pg_catalog.to_char(pg_catalog.pg_xact_commit_timestamp(r.xmin) at time zone 'UTC',
                                    'YYYY-MM-DD HH24:MI:SS') end"""


@dataclass(frozen=True)
class Authors:
    """What the server knows about who could have changed objects.

    Attributes:
        members: of the owner of an object, the roles that can log in and may act as it, the owner itself included
        superusers: the superusers that can log in
        written: when the row of an object in the system catalogs was last written, in UTC
    """

    members: Mapping[str, tuple[str, ...]]
    superusers: tuple[str, ...]
    written: Mapping[Identity, datetime]


def find_authors(session: Session, owners: Collection[str], identities: Iterable[Identity]) -> Authors:
    """Ask who could have changed the objects of these owners, and when their rows were written, in one round trip."""
    wanted: dict[str, list[Identity]] = {}
    for each in identities:
        wanted.setdefault(each.catalog, []).append(each)
    requests = [_written(catalog, found) for catalog, found in wanted.items()]
    members = Request(_MEMBERS, (_SEPARATOR.join(sorted(owners)),))
    _, by_owner, superusers, *times, _ = session.ask(BEGIN_READ_ONLY, members, Request(_SUPERUSERS), *requests, COMMIT)
    return Authors(
        {owner or "": tuple((names or "").split(_SEPARATOR)) for owner, names in by_owner},
        tuple(name or "" for (name,) in superusers),
        {
            Identity(catalog, int(oid or 0), int(sub or 0)): datetime.fromisoformat(time).replace(tzinfo=UTC)
            for catalog, rows in zip(wanted, times, strict=True)
            for oid, sub, time in rows
            if time
        },
    )


def _written(catalog: str, identities: Iterable[Identity]) -> Request:
    """Ask when the rows of objects in one system catalog were written; columns have theirs in another catalog."""
    columns = {(each.oid, each.sub) for each in identities if each.sub}
    if catalog == "pg_class" and columns:
        pairs = ", ".join(f"({oid}, {sub})" for oid, sub in sorted(columns))
        others = ", ".join(str(each.oid) for each in identities if not each.sub) or "0"
        return Request(
            f"select r.attrelid::text, r.attnum::text, {_TIME} from pg_catalog.pg_attribute r "
            f"where (r.attrelid, r.attnum) in ({pairs}) union all "
            f"select r.oid::text, '0', {_TIME} from pg_catalog.pg_class r where r.oid in ({others})"
        )
    if catalog in ("pg_db_role_setting", "pg_user_mapping"):  # one has no OIDs, the other is not for every role
        return Request("select null, null, null where false")
    oids = ", ".join(str(each.oid) for each in identities)
    return Request(f"select r.oid::text, '0', {_TIME} from pg_catalog.{catalog} r where r.oid in ({oids})")
