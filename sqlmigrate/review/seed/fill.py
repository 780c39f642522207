"""Fills empty tables with rows that satisfy every constraint: with empty tables, nothing fails and nothing takes long.

The same schema always gets the same rows. A value is an SQL expression of the number of its row (`values`). The server
is asked which of them the checks of a table accept (`checks`). A table is filled by one statement.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

import psycopg

from sqlmigrate.database.session import Request, Session
from sqlmigrate.identifiers import plain_parts

from . import partitions
from .checks import REFERENCE as _REFERENCE, ValueFinder
from .tables import Column, ForeignKey, Inventory, Table, read
from .values import literal

_NULL_EVERY = 5
_WITH_TRIGGERS = """\
select set_config('session_replication_role', 'origin', true)
 where current_setting('session_replication_role') = 'replica'"""
_FEW = 10
_REFUSED = "every row was refused by a key, a trigger or a rule"
_PARENTS = 500  # rows of a referenced table that are numbered; a migration may have filled it with many more


@dataclass(frozen=True)
class UnfilledTable:
    """A table that could not be filled.

    Attributes:
        table: its qualified name, quoted as needed
        reason: why not, in PostgreSQL's words
    """

    table: str
    reason: str


@dataclass(frozen=True)
class Seeded:
    """The tables that were empty.

    Attributes:
        filled: the names of those that were filled
        unfilled: those that could not be filled
    """

    filled: tuple[str, ...]
    unfilled: tuple[UnfilledTable, ...]


def fill(session: Session, rows: int = 300, ignore: Collection[str] = ()) -> Seeded:
    """Fill the empty tables with about `rows` rows each; a table that accepts fewer gets fewer.

    The tables of `ignore` (``public.migrations``) stay as they are.
    """
    kept = _settings(session)
    try:
        return _filled(session, rows, ignore)
    finally:
        if session.is_usable:
            session.abort()
            session.ask(*(Request(f"select set_config('{name}', $1, false)", (value,)) for name, value in kept))


# That of the migrations: functions that checks, defaults and triggers call may find their tables by it.
_SEARCH_PATH = """\
select coalesce((select substr(setting, length('search_path=') + 1)
                   from pg_catalog.pg_db_role_setting it, unnest(it.setconfig) setting
                  where setdatabase = (select oid from pg_catalog.pg_database where datname = current_database())
                    and setrole = 0 and setting like 'search\\_path=%'), '"$user", public')"""


def _settings(session: Session) -> list[tuple[str, str | None]]:
    """Set what values depend on, and return the previous settings; a superuser also switches triggers off.

    https://www.postgresql.org/docs/current/runtime-config-client.html#GUC-SESSION-REPLICATION-ROLE
    """
    wanted = {"TimeZone": "UTC", "DateStyle": "ISO, YMD", "synchronous_commit": "off", "jit": "off", "lc_monetary": "C"}
    if session.ask(Request("select rolsuper::text from pg_roles where rolname = current_user"))[0][0][0] == "true":
        wanted["session_replication_role"] = "replica"
    wanted["search_path"] = session.ask(Request(_SEARCH_PATH))[0][0][0] or ""
    before = session.ask(*(Request(f"select current_setting('{name}')") for name in wanted))
    session.ask(*(Request(f"select set_config('{name}', $1, false)", (value,)) for name, value in wanted.items()))
    return [(name, answer[0][0]) for name, answer in zip(wanted, before, strict=True)]


def _filled(session: Session, rows: int, ignore: Collection[str]) -> Seeded:
    known = read(session, ignore)
    finder = ValueFinder(session, known)
    filled: list[str] = []
    unfilled: list[UnfilledTable] = []
    later: list[tuple[Table, ForeignKey]] = []
    for unit, without in _order(known):
        later += without
        together = {table.oid for table in unit}
        tables = [_Writing(finder, table, _kept_keys(table, without), together) for table in unit]
        why = _write(session, tables, rows)
        if why is None:
            filled += [table.name for table in unit]
        else:
            unfilled += [UnfilledTable(table.name, why) for table in unit]
    for table, key in later:
        _connect(session, known, table, key)
    _advance(session, known)
    return Seeded(tuple(sorted(filled)), tuple(sorted(unfilled, key=lambda each: each.table)))


_Broken = list[tuple[Table, ForeignKey]]


def _order(known: Inventory) -> Iterator[tuple[list[Table], _Broken]]:
    """Return the tables, referenced ones first; a circle is opened at a key that may be NULL, or is one unit."""
    waiting = dict(sorted(known.empty.items(), key=lambda item: item[1].name))
    while waiting:
        ready = [table for table in waiting.values() if not _parents(table, waiting)]
        for table in ready:
            del waiting[table.oid]
            yield [table], []
        if not ready:
            unit, broken = _circle(waiting)
            for table in unit:
                del waiting[table.oid]
            yield unit, broken


def _parents(table: Table, waiting: dict[int, Table]) -> list[ForeignKey]:
    return [key for key in table.foreign_keys if key.target in waiting and key.target != table.oid]


def _circle(waiting: dict[int, Table]) -> tuple[list[Table], _Broken]:
    reach = {oid: _reach(oid, waiting) for oid in waiting}
    circles = [oid for oid in waiting if oid in reach[oid]]
    first = min(circles, key=lambda oid: len(reach[oid]))
    unit = [oid for oid in circles if oid in reach[first] and first in reach[oid]]
    for oid in unit:
        table = waiting[oid]
        keys = _parents(table, waiting)
        if all(_is_nullable(table, key) for key in keys):
            return [table], [(table, key) for key in keys]
    return [waiting[oid] for oid in unit], []


def _reach(oid: int, waiting: dict[int, Table]) -> set[int]:
    seen: set[int] = set()
    todo = [oid]
    while todo:
        for key in _parents(waiting[todo.pop()], waiting):
            if key.target not in seen:
                seen.add(key.target)
                todo.append(key.target)
    return seen


def _is_nullable(table: Table, key: ForeignKey) -> bool:
    columns = [table.column(number) for number in key.columns]
    return any(column is not None and not column.not_null for column in columns)


def _kept_keys(table: Table, without: _Broken) -> list[ForeignKey]:
    return [key for key in table.foreign_keys if (table, key) not in without]


def _write(session: Session, tables: Sequence[_Writing], rows: int) -> str | None:
    """Fill a table, or several that reference each other; try fewer rows and columns. Return why it failed, or None."""
    why = ""
    for number, sparse in ((rows, False), (_FEW, False), (rows, True), (_FEW, True), (1, True), (1, False)):
        inserts = [statement for table in tables for statement in table.inserts(min(number, rows), is_sparse=sparse)]
        error = _insert(session, tables, inserts)
        if error is None:
            return None
        why = why or error
    if why == _REFUSED:  # rows that a check refuses were left out: let the server name it
        every = [text for table in tables for text in table.inserts(_FEW, is_sparse=False, is_checked=False)]
        return _insert(session, tables, every)
    return why


def _insert(session: Session, tables: Sequence[_Writing], inserts: list[str]) -> str | None:
    """Execute statements that fill tables; return why they failed, or None.

    A trigger may write the rows of a table that was filled before: then that is emptied, and has those rows instead.
    """
    emptied: list[str] = []
    while True:
        try:
            return None if _is_filled(session, tables, inserts, emptied) else _REFUSED
        except psycopg.Error as error:
            if not session.is_usable:
                raise
            session.abort()
            taken = _taken_by_trigger(error, tables)
            if taken is None or taken in emptied:
                return (error.diag.message_primary or str(error)).splitlines()[0]
            emptied.append(taken)


def _is_filled(session: Session, tables: Sequence[_Writing], inserts: list[str], emptied: Sequence[str]) -> bool:
    """Empty some tables, and fill others in the same transaction; return whether each of those has rows."""
    role = [Request(_WITH_TRIGGERS)] if any(table.is_risky for table in tables) else []
    if len(tables) > 1:
        parts = ", ".join(f"part_{at} as ({insert})" for at, insert in enumerate(inserts))
        inserts = [f"with {parts} select"]
    deletes = [Request(f"delete from {name}") for name in emptied]
    counts = [Request(f"select (exists (select 1 from {table.table.name}))::text") for table in tables]
    answers = session.ask(Request("begin"), *role, *deletes, *map(Request, inserts), *counts, Request("commit"))
    return all(answer[0][0] == "true" for answer in answers[-1 - len(tables) : -1])


def _taken_by_trigger(error: psycopg.Error, tables: Sequence[_Writing]) -> str | None:
    """Return the table, filled by us, whose rows were in the way of those of a trigger; None if there is none."""
    if not isinstance(error, psycopg.errors.UniqueViolation):
        return None
    name = (error.diag.schema_name, error.diag.table_name)
    own = {table.table.oid for table in tables}
    return next(
        (each.name for each in tables[0].unreferenced if each.oid not in own and plain_parts(each.name) == name), None
    )


class _Writing:
    """How a table is filled: an expression for each column, and the tables that its keys reference."""

    def __init__(self, finder: ValueFinder, table: Table, keys: Sequence[ForeignKey], together: set[int]) -> None:
        self.table = table
        self._finder = finder
        self._keys = keys
        self._together = together
        self.unreferenced = finder.unreferenced
        left_out = {number for key in table.foreign_keys if key not in keys for number in key.columns}
        kept = {number for key in keys for number in key.columns}
        self._without = {each.number for each in table.columns if each.number in left_out - kept and not each.not_null}
        self._found = finder.find_values(table)
        self.is_risky = any(key.target in together for key in keys) or bool(table.paths and keys)

    def inserts(self, rows: int, *, is_sparse: bool, is_checked: bool = True) -> list[str]:
        """Return the statements that write so many rows: one, or one for each bounded partition.

        Args:
            rows: How many rows there are to be.
            is_sparse: Whether only the columns are written that must be.
            is_checked: Whether rows that a check refuses are left out.
        """
        plans = partitions.plan_values(self.table)
        share = max(rows // len(plans), min(rows, 3))
        return [
            self._insert(plan, (1 + at * share, (at + 1) * share), is_sparse=is_sparse, is_checked=is_checked)
            for at, plan in enumerate(plans)
        ]

    def _insert(self, plan: dict[int, str], numbers: tuple[int, int], *, is_sparse: bool, is_checked: bool) -> str:
        values, joins = dict(plan), []
        for at, key in enumerate(self._keys):
            expressions, join = self._reference(key, at, values)
            values = {**expressions, **values}
            joins += [join] if join else []
        written: list[tuple[Column, str]] = []
        for column in self.table.columns:
            value = values.get(column.number) or self._value(column, is_sparse=is_sparse)
            if value is not None:
                written.append((column, f"({value.replace('{g}', 'g')})::{column.formatted}"))
        if not written:
            return f"insert into {self.table.name} default values"
        conflict = "" if self.table.is_deferrable else " on conflict do nothing"
        names, shown = ", ".join(column.name for column, _ in written), ", ".join(value for _, value in written)
        accepted = self._accepted([column for column, _ in written]) if is_checked else ""
        rows = f"select {shown} from generate_series{numbers} g{''.join(joins)} order by g"
        return (
            f"insert into {self.table.name} ({names}) overriding system value"
            f" select * from ({rows}) it ({names}){accepted}{conflict}"
        )

    def _accepted(self, written: Sequence[Column]) -> str:
        """Return the condition for rows that the checks accept, as far as they are about written columns."""
        numbers = {column.number for column in written}
        conditions = [f"{column.name} is not null" for column in written if column.not_null]
        conditions += [f"(({text}) is not false)" for key, text in self.table.checks if set(key) <= numbers]
        return f" where {' and '.join(conditions)}" if conditions else ""

    def _value(self, column: Column, *, is_sparse: bool) -> str | None:
        """Return the value of a column; None for NULL or the default if only required columns are written."""
        if column.number in self._without or (is_sparse and not column.not_null):
            return None
        value = self._found.get(column.number)
        if value is not None and _REFERENCE in value:  # of a key that is left out
            value = value.replace(_REFERENCE, "null")
        if value is None or (is_sparse and column.default is not None and column.number not in self.table.unique):
            return None
        return value

    def _reference(self, key: ForeignKey, at: int, values: dict[int, str]) -> tuple[dict[int, str], str]:
        """Return the values of the columns of a foreign key, and the join that they come from."""
        columns = [self.table.column(number) for number in key.columns]
        is_unique = bool(set(key.columns) & self.table.unique)
        is_null = all(column is not None and not column.not_null for column in columns)
        if key.target in self._together:
            return self._from_itself(key, is_null=is_null, is_unique=is_unique), ""
        target = self._finder.tables[key.target]
        names = [column.name if (column := target.column(number)) else "" for number in key.target_columns]
        place = f"(g - 1 + (g - 1) / f{at}.m * {at} + {at})" if is_unique else f"((g - 1) / 2 + {at})"
        shared = [
            f"p.{name} = ({values[number]})"
            for number, name in zip(key.columns, names, strict=True)
            if number in values
        ]
        shared += [
            f"p.{name} = ({self.table.generated[number]})"
            for number, name in zip(key.columns, names, strict=True)
            if number in self.table.generated and not self._names_columns(self.table.generated[number])
        ]
        keys = ", ".join(f"p.{name} as k{n}" for n, name in enumerate(names))
        order = ", ".join(f"p.{name}" for name in names)
        lateral = " lateral" if shared else ""
        where = f" where {' and '.join(shared).replace('{g}', 'g')}" if shared else ""
        is_shaped = any(_REFERENCE in self._found.get(number, "") for number in key.columns)
        nulls = f" and g % {_NULL_EVERY} <> {at % _NULL_EVERY}" if is_null and not is_shaped else ""
        place = f"(g + {at})" if shared else place
        some = f"select {keys} from {target.name} p{where} order by {order} limit {_PARENTS}"
        numbered = f"select *, row_number() over () - 1 as n, count(*) over () as m from ({some}) p"
        join = f" left join{lateral} ({numbered}) f{at} on f{at}.n = {place} % f{at}.m{nulls}"
        return {
            column.number: self._shaped(column.number, f"f{at}.k{n}")
            for n, column in enumerate(columns)
            if column and column.number not in values
        }, join

    def _names_columns(self, expression: str) -> bool:
        return any(column.name in expression for column in self.table.columns)

    def _shaped(self, number: int, reference: str) -> str:
        """Return the value of a column that references: NULL in the rows where a check demands it."""
        found = self._found.get(number, "")
        return found.replace(_REFERENCE, reference) if _REFERENCE in found else reference

    def _from_itself(self, key: ForeignKey, *, is_null: bool, is_unique: bool) -> dict[int, str]:
        """Reference a row of the same statement: the row itself, or, if NULL is possible, that with half its number."""
        known = self._finder.find_values(self._finder.tables[key.target])
        number = "{g}" if is_unique or not is_null else "(1 + {g} / 2)"
        found = {}
        for own, other in zip(key.columns, key.target_columns, strict=True):
            value = (known.get(other) or "null").replace("{g}", number)
            if _REFERENCE in self._found.get(own, ""):
                found[own] = self._shaped(own, value)
            else:
                found[own] = f"case when {{g}} % {_NULL_EVERY} <> 1 then {value} end" if is_null else value
        return found


def _connect(session: Session, known: Inventory, table: Table, key: ForeignKey) -> None:
    """Close an opened circle: let rows reference those that were written later; NULL remains if that fails."""
    target = known.tables[key.target]
    own = [column.name for number in key.columns if (column := table.column(number))]
    other = [column.name for number in key.target_columns if (column := target.column(number))]
    sets = ", ".join(f"{name} = p.k{n}" for n, name in enumerate(own))
    keys = ", ".join(f"{name} as k{n}" for n, name in enumerate(other))
    numbered = "row_number() over (order by {}) - 1 as n"
    parents = f"select {keys}, {numbered.format(', '.join(other))}, count(*) over () as m from {target.name}"
    order = numbered.format("tableoid::regclass::text, ctid")
    statement = (
        f"with p as ({parents}), c as (select ctid as place, tableoid as part, {order} from {table.name})"
        f" update {table.name} it set {sets} from p, c"
        f" where it.ctid = c.place and it.tableoid = c.part and p.n = c.n % p.m and c.n % {_NULL_EVERY} <> 0"
    )
    try:
        session.ask(Request(statement))
    except psycopg.Error:
        if not session.is_usable:
            raise
        session.abort()


def _advance(session: Session, known: Inventory) -> None:
    """Advance the sequences beyond the written values, as a later INSERT expects."""
    asked = [
        _ADVANCE.format(table=literal(table.name), name=table.name, column=column.name, text=literal(column.name))
        for table in known.empty.values()
        for column in table.columns
        if column.is_identity or "nextval(" in (column.default or "")
    ]
    for request in asked:
        try:
            session.ask(Request(request))
        except psycopg.Error:
            if not session.is_usable:
                raise
            session.abort()


_ADVANCE = """\
select setval(seq, top) from (
    select dep.objid::regclass as seq, (select max({column}) from {name})::int8 as top
      from pg_depend dep join pg_attribute on attrelid = refobjid and attnum = refobjsubid
      join pg_sequence on seqrelid = dep.objid
     where dep.classid = 'pg_class'::regclass and refobjid = {table}::regclass and deptype in ('a', 'i')
       and quote_ident(attname) = {text}) it
 where top >= (select seqstart from pg_sequence where seqrelid = seq)"""
