"""Which statements can change the catalog, and what each of them has changed."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from sqlmigrate.catalog.follow import FollowedCatalog
from sqlmigrate.catalog.objects import Catalog, Change
from sqlmigrate.database.session import Session
from sqlmigrate.parsing.script import Script
from sqlmigrate.parsing.statement import Statement

from .facts import FileRun, StatementFacts
from .lock_modes import rank

# What these change in the catalog, they change by a trigger; then they take its locks.
_NO_DDL = frozenset((
    "INSERT", "UPDATE", "DELETE", "MERGE", "COPY", "VALUES", "SET", "RESET", "SHOW", "LOCK", "TRUNCATE", "SAVEPOINT",
    "RELEASE", "ROLLBACK", "ANALYZE", "VACUUM", "REFRESH MATERIALIZED VIEW", "REINDEX", "DECLARE", "FETCH", "MOVE",
    "CLOSE", "LISTEN", "UNLISTEN", "NOTIFY", "PREPARE", "DEALLOCATE", "CHECKPOINT", "DISCARD", "EXPLAIN",
))  # fmt: skip
_QUERIES = ("SELECT", "WITH")
_DDL_LOCK = rank("SHARE UPDATE EXCLUSIVE")


class CatalogChanges:
    """Measures what each statement of one file changes in the catalog; does nothing where only one can.

    Args:
        script: The file, which is not executed yet.
        catalog: The catalog at this moment; None to measure nothing.
        observer: A session on the database.
        ignore: The tables to leave out.
    """

    def __init__(self, script: Script, catalog: Catalog | None, observer: Session, ignore: Collection[str]) -> None:
        self._followed = None
        if catalog is not None and len(_changing(script)) > 1:
            is_one = script.mode == "transaction"
            self._followed = FollowedCatalog(observer, catalog, ignore, in_one_transaction=is_one)

    def of(self, statement: Statement, facts: StatementFacts, session: Session) -> StatementFacts:
        """Add to the facts of a statement what it changed; `session` executed it, or sees what is committed."""
        if self._followed is None or not (_may_change(statement) or _has_changed(facts)):
            return facts
        return replace(facts, changes=self._followed.changed(session))


def _changing(script: Script) -> list[int]:
    """Return the numbers of the statements that can change the catalog."""
    return [number for number, each in enumerate(script.statements, 1) if _may_change(each)]


def _may_change(statement: Statement) -> bool:
    verb = statement.kind.verb
    return verb not in _NO_DDL and not (verb in _QUERIES and "(" not in statement.text)


def _has_changed(facts: StatementFacts) -> bool:
    """Return whether it created a relation, or took a lock as DDL does."""
    return facts.created > 0 or any(each.is_taken and rank(each.mode) >= _DDL_LOCK for each in facts.touches)


def of_the_only(run: FileRun, changes: tuple[Change, ...]) -> FileRun:
    """Give the changes of a file to its only statement that can change the catalog, if there is only one."""
    changing = _changing(run.script)
    if len(changing) != 1 or any(each.changes for each in run.statements):
        return run
    statements = (replace(each, changes=changes) if each.number == changing[0] else each for each in run.statements)
    return replace(run, statements=tuple(statements))
