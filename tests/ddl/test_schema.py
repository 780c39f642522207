"""Everything that is read of a database to write its schema."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sqlmigrate.database.session import Answer, Request, Session
from sqlmigrate.ddl.schema import read_schema


class Counting(Session):
    """A session that counts its round trips."""

    turns = 0

    def turn(self, requests: Sequence[Request], tick: float | None = None) -> Iterator[Answer | None]:
        self.turns += 1
        return super().turn(requests, tick)


def test_a_schema_is_read_at_one_moment(database: str) -> None:
    """In one transaction and one round trip: objects, what they need, and bodies that PostgreSQL would refuse."""
    session = Counting(database)
    session.ask(
        Request("create table a (id int primary key)"),
        Request("create table b (id int references a)"),
        Request("create function works() returns bigint language sql as 'select count(*) from a'"),
        Request("set check_function_bodies = off"),
        Request("create function fails() returns bigint language sql as 'select count(*) from nowhere'"),
        Request("reset check_function_bodies"),
    )
    session.turns = 0

    schema = read_schema(session, ["public.b"])

    functions = {each.name: each.identity.oid for each in schema.catalog.of_kind("function")}
    assert session.turns == 1
    assert [each.name for each in schema.catalog.of_kind("table")] == ["public.a"]
    assert len(schema.needs) > 0
    assert schema.unchecked == {functions["public.fails()"]}
    session.close()
