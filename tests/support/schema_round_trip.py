"""A schema written as SQL, executed in an empty database, and compared with the first."""

from __future__ import annotations

from dataclasses import dataclass

import psycopg
from postgres_servers import Server

from sqlmigrate.catalog import compare
from sqlmigrate.catalog.objects import Difference
from sqlmigrate.database.session import Session
from sqlmigrate.ddl.schema import Schema, read_schema
from sqlmigrate.ddl.schema_file import SchemaFile


@dataclass(frozen=True)
class RoundTrip:
    """What a schema becomes.

    Attributes:
        text: the schema as SQL
        again: the schema that this text has created, as SQL
        differences: how the second database differs from the first
    """

    text: str
    again: str
    differences: tuple[Difference, ...]

    @property
    def order(self) -> list[str]:
        """The kinds and names of the objects, in the order of the text."""
        lines = [line.removeprefix("-- ") for line in self.text.splitlines() if line.startswith("-- ")]
        return [line for line in lines[2:] if not line.startswith(("checksum ", "at the end of this file: "))]


def read(url: str) -> Schema:
    session = Session(url)
    try:
        return read_schema(session)
    finally:
        session.close()


def round_trip(server: Server, sql: str) -> RoundTrip:
    """Execute statements, write the schema, and execute that in an empty database as psql would: from top to bottom."""
    with server.database() as first, server.database() as second:
        with psycopg.connect(first, autocommit=True) as conn:
            conn.execute(sql.encode())
        before = read(first)
        text = SchemaFile(before).text
        with psycopg.connect(second, autocommit=True) as conn:
            conn.execute(text.encode())
        after = read(second)
        return RoundTrip(text, SchemaFile(after).text, compare.differences(before.catalog, after.catalog))
