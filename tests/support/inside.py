"""A session that reads what an open transaction has done."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from sqlmigrate.database.session import Answer, Request, Session


def _ends(sql: str) -> bool:
    """Tell whether a statement begins or ends a transaction."""
    return sql.startswith("begin") or sql in ("commit", "rollback")


class Inside(Session):
    """A session whose reading stays in the transaction that is open, and sees what it has done."""

    def turn(self, requests: Sequence[Request], tick: float | None = None) -> Iterator[Answer | None]:
        return super().turn([Request("select") if _ends(each.sql) else each for each in requests], tick)

    @contextmanager
    def after(self, sql: str) -> Iterator[None]:
        """Execute statements, and undo them at the end."""
        with self.conn.transaction(force_rollback=True):
            self.conn.execute(sql)
            yield
