"""Deletes generated rows that make a statement fail, so that the rest of the file is executed and measured.

A review fills empty tables with generated rows, which the schema allows. A statement may fail on them that production's
rows let pass. Then the rows are deleted from the clone and the file is executed again: first only those that the error
points at, then all generated rows of a table, in the end all generated rows. Rows that migrations or `--seed` wrote
stay: production has them too.

The rows are deleted by the role that executes migrations. A trigger, a rule or an operator of a new migration must not
run with more rights.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

import psycopg

from sqlmigrate.catalog.objects import Catalog, Object
from sqlmigrate.database.session import Request, Session
from sqlmigrate.errors import StatementError
from sqlmigrate.parsing.statement import Statement
from sqlmigrate.shadow import databases

from . import offending_rows
from .facts import FileRun
from .offending_rows import FOREIGN_KEY, NOT_NULL, Table

# https://www.postgresql.org/docs/current/errcodes-appendix.html: an error of these classes may come from rows. In a
# function a CASE without a matching branch is 20000, and RAISE is P0001.
_CLASSES = ("20", "21", "22", "23", "44", "54", "P0")
# The classes of the server itself. A code of another class was raised by a function of the user.
_OWN = re.compile("0[0-389ABFLPZ]|2[0-8BDF]|3[489BDF]|4[024]|5[3-578]|72|F0|HV|P0|XX")
_AT_ONCE = 100  # tables in one statement
_WORD = re.compile(r"[\w$]+")
_IN_FUNCTION = re.compile(r"(?:PL/pgSQL|SQL) function (?!inline_code_block)")
_READS = re.compile(r"\b(?:select|from|perform|exists|table|merge)\b", re.IGNORECASE)
_LIMIT = "set local lock_timeout = '10s'"
_EMPTY = "delete from only "
_MAY_BE_LEFT_OUT = ("DO", "SELECT", "CALL", "INSERT", "WITH", "VALUES")  # rather than empty all tables
_NEEDS_ROWS = ("20", "21", "P0")

# The tables of users as they are now: with the table that one is a partition of, or inherits from, and whether its own
# policies apply to its owner.
_TABLES = """\
select c.oid::text, c.relkind::text, pg_catalog.format('%I.%I', n.nspname, c.relname), n.nspname::text,
       c.relname::text,
       (select pg_catalog.min(i.inhparent::bigint)::text from pg_catalog.pg_inherits i where i.inhrelid = c.oid),
       c.relforcerowsecurity::text
  from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
 where c.relkind in ('r', 'p') and c.relpersistence <> 't' and n.nspname <> 'information_schema'
   and n.nspname !~ '^pg_'"""

# Rows that reference a deleted one are deleted too: without triggers no foreign key is checked. The last column of a
# temporal key is a range, which its parents contain together.
_ORPHANS = """\
do $sqlmigrate$
declare each record; gone bigint; is_again bool := true;
begin
    while is_again loop
        is_again := false;
        for each in
            select pg_catalog.format(
                       'delete from %s %s c where %s and not exists (select from %s %s p where %s)',
                       case child.relkind when 'r' then 'only' end, k.conrelid::pg_catalog.regclass,
                       pg_catalog.string_agg(pg_catalog.format('c.%I is not null', own.attname), ' and '),
                       case parent.relkind when 'r' then 'only' end, k.confrelid::pg_catalog.regclass,
                       pg_catalog.string_agg(pg_catalog.format('p.%I %s c.%I', other.attname,
                           case when pg_catalog.to_jsonb(k) ->> 'conperiod' = 'true'
                                     and x.at = pg_catalog.cardinality(k.conkey) then 'operator(pg_catalog.&&)'
                                else pg_catalog.format('operator(%I.%s)', space.nspname, op.oprname) end,
                           own.attname), ' and ')) as query
              from pg_catalog.pg_constraint k
              join pg_catalog.pg_class child on child.oid = k.conrelid
              join pg_catalog.pg_class parent on parent.oid = k.confrelid
             cross join lateral unnest(k.conkey, k.confkey, k.conpfeqop) with ordinality
                        x (key, foreign_key, operator, at)
              join pg_catalog.pg_attribute own on own.attrelid = k.conrelid and own.attnum = x.key
              join pg_catalog.pg_attribute other on other.attrelid = k.confrelid and other.attnum = x.foreign_key
              join pg_catalog.pg_operator op on op.oid = x.operator
              join pg_catalog.pg_namespace space on space.oid = op.oprnamespace
             where k.contype = 'f' and k.convalidated and k.conparentid = 0
             group by k.oid, k.conrelid, k.confrelid, child.relkind, parent.relkind
        loop
            execute each.query;
            get diagnostics gone = row_count;
            is_again := is_again or gone > 0;
        end loop;
    end loop;
