"""Finds functions whose bodies no longer work after a change of the schema.

PostgreSQL does not check them: the body of a function is text until the function is called. A body in SQL is compiled
again. Of a body in PL/pgSQL each query and expression is planned, because PL/pgSQL itself plans them at the first call
only (https://www.postgresql.org/docs/current/plpgsql-implementation.html#PLPGSQL-PLAN-CACHING). The extension
plpgsql_check, where the server has it, checks the bodies in which planning has found no fault.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, Self

import psycopg

from sqlmigrate.database.session import Request, Session
from sqlmigrate.identifiers import quoted

from . import checked_bodies, plpgsql
from .body_causes import Cause, Causes, Failure, causes_of, explanation, words_of
from .checked_bodies import Checker
from .objects import Catalog
from .sql_definitions import BODIES
from .sql_relations import GUARD, SETTINGS

_ROLLBACK = Request("rollback")
_LIMIT = "2s"  # for planning one body: it executes functions that are immutable
_MOST_TABLES = 20  # that one trigger function is planned for


@dataclass(frozen=True)
class BrokenBody:
    """A function whose body no longer works.

    Attributes:
        function: its name with its argument types
        reason: why, from PostgreSQL's message where there is one
        cause: the kind and the qualified name of the object whose change broke it; empty if it is not known
        is_certain: whether PostgreSQL refuses the body; if not, it is dynamic SQL or a command that cannot be planned
    """

    function: str
    reason: str
    cause: tuple[str, str] = ("", "")
    is_certain: bool = True


def broken_bodies(
    session: Session, before: Catalog, after: Catalog, checker: Checker | None = None
) -> tuple[BrokenBody, ...]:
    """Return the functions whose bodies no longer work because of what has changed between two catalogs.

    `after` is the catalog at this moment. Whatever is tried is rolled back.

    Args:
        session: A session of the role that executes migrations.
        before: The catalog before the change.
        after: The catalog after it.
        checker: What provides the extension plpgsql_check; it is called if there is a body to check.
    """
    causes = causes_of(before, after)
    if not causes.causes:
        return ()
    ((text,),) = session.ask(GUARD, *SETTINGS, Request(BODIES), _ROLLBACK)[-2]
    broken = []
    with _Checks(checker) as checks:
        for body in map(_Body, json.loads(text or "[]")):
            touching = Causes(tuple(dict.fromkeys((*causes.touching(body.words, body.source), *body.rows_of(causes)))))
            if touching.causes and (found := body.judged(session, touching, checks, is_old=body.is_in(before))):
                broken.append(found)
    return tuple(broken)


class _Checks:
    """The extension plpgsql_check, asked for at the first body that is to be checked."""

    def __init__(self, checker: Checker | None) -> None:
        self._checker = checker
        self._opened = ExitStack()
        self._found: tuple[Session, str] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._opened.close()

    def failures(self, record: Mapping[str, Any], row: str) -> list[Failure]:
        """Return the errors that the extension finds in a body; none without it."""
        if self._checker:
            self._found, self._checker = self._opened.enter_context(self._checker()), None
        return checked_bodies.failures(*self._found, record, row, _LIMIT) if self._found else []


class _Body:
    """A function with its body as text.

    Args:
        record: What the catalog has of it, as JSON.
    """

    def __init__(self, record: Mapping[str, Any]) -> None:
        self._record = record
        self.name: str = record["name"]
        self.source: str = record["source"]
        self._tables = {each["table"] for each in record["triggers"]}
        # for a trigger function the rows of its tables, for others the types of its parameters and its result
        rows = " ".join((*self._tables, *record["types"], record["result"] or ""))
        self._rows = words_of(rows)
        self.words = words_of(self.source) | self._rows

    def is_in(self, catalog: Catalog) -> bool:
        """Return whether a catalog has it with the same definition."""
        kinds = ("function", "procedure")
        found = (catalog.objects.get((kind, self.name)) for kind in kinds)
        return any(each.attributes.get("definition") == self._record["definition"] for each in found if each)

    def rows_of(self, causes: Causes) -> Iterator[Cause]:
        """Return the causes that change the columns of the rows that it returns."""
        if self._record["language"] == "plpgsql" and not self._tables and self._record["result"]:
            yield from causes.of_rows(words_of(self._record["result"]))

    def judged(self, session: Session, causes: Causes, checks: _Checks, *, is_old: bool) -> BrokenBody | None:
        """Return why it no longer works; None if it works, or if that has another reason than the causes."""
        if self._record["language"] == "sql":
            return self._compiled(session, causes)
        fragments: list[str] = []
        for row in [*({each["type"]: None for each in self._record["triggers"]})][:_MOST_TABLES] or [""]:
            failures, left = self._planned(session, row)
            if broken := self._explained(failures, causes) or self._explained(
                checks.failures(self._record, row), causes
            ):
                return broken
            fragments += left
        return self._suspected(fragments, causes) if is_old else None

    def _explained(self, failures: Iterable[Failure], causes: Causes) -> BrokenBody | None:
        for failure in failures:
            if cause := explanation(failure, causes, self._rows, self.words):
                return BrokenBody(self.name, failure.message, (cause.kind, cause.name))
        return None

    def _compiled(self, session: Session, causes: Causes) -> BrokenBody | None:
        """Compile a body in SQL again."""
        definition = self._record["definition"]
        try:
            session.ask(Request("begin"), Request("set local check_function_bodies = on"), Request(definition))
        except psycopg.Error as error:
            session.abort()
            message = error.diag.message_primary or "it no longer compiles"
            failure = Failure(self.source, error.sqlstate or "", message)
            cause = explanation(failure, causes, self._rows, self.words)
            return BrokenBody(self.name, message, (cause.kind, cause.name)) if cause else None
        session.ask(_ROLLBACK)
        return None

    def _planned(self, session: Session, row: str) -> tuple[list[Failure], list[str]]:
        """Plan a body in PL/pgSQL; return what PostgreSQL refuses, and the text of what was not planned."""
        marker = f"sqlmigrate {secrets.token_hex(8)}"
        try:
            block = plpgsql.planning_block(self._function(row), marker)
        except plpgsql.UnreadableError:
            return [], [self.source]
        tag = f"$sqlmigrate_{secrets.token_hex(8)}$"
        settings = (each.partition("=")[::2] for each in self._record["settings"] or ())
        requests = [
            Request("begin"),
            Request(f"set local statement_timeout = '{_LIMIT}'"),
            Request("set local client_min_messages = notice"),
            Request("set local check_function_bodies = off"),  # an error of one query is not one of all
            *(Request("select pg_catalog.set_config($1, $2, true)", (name, value)) for name, value in settings),
            *(Request(each) for each in self._transition_tables(row)),
            Request(f"do language plpgsql {tag}{block.sql}{tag}"),
            _ROLLBACK,
        ]
        del session.notices[:]
        try:
            session.ask(*requests)
        except psycopg.Error as error:
            session.abort()
            message = error.diag.message_primary or ""
            return [Failure(self.source, error.sqlstate or "", message, is_declaration=True)], [self.source]
        refused = [each for _, text in session.notices if (each := _refused(text, marker, block))]
        undecided = [each.text for each in block.fragments if not each.is_planned]
        undecided += [each.text for each in refused if each.state == _UNASSIGNED]
        return refused, undecided

    def _function(self, row: str) -> plpgsql.Function:
        names, types, modes = self._record["names"], self._record["types"], self._record["modes"]
        variables: list[tuple[str, str]] = []
        positions: dict[str, str] = {}
        for number, (kind, mode) in enumerate(zip(types, modes, strict=True)):
            name = names[number] if number < len(names) and names[number] else ""
            written = quoted(name) if name else f"sqlmigrate_{number + 1}"
            variables.append((written, _POLYMORPHIC.get(kind, kind)))
            if mode in "iobv":
                positions[f"${len(positions) + 1}"] = written
        columns = tuple(kind for kind, mode in zip(types, modes, strict=True) if mode == "t")
        return plpgsql.Function(quoted(self._record["own"]), tuple(variables), positions, self.source, row, columns)

    def _transition_tables(self, row: str) -> Iterator[str]:
        names = {
            name: each["type"]
            for each in self._record["triggers"]
            for name in (each["new"], each["old"])
            if name and each["type"] == row
        }
        for name, table in names.items():
            yield f"create temporary table {quoted(name)} as table {table} with no data"

    def _suspected(self, fragments: Iterable[str], causes: Causes) -> BrokenBody | None:
        """Return what the words of the parts that cannot be planned say of a name that is gone."""
        for text in fragments:
            words = words_of(text)
            for each in causes.said_in(words):
                if each.change == "gone" and _is_meant(each, words | self._rows):
                    reason = f"it says `{each.own}`, and `{each.shown}` no longer exists"
                    return BrokenBody(self.name, reason, (each.kind, each.name), is_certain=False)
        return None


_UNASSIGNED = "55000"  # a record that only a statement which is not executed gives its columns
_POLYMORPHIC = {
    "anyelement": "integer", "anycompatible": "integer", "anyarray": "integer[]", "anycompatiblearray": "integer[]",
    "anynonarray": "integer", "anycompatiblenonarray": "integer", "anyenum": "text", "anyrange": "int4range",
    "anycompatiblerange": "int4range", "anymultirange": "int4multirange", '"any"': "text",
}  # fmt: skip


def _is_meant(cause: Cause, words: frozenset[str]) -> bool:
    return cause.kind != "enum label" and (cause.is_of_table_in(words))


def _refused(notice: str, marker: str, block: plpgsql.Block) -> Failure | None:
    """Read the notice about one piece of SQL."""
    head, *rest = notice.split("|", 3)
    if head != marker or len(rest) != 3:  # noqa: PLR2004 - number, code and message
        return None
    number, state, message = rest
    return Failure(block.fragments[int(number)].text, state, message)
