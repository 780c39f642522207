"""A session that reads what an open transaction has done."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlmigrate.database.session import Request, Session


class Inside(Session):
    """A session whose reading stays in the transaction that is open, and sees what it has done."""

    def ask(self, *requests: Request) -> list[list[list[str | None]]]:
        return super().ask(
            *(
                Request("select") if each.sql.startswith("begin") or each.sql == "rollback" else each
                for each in requests
            )
        )

    @contextmanager
    def after(self, sql: str) -> Iterator[None]:
        """Execute statements, and undo them at the end."""
        with self.conn.transaction(force_rollback=True):
            self.conn.execute(sql)
            yield