end $sqlmigrate$"""


class MadeUpRows:
    """The generated rows of one clone.

    Args:
        server: The shadow server.
        database: The clone.
        observer: A session on it that sees everything.
        filled: The names of the tables that were filled with generated rows.

    Attributes:
        emptied: How many rows each table had that has none since, by OID.
    """

    def __init__(
        self, server: databases.Shadow, database: databases.Databases, observer: Session, filled: Sequence[str]
    ) -> None:
        self._server, self._database, self._observer = server, database, observer
        self._names = frozenset(filled)
        self._filled: frozenset[int] = frozenset()
        self._base: frozenset[int] = frozenset()
        self._history: frozenset[str] = frozenset()
        self._forced: list[str] = []  # the tables whose policies apply to their owner
        self.emptied: dict[int, int] = {}

    def know(self, base: Catalog, history: Collection[str]) -> None:
        """Take note of the tables before the first of the new migrations, and of those of the history, which stay."""
        self._history = frozenset(history)
        names = set(self._names)
        while more := {name for name, each in base.tables.items() if _is_partition_of(each, names)} - names:
            names |= more
        self._filled = frozenset(base.tables[name].identity.oid for name in names if name in base.tables)
        self._base = frozenset(each.identity.oid for each in base.tables.values())

    def put_away(self, run: FileRun) -> tuple[str, ...]:
        """Delete generated rows that a file may have failed on, as few as possible.

        Returns the qualified names of their tables. There are none if no generated rows are left that may be the cause.
        """
        if run.error is None or run.is_stopped or not may_come_from_rows(run.error):
            return ()
        tables = self._tables()
        before = self._counts(tables)
        if not any(before.values()):
            return ()
        for deletes in self._attempts(run, run.error, tables):
            if self._delete(deletes):
                after = self._counts(tables)
                if gone := [each for each in tables if after[each.oid] < before[each.oid]]:
                    self.emptied.update((each.oid, before[each.oid]) for each in gone if not after[each.oid])
                    return tuple(each.name for each in gone)
        return ()

    def may_need_rows(self, run: FileRun) -> bool:
        """Return whether the statement that failed may succeed on rows that only production has."""
        if run.error is None or not run.failed_at or run.is_stopped:
            return False
        return may_need_rows(run.error, run.script.statements[run.failed_at - 1].text)

    def _attempts(self, run: FileRun, error: StatementError, tables: Sequence[Table]) -> Iterator[list[str]]:
        """Return what to delete: the rows of the error, its table, the statement's tables, and in the end everything.

        The last attempt also deletes the rows of tables that new migrations created: they may be copies.
        """
        made_up = [each for each in tables if each.oid in self._filled]
        statements = run.script.statements[: run.failed_at or None]
        copied = [each for each in tables if each.oid not in self._base]  # perhaps, from generated rows
        suspects = [*made_up, *copied]
        for found in offending_rows.suspicions(error, statements, tables, self._observer):
            yield [found.delete.replace("{table}", each.name) for each in suspects if each.root == found.root]
        if about := offending_rows.table_of(error, tables):
            yield _emptying(each for each in suspects if each.oid == about.oid)
            yield _emptying(each for each in suspects if each.root == about.root)
        words = _words(statements[-1:], error)
        yield _emptying(each for each in made_up if each.plain.lower() in words)
        if self.may_need_rows(run) and statements[-1].kind.verb.startswith(_MAY_BE_LEFT_OUT):
            return
        yield _emptying(made_up)
        yield _emptying(suspects)

    def _delete(self, statements: Sequence[str]) -> bool:
        """Delete rows in one transaction; return whether it succeeded."""
        if not statements:
            return False
        with self._server.without_triggers(self._database) as (session, is_unchecked):
            checked = [Request(_ORPHANS)] if is_unchecked else []
            sent = statements if is_unchecked else [*map(_truncating, statements)]
            open_, close = [*self._policies("no force")], [*self._policies("force")]
            requests = [*map(Request, [*open_, *sent]), *checked, *map(Request, close)]
            try:
                session.ask(Request("begin"), Request(_LIMIT), *requests, Request("commit"))
            except psycopg.Error:
                session.abort()
                return False
        return True

    def _policies(self, how: str) -> Iterator[str]:
        """Return the statements that lift policies which hide rows from the owner of a table, or put them back."""
        return (f"alter table {name} {how} row level security" for name in self._forced)

    def _tables(self) -> list[Table]:
        rows = self._observer.ask(Request(_TABLES))[0]
        parents = {int(oid or 0): int(parent) for oid, *_, parent, _ in rows if parent}
        self._forced = [name or "" for _, _, name, *_, is_forced in rows if is_forced == "true"]
        return [
            Table(int(oid or 0), name or "", schema or "", plain or "", _root(int(oid or 0), parents))
            for oid, _, name, schema, plain, *_ in rows
            if name not in self._history
        ]

    def _counts(self, tables: Sequence[Table]) -> Mapping[int, int]:
        """Count the rows of tables, a partitioned one without those of its partitions."""
        counts = {}
        for start in range(0, len(tables), _AT_ONCE):
            part = tables[start : start + _AT_ONCE]
            query = " union all ".join(
                f"select {each.oid}::text, count(*)::text from only {each.name}" for each in part
            )
            counts.update({int(oid or 0): int(count or 0) for oid, count in self._observer.ask(Request(query))[0]})
        return counts


def may_come_from_rows(error: StatementError) -> bool:
    """Return whether the rows of a database may have caused an error.

    That is one about a value or a constraint, or one that a function has raised.
    """
    state = error.sqlstate or ""
    return state[:2] in _CLASSES or (is_raised_in_function(error) and not _OWN.match(state))


def is_raised_in_function(error: StatementError) -> bool:
    """Return whether an error was raised in a function or a trigger, not in a DO block."""
    return _IN_FUNCTION.search(dict(error.fields).get("context", "")) is not None


def may_need_rows(error: StatementError, text: str) -> bool:
    """Return whether a statement that failed without generated rows may succeed on rows that only production has.

    A function or a query may look for such rows, and a foreign key may reference one.
    """
    state = error.sqlstate or ""
    if not may_come_from_rows(error):
        return False
    if is_raised_in_function(error) or state == FOREIGN_KEY:
        return True
    return _READS.search(text) is not None and (state[:2] in _NEEDS_ROWS or state == NOT_NULL)


def _is_partition_of(table: Object, names: set[str]) -> bool:
    parents = (table.attributes.get("parents") or "").split(", ")
    return bool(table.attributes.get("partition bound")) and not names.isdisjoint(parents)


def _truncating(delete: str) -> str:
    """Return what empties a table together with those that reference it, where foreign keys are checked."""
    return (
        f"truncate {delete.removeprefix(_EMPTY)} cascade"
        if delete.startswith(_EMPTY) and " where " not in delete
        else delete
    )


def _root(oid: int, parents: Mapping[int, int]) -> int:
    while oid in parents:
        oid = parents[oid]
    return oid


def _emptying(tables: Iterable[Table]) -> list[str]:
    return [f"{_EMPTY}{each.name}" for each in tables]


def _words(statements: Iterable[Statement], error: StatementError) -> frozenset[str]:
    """Return the words of a statement, of the functions that it was in, and of the query that failed there."""
    fields = dict(error.fields)
    texts = [*(each.text for each in statements), fields.get("context", ""), fields.get("query", "")]
    return frozenset(word.lower() for text in texts for word in _WORD.findall(text))
