"""Follows a catalog through the statements of one file: what each of them has changed.

A whole catalog of 5,000 objects takes 60 ms to read and compare. After a statement, only those objects are read again
that have a new row in a system catalog, or have lost theirs. The rows that a statement has written are found by their
transaction and their command, https://www.postgresql.org/docs/current/ddl-system-columns.html
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache

import psycopg
from psycopg import pq

from sqlmigrate.database.session import Request, Session

from . import compare, prepared
from .objects import Catalog, Change, Identity, Object
from .prepared import Query
from .read import commented, objects_of, parts_of
from .sql_definitions import sorts
from .sql_relations import COMMENTS, SETTING_VALUES, V15

_WRITERS = 2**32  # rows have the lower half of the number of their transaction
_IS_RELATION = "'pg_class ' || coalesce((select i.indrelid from pg_index i where i.indexrelid = {0}), {0})"
_IS_CONSTRAINT = "case when {0}.conrelid <> 0 then 'pg_class ' || {0}.conrelid else 'pg_type ' || {0}.contypid end"
_OWN = (
    "pg_type", "pg_proc", "pg_namespace", "pg_publication", "pg_extension", "pg_default_acl", "pg_event_trigger",
    "pg_am", "pg_foreign_data_wrapper", "pg_foreign_server", "pg_collation", "pg_ts_config", "pg_ts_dict",
    "pg_operator", "pg_opclass", "pg_opfamily", "pg_cast", "pg_conversion", "pg_language",
)  # fmt: skip
# The system catalogs that can be followed, and what a row of each is a part of. Shared catalogs, and those that only
# superusers read, cannot. The first ones show by their OIDs what was dropped.
_WITH_OIDS: Mapping[str, str] = {
    "pg_class": _IS_RELATION.format("r.oid"),
    "pg_constraint": _IS_CONSTRAINT.format("r"),
    "pg_trigger": "'pg_class ' || r.tgrelid",
    "pg_rewrite": "'pg_class ' || r.ev_class",
    "pg_policy": "'pg_class ' || r.polrelid",
    "pg_statistic_ext": "'pg_class ' || r.stxrelid",
    "pg_attrdef": "'pg_class ' || r.adrelid",
    "pg_enum": "'pg_type ' || r.enumtypid",
    "pg_publication_rel": "'pg_publication ' || r.prpubid",
    "pg_amop": "'pg_opfamily ' || r.amopfamily",
    "pg_amproc": "'pg_opfamily ' || r.amprocfamily",
    **{each: f"'{each} ' || r.oid" for each in _OWN},
}
# A row of these that is gone does not tell what it was a part of: there are few.
_PARTS_OF_FEW = {
    "pg_publication_rel": "pg_publication",
    "pg_publication_namespace": "pg_publication",
    "pg_amop": "pg_opfamily",
    "pg_amproc": "pg_opfamily",
}
_SINCE_15: Mapping[str, str] = {"pg_publication_namespace": "'pg_publication ' || r.pnpubid"}
_WITHOUT_OIDS: Mapping[str, str] = {
    "pg_attribute": _IS_RELATION.format("r.attrelid"),
    "pg_index": "'pg_class ' || r.indrelid",
    "pg_inherits": _IS_RELATION.format("r.inhrelid"),
    "pg_sequence": "'pg_class ' || r.seqrelid",
    "pg_foreign_table": "'pg_class ' || r.ftrelid",
    "pg_aggregate": "'pg_proc ' || r.aggfnoid::oid",
    "pg_ts_config_map": "'pg_ts_config ' || r.mapcfg",
    "pg_description": "case r.classoid "
    f"when 'pg_class'::regclass then {_IS_RELATION.format('r.objoid')} "
    f"when 'pg_constraint'::regclass then (select {_IS_CONSTRAINT.format('k')} from pg_constraint k "
    "where k.oid = r.objoid) else r.classoid::regclass::text || ' ' || r.objoid end",
}
_BY_US = "age(r.xmin) <= age($1) and r.cmin::text::bigint > $2"
# The server's own rows are left out where there are many of them.
_MANY_OF_THE_SERVER = (
    "pg_proc", "pg_type", "pg_operator", "pg_opclass", "pg_opfamily", "pg_cast", "pg_collation", "pg_conversion",
)  # fmt: skip


@lru_cache
def _written(version: int) -> str:
    """Return the query for the rows that were written since a transaction ($1) and a command of it ($2).

    A row of its answer is a system catalog: how many rows it has and the sum of their OIDs, and what was written: of
    each row what it is a part of, and its command.
    """
    newer = _SINCE_15 if version >= V15 else {}
    each = [
        f"select '{catalog}', count(*)::text || ' ' || sum(r.oid::bigint)::text, "
        f"string_agg(distinct {whole} || ' ' || r.cmin::text, ',') filter (where {_BY_US}) from {catalog} r"
        + (" where r.oid >= 16384" if catalog in _MANY_OF_THE_SERVER else "")
        for catalog, whole in {**_WITH_OIDS, **newer}.items()
    ]
    each += [
        f"select '{catalog}', '', string_agg(distinct {whole} || ' ' || r.cmin::text, ',') from {catalog} r "
        f"where {_BY_US}" + (" and r.objoid >= 16384" if catalog == "pg_description" else "")
        for catalog, whole in _WITHOUT_OIDS.items()
    ]
    return " union all ".join(each)


_WRITTEN = "sqlmigrate_follow_written"


class FollowedCatalog:
    """A catalog that is kept up to date while statements of one file are executed.

    Args:
        session: A session on the database; the file is not executed yet.
        catalog: The catalog at this moment.
        ignore: The tables to leave out.
        in_one_transaction: Whether the whole file is executed in one transaction.
    """

    def __init__(
        self, session: Session, catalog: Catalog, ignore: Collection[str] = (), *, in_one_transaction: bool
    ) -> None:
        self._ignore = ignore
        self._in_one_transaction = in_one_transaction
        self._wholes: dict[Identity, list[Object]] = {}
        self._objects: dict[str, dict[int, Identity]] = {}  # by system catalog and OID, what each is a part of
        for each in catalog.objects.values():
            self._add(each)
        self._digests: dict[str, str] = {}
        self._command = -1
        self._are_commented = False  # whether a comment was written since the beginning
        self._since = "0"
        with _aside(session):
            [[[since]]] = prepared.ask(session, [_NEXT_WRITER])
            self._since = _as_in_rows(since)
            self._written(session)

    def changed(self, session: Session) -> tuple[Change, ...]:
        """Return what has changed since the last call, or since the beginning.

        The session may have a transaction open, which stays as it is: its locks on tables, settings and counters.
        Definitions that differ only because another object was renamed are not among the changes.
        """
        try:
            wholes, now, following = self._look(session)
        except psycopg.errors.InvalidSqlStatementName:  # the file has deallocated our queries as well
            prepared.look_again(session)
            wholes, now, following = self._look(session)
        if not self._in_one_transaction:
            self._since = following
        old = [each for whole in wholes for each in self._wholes.get(whole, ())]
        self._replace(old, now)
        return compare.changes(_catalog(old), _catalog(now))

    def _look(self, session: Session) -> tuple[set[Identity], list[Object], str]:
        """Return what was written or dropped, what it is now, and the number of the next transaction."""
        with _aside(session):
            following, wholes = self._written(session)
            now = self._read(session, wholes) if wholes else []
            if self._is_schema_renamed(now):  # with it, the names of all objects in it
                wholes |= {each for each in self._wholes if each.catalog in (*_WITH_OIDS, *_WITHOUT_OIDS)}
                now = self._read(session, wholes)
            return wholes, now, following

    def _is_schema_renamed(self, now: Iterable[Object]) -> bool:
        names = {each.whole: each.name for each in now if each.kind == "schema"}
        return any(each.name != name for whole, name in names.items() for each in self._wholes.get(whole, ()))

    def _written(self, session: Session) -> tuple[str, set[Identity]]:
        """Return the number of the next transaction, and the objects that were written or dropped, as wholes."""
        sql = _written(session.conn.info.server_version)
        written = Query(_WRITTEN, sql, "(xid, bigint)", f"('{self._since}', {self._command})")
        [[next_writer]], rows = prepared.ask(session, [_NEXT_WRITER, written])
        wholes: set[Identity] = set()
        fewer = []
        for catalog, digest, texts in rows:
            if digest != self._digests.get(catalog or "", digest):
                fewer.append(catalog or "")
            self._digests[catalog or ""] = digest or ""
            self._are_commented |= catalog == "pg_description" and bool(texts)
            for text in texts.split(",") if texts else ():
                whole, oid, command = text.split(" ")
                wholes.add(Identity(whole, int(oid), 0))
                if self._in_one_transaction:
                    self._command = max(self._command, int(command))
        return _as_in_rows(next_writer), wholes | self._dropped(session, fewer)

    def _dropped(self, session: Session, catalogs: Sequence[str]) -> set[Identity]:
        known = [each for each in catalogs if self._objects.get(each)]
        asked = [Request(f"select pg_catalog.string_agg(oid::text, ' ') from pg_catalog.{each}") for each in known]
        few = {_PARTS_OF_FEW[each] for each in catalogs if each in _PARTS_OF_FEW}
        dropped = {each for each in self._wholes if each.catalog in few}
        for catalog, [[oids]] in zip(known, session.ask(*asked), strict=True) if known else ():
            objects = self._objects[catalog]
            dropped |= {objects[oid] for oid in objects.keys() - set(map(int, (oids or "").split()))}
        return dropped

    def _read(self, session: Session, wholes: Iterable[Identity]) -> list[Object]:
        """Return the objects that these are, and their parts."""
        oids: dict[str, list[int]] = {}
        for each in wholes:
            oids.setdefault(each.catalog, []).append(each.oid)
        asked = [
            (sort, parts_of(number, sort, oids[sort.whole[0]]))
            for number, sort in enumerate(sorts(session.conn.info.server_version))
            if sort.whole[0] in oids and sort.catalog in (*_WITH_OIDS, *_WITHOUT_OIDS)
        ]
        objects: dict[tuple[str, str], Object] = {}
        for (sort, _), [[text]] in zip(asked, prepared.ask(session, [query for _, query in asked]), strict=True):
            found = (each for each in objects_of(sort, text) if each.table not in self._ignore)
            objects |= {(each.kind, each.name): each for each in found}
        if self._has_comments(wholes):
            described = _array({str(each.identity.oid) for each in objects.values()})
            [comments] = session.ask(Request(f"{COMMENTS} and objoid = any ({described})"))
            objects = commented(objects, comments)
        return list(objects.values())

    def _has_comments(self, wholes: Iterable[Identity]) -> bool:
        """Return whether objects had comments, or a comment was written."""
        old = (each for whole in wholes for each in self._wholes.get(whole, ()))
        return self._are_commented or any("comment" in each.attributes for each in old)

    def _add(self, thing: Object) -> None:
        self._wholes.setdefault(thing.whole, []).append(thing)
        self._objects.setdefault(thing.identity.catalog, {})[thing.identity.oid] = thing.whole

    def _replace(self, old: Iterable[Object], now: Iterable[Object]) -> None:
        for each in old:
            self._wholes.pop(each.whole, None)
            self._objects.get(each.identity.catalog, {}).pop(each.identity.oid, None)
        for each in now:
            self._add(each)


def _as_in_rows(transaction: str | None) -> str:
    return str(int(transaction or 0) % _WRITERS)


def _array(oids: Iterable[str]) -> str:
    return f"'{{{','.join(oids)}}}'"


def _catalog(objects: Iterable[Object]) -> Catalog:
    return Catalog({(each.kind, each.name): each for each in objects})


@contextmanager
def _aside(session: Session) -> Iterator[None]:
    """Provide our settings while the block lasts; the open transaction, if there is one, has its own again after it."""
    is_open = session.conn.info.transaction_status != pq.TransactionStatus.IDLE
    begin, end = ("savepoint sqlmigrate", "rollback to sqlmigrate") if is_open else ("begin", "rollback")
    session.ask(Request(begin, quiet=True), _SET)
    try:
        yield
    finally:
        session.ask(Request(end, quiet=True), *([Request("release sqlmigrate", quiet=True)] if is_open else []))


# Planning the queries takes longer than executing them.
_OTHER_SETTINGS = {
    "statement_timeout": "0", "lock_timeout": "0", "client_encoding": "UTF8", "plan_cache_mode": "force_generic_plan",
}  # fmt: skip
_SET = Request(
    "select "
    + ", ".join(
        f"pg_catalog.set_config('{name}', '{value}', true)"
        for name, value in {**SETTING_VALUES, **_OTHER_SETTINGS}.items()
    ),
    quiet=True,
)


_NEXT_WRITER = Query("sqlmigrate_follow_next", "select txid_snapshot_xmax(txid_current_snapshot())::text")
