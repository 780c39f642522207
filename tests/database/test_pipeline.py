"""Requests in segments: what goes wrong in one, or while one is sent, leaves a session that can be used."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from sqlmigrate.database.session import Request, Session, connect

ONE = Request("select 1")


@pytest.fixture
def session(database: str) -> Iterator[Session]:
    with connect(database) as session:
        yield session


def _answers(session: Session) -> list[object]:
    return [answer.error or answer.rows for answer in session.pipeline.answers() if answer]


def test_segments_are_answered_in_their_order(session: Session) -> None:
    """An error ends its segment; those behind it are executed."""
    session.pipeline.send([ONE, Request("select 2")])
    session.pipeline.send([Request("select 1 / 0"), ONE])
    session.pipeline.send([Request("select 3")])

    assert _answers(session) == [[["1"]], [["2"]]]
    (error,) = _answers(session)
    assert isinstance(error, psycopg.errors.DivisionByZero)
    assert _answers(session) == [[["3"]]]
    assert session.pipeline.is_empty


def test_a_segment_that_was_not_sent_to_its_end(session: Session) -> None:
    """As after a Ctrl-C: the session can be brought back, and its transaction is rolled back."""
    with pytest.raises(UnicodeEncodeError):
        session.pipeline.send([Request("begin"), Request("create table t ()"), Request("select '\ud800'")])

    session.abort()

    assert session.ask(Request("select to_regclass('t')")) == [[[None]]]


def test_a_request_is_prepared_once(session: Session) -> None:
    """Also over several segments; again after an error, because what followed it was not prepared."""
    named = Request("select $1::int + 1", ("1",), name="plus")
    count = Request("select count(*)::text from pg_prepared_statements where name like 'plus%'")
    for _ in range(3):
        session.pipeline.send([named, count])
    assert [_answers(session) for _ in range(3)] == [[[["2"]], [["1"]]]] * 3

    session.pipeline.send([Request("select 1 / 0"), named])
    _answers(session)
    session.pipeline.send([named, count])
    assert _answers(session) == [[["2"]], [["2"]]]


def test_a_request_that_cannot_be_prepared(session: Session) -> None:
    session.pipeline.send([Request("select nothing", name="wrong"), ONE])

    (error,) = _answers(session)

    assert isinstance(error, psycopg.errors.UndefinedColumn)
    assert session.ask(ONE) == [[["1"]]]
