"""Reads a catalog again: of relations and their parts only what may have changed.

Reading all relations takes the longer the more there are, and a file changes a few. A relation is read again if one of
its rows in the system catalogs was written or deleted. PostgreSQL makes the text of a definition when it is read: it
contains the names of other objects, so after a renaming everything is read. The text of a view, rule or policy depends
on the columns of other relations (https://www.postgresql.org/docs/current/functions-info.html, `pg_get_viewdef`).
What is not a relation is always read; there is less of it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from sqlmigrate.database.session import Session

from . import prepared
from .objects import ROUTINES, Catalog, Object
from .prepared import Query
from .read import READ_COMMENTS, at_one_moment, commented, objects_of, parts_of, whole_sort
from .sql_definitions import sorts
from .sql_relations import V14

_XIDS = 2**32  # rows have the lower half of the number of their transaction
_Parts = Mapping[int, Sequence[Object]]  # the objects of one sort by the OID of their relation


class _Rows(NamedTuple):
    """A system catalog that relations have rows in.

    Attributes:
        whole: the OID of the relation that a row is a part of
        source: what follows FROM, with the condition
        own: what a row is recognised by when it is gone; empty where rows are only deleted together with others
    """

    whole: str
    source: str
    own: str = ""


_ROWS: Mapping[str, _Rows] = {
    "pg_class": _Rows(
        "coalesce(i.indrelid, r.oid)",
        "pg_class r left join pg_index i on i.indexrelid = r.oid where r.oid >= 16384",
        "r.oid",
    ),
    "pg_constraint": _Rows("r.conrelid", "pg_constraint r where r.conrelid >= 16384", "r.oid"),
    "pg_trigger": _Rows("r.tgrelid", "pg_trigger r where r.tgrelid >= 16384", "r.oid"),
    "pg_rewrite": _Rows("r.ev_class", "pg_rewrite r where r.ev_class >= 16384", "r.oid"),
    "pg_policy": _Rows("r.polrelid", "pg_policy r where true", "r.oid"),
    "pg_statistic_ext": _Rows("r.stxrelid", "pg_statistic_ext r where true", "r.oid"),
    "pg_inherits": _Rows(
        "coalesce(i.indrelid, r.inhrelid)",
        "pg_inherits r left join pg_index i on i.indexrelid = r.inhrelid where true",
        "r.inhparent",
    ),
    "pg_attribute": _Rows(
        "coalesce(i.indrelid, r.attrelid)",
        "pg_attribute r left join pg_index i on i.indexrelid = r.attrelid where r.attrelid >= 16384",
    ),
    "pg_attrdef": _Rows("r.adrelid", "pg_attrdef r where true"),
    "pg_index": _Rows("r.indrelid", "pg_index r where r.indrelid >= 16384"),
    "pg_sequence": _Rows("r.seqrelid", "pg_sequence r where true"),
    "pg_foreign_table": _Rows("r.ftrelid", "pg_foreign_table r where true"),
}
# PostgreSQL 13 changes the state of an index in its row, which stays that of an older transaction.
_FIRST = V14
_WRITTEN = "age(r.xmin) <= age($1)"  # https://www.postgresql.org/docs/current/ddl-system-columns.html


def _rows_of(catalog: str, rows: _Rows) -> str:
    """Return the query for the rows of a system catalog: all that can be gone, and the relations that were written."""
    written = f"string_agg(distinct ({rows.whole})::text, ' ')"
    if not rows.own:
        return f"select '{catalog}', null, {written} from {rows.source} and {_WRITTEN}"
    each = f"string_agg({rows.whole} || ' ' || {rows.own}, ',')"
    return f"select '{catalog}', {each}, {written} filter (where {_WRITTEN}) from {rows.source}"


_READ_ROWS = " union all ".join(_rows_of(*each) for each in _ROWS.items())
# What the definitions of relations name and no sort of object has: roles, tablespaces; and what extensions own.
_READ_NAMES = Query(
    "sqlmigrate_names",
    "select (select string_agg(oid || ' ' || rolname, ' ' order by oid) from pg_roles), "
    "(select string_agg(oid || ' ' || spcname, ' ' order by oid) from pg_tablespace), "
    "(select string_agg(classid || ' ' || objid, ' ' order by classid, objid) from pg_depend "
    "where refclassid = 'pg_extension'::regclass and deptype = 'e')",
)
_READ_SINCE = Query("sqlmigrate_since", "select txid_snapshot_xmin(txid_current_snapshot())::text")
# New and dropped objects of these leave the definitions of relations as they are.
_OFTEN = ("pg_namespace", "pg_proc", "pg_type", "pg_enum", "pg_constraint", "pg_publication")


@dataclass(frozen=True)
class _Moment:
    """What is read each time.

    Attributes:
        since: the oldest transaction that may not have ended
        rows: the rows of each system catalog of relations
        written: the relations with rows that were written since the last reading
        names: the names that no sort of object has
        answers: the answer to the query of each sort whose objects are not parts of relations
        others: their objects
        comments: the comments
    """

    since: str
    rows: Mapping[str, str]
    written: frozenset[int]
    names: Sequence[str | None]
    answers: Mapping[int, str | None]
    others: Mapping[int, Sequence[Object]]
    comments: Sequence[list[str | None]]

    def is_same(self, last: _Moment) -> bool:
        """Return whether the objects that are not parts of relations are the same, and so are all comments."""
        return self.answers == last.answers and self.comments == last.comments

    def gone(self, last: _Moment) -> Iterator[int]:
        """Yield the relations that have lost rows."""
        for catalog, rows in self.rows.items():
            if rows != last.rows[catalog]:
                lost = {*last.rows[catalog].split(",")} - {*rows.split(",")}
                yield from (int(row.split(" ")[0]) for row in lost if row)


@dataclass(frozen=True)
class Reading:
    """A catalog as it was read, and what is needed to read it again.

    Attributes:
        catalog: the catalog
        ignored: the tables that are left out
        moment: what is read each time
        relations: the objects of each sort that relations and their parts are, by the number of the sort
        leaning: the relations whose definitions depend on the columns of others
    """

    catalog: Catalog
    ignored: frozenset[str]
    moment: _Moment
    relations: Mapping[int, _Parts]
    leaning: frozenset[int]


def read(session: Session, ignore: Collection[str] = ()) -> Reading:
    """Read the definitions of all objects, except the tables of `ignore` (``public.migrations``) and their parts."""
    reader = _Reader(session, frozenset(ignore))
    return at_one_moment(session, lambda: reader.read(None))


def read_again(session: Session, last: Reading) -> Reading:
    """Read a catalog once more, completely; objects that are unchanged are the values of the last reading."""
    reader = _Reader(session, last.ignored)
    return at_one_moment(session, lambda: reader.read(last))


class _Reader:
    """Reads in the open transaction of a session; `ignored` are the tables that are left out."""

    def __init__(self, session: Session, ignored: frozenset[str]) -> None:
        self._session, self._ignored = session, ignored
        self._version = session.conn.info.server_version
        self._sorts = dict(enumerate(sorts(self._version)))
        self._of_relations = [number for number, sort in self._sorts.items() if sort.whole[0] == "pg_class"]

    def read(self, last: Reading | None) -> Reading:
        """Read all; what the last reading had only where it may have changed."""
        now = self._moment(last.moment if last else None)
        if last is None or self._version < _FIRST or self._may_change_all(last.moment, now):
            return self._made(now, self._relations(), last)
        wholes = now.written.union(now.gone(last.moment))
        if not wholes:
            return self._made(now, last.relations, last)
        wholes |= last.leaning
        found = self._relations(wholes)
        if _may_change_others(last.relations, found, wholes):
            return self._made(now, self._relations(), last)
        return self._made(now, {each: _merged(last.relations[each], found[each], wholes) for each in found}, last)

    def _moment(self, last: _Moment | None) -> _Moment:
        numbers = [each for each in self._sorts if each not in self._of_relations]
        read_rows = Query("sqlmigrate_rows", _READ_ROWS, "(xid)", f"('{last.since}')" if last else "(null)")
        always = [_READ_SINCE, _READ_NAMES, read_rows, READ_COMMENTS]
        queries = [*always, *(whole_sort(each, self._sorts[each]) for each in numbers)]
        [[since]], [names], rows, comments, *answers = prepared.ask(self._session, queries)
        texts = {number: text for number, [[text]] in zip(numbers, answers, strict=True)}
        return _Moment(
            str(int(since or 0) % _XIDS),
            {catalog or "": own or "" for catalog, own, _ in rows},
            frozenset(int(each) for _, _, written in rows for each in (written or "").split()),
            names,
            texts,
            {number: self._objects(number, text) for number, text in texts.items()},
            comments,
        )

    def _objects(self, number: int, text: str | None) -> list[Object]:
        return [each for each in objects_of(self._sorts[number], text) if each.table not in self._ignored]

    def _relations(self, wholes: Collection[int] | None = None) -> Mapping[int, _Parts]:
        """Return all relations and their parts; or only these, by their OIDs."""
        queries = [
            whole_sort(each, self._sorts[each]) if wholes is None else parts_of(each, self._sorts[each], sorted(wholes))
            for each in self._of_relations
        ]
        answers = prepared.ask(self._session, queries)
        return {
            number: _by_relation(self._objects(number, text))
            for number, [[text]] in zip(self._of_relations, answers, strict=True)
        }

    def _may_change_all(self, last: _Moment, now: _Moment) -> bool:
        """Return whether definitions of relations whose rows are the same may have other texts."""
        changed = [number for number, text in now.answers.items() if text != last.answers[number]]
        return now.names != last.names or any(
            self._sorts[each].catalog not in _OFTEN or _are_altered(last.others[each], now.others[each])
            for each in changed
        )

    def _made(self, now: _Moment, relations: Mapping[int, _Parts], last: Reading | None) -> Reading:
        if last and relations is last.relations and now.is_same(last.moment):
            return replace(last, moment=now)
        objects: dict[tuple[str, str], Object] = {}
        for number in self._sorts:
            parts = relations[number].values() if number in relations else [now.others[number]]
            objects |= {(each.kind, each.name): each for part in parts for each in part}
        catalog = Catalog(commented(objects, now.comments, last.catalog.objects if last else {}))
        leaning = (
            whole for parts in relations.values() for whole, part in parts.items() if any(each.leans for each in part)
        )
        return Reading(catalog, self._ignored, now, relations, frozenset(leaning))


def _by_relation(objects: Iterable[Object]) -> _Parts:
    parts: dict[int, list[Object]] = {}
    for each in objects:
        parts.setdefault(each.whole.oid, []).append(each)
    return parts


def _merged(last: _Parts, found: _Parts, wholes: Collection[int]) -> _Parts:
    kept = {whole: found.get(whole, ()) if whole in wholes else each for whole, each in last.items()}
    return {whole: each for whole, each in {**kept, **found}.items() if each}


def _are_altered(last: Iterable[Object], now: Iterable[Object]) -> bool:
    """Return whether one of the objects is another than before, except a function that only does something else."""
    before = {each.identity: each for each in last}
    both = ((before[each.identity], each) for each in now if each.identity in before)
    return any(was != each and (was.name != each.name or each.kind not in ROUTINES) for was, each in both)


def _may_change_others(last: Mapping[int, _Parts], now: Mapping[int, _Parts], wholes: Collection[int]) -> bool:
    """Return whether one of these relations has another name, or part of it, or is a composite type that changed."""
    before = {each.identity: each for parts in last.values() for whole in wholes for each in parts.get(whole, ())}
    after = [each for parts in now.values() for part in parts.values() for each in part]
    if any(each.identity in before and before[each.identity].name != each.name for each in after):
        return True
    relations = {each.identity for each in before.values()}
    return any(each.whole not in relations for each in before.values())
