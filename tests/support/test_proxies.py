"""The proxies measure what they say: turns that a client waits for, and the time of a network."""

import socket
import threading
from collections.abc import Iterator
from itertools import groupby

import database_state
import psycopg
import pytest
from postgres_servers import PasswordServer
from proxies import Delay, TurnCounter
from waiting import until


@pytest.fixture
def counter(database: str) -> Iterator[TurnCounter]:
    with TurnCounter(database) as proxy:
        yield proxy


def pipeline(conn: psycopg.Connection, statements: list[str]) -> None:
    with conn.pipeline():
        for statement in statements:
            conn.execute(statement)


def test_a_statement_is_one_turn(counter: TurnCounter) -> None:
    """One `execute` outside of a transaction is one turn."""
    with psycopg.connect(counter.url, autocommit=True) as conn:
        conn.execute("select 1")
        assert counter.turns == 1


def test_statements_one_after_the_other(counter: TurnCounter) -> None:
    """Three `execute` are three turns, and the `begin` and `commit` that psycopg sends are two more."""
    with psycopg.connect(counter.url) as conn:
        for number in range(3):
            conn.execute("select %s", [number])
        conn.commit()
        assert counter.turns == 5


def test_connecting_is_counted_apart(counter: TurnCounter) -> None:
    """A connection that asks for nothing has no turn; asking for encryption and the start-up are two of connecting."""
    psycopg.connect(counter.url, sslmode="prefer", gssencmode="disable").close()
    assert (counter.turns, counter.connect_turns) == (0, 2)


def test_a_password_is_two_more_turns_of_connecting(password_server: PasswordServer) -> None:
    """A SCRAM exchange is two turns on top of the start-up, and none after it."""
    with TurnCounter(password_server.tcp_url()) as counter:
        psycopg.connect(counter.url, sslmode="disable", gssencmode="disable").close()
        assert (counter.turns, counter.connect_turns) == (0, 3)


@pytest.mark.parametrize("statements", [2, 200])
def test_a_pipeline_is_one_turn(counter: TurnCounter, statements: int) -> None:
    """A pipeline is one turn, whether it has 2 statements or 200."""
    with psycopg.connect(counter.url, autocommit=True) as conn:
        pipeline(conn, ["select 1"] * statements)
        assert counter.turns == 1


def test_a_pipeline_flushed_after_each_statement_is_one_turn(counter: TurnCounter) -> None:
    """Asking the server to answer each statement at once is not a turn as long as the client does not wait."""
    with psycopg.connect(counter.url, autocommit=True) as conn, conn.pipeline():
        for _ in range(200):
            conn.execute("select 1")
            conn.pgconn.send_flush_request()
            conn.pgconn.flush()
    assert counter.turns == 1


def test_answers_fetched_within_a_pipeline_are_turns(counter: TurnCounter) -> None:
    """A pipeline that looks at an answer before it goes on waits once more each time."""
    with psycopg.connect(counter.url, autocommit=True) as conn, conn.pipeline():
        for _ in range(3):
            assert conn.execute("select 1").fetchone() == (1,)
    assert counter.turns == 3 + 1  # and the Sync at the end


def test_much_in_both_directions_is_one_turn(counter: TurnCounter) -> None:
    """A pipeline of 100 statements of 100 kB each, answered with as much, neither blocks nor is taken for several."""
    with psycopg.connect(counter.url, autocommit=True) as conn:
        pipeline(conn, [f"select '{number}{'x' * 100_000}'" for number in range(100)])
        assert counter.turns == 1
        assert min(counter.bytes_sent, counter.bytes_received) > 10_000_000


def test_a_slow_statement_is_one_turn(counter: TurnCounter) -> None:
    """A server that thinks for long, and answers in two halves, is waited for once."""
    with psycopg.connect(counter.url, autocommit=True) as conn:
        conn.execute("select repeat('x', 20000); select pg_sleep(0.1)")
        assert counter.turns == 1


def test_several_connections(counter: TurnCounter) -> None:
    """The turns of connections that are busy at once are counted together."""

    def work() -> None:
        with psycopg.connect(counter.url, autocommit=True) as conn:
            for _ in range(3):
                conn.execute("select 1")

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (counter.connections, counter.turns) == (4, 12)


def test_reset(counter: TurnCounter) -> None:
    """After `reset` the same connection is counted from nothing."""
    with psycopg.connect(counter.url, autocommit=True) as conn:
        conn.execute("select 1")
        counter.reset()
        assert counter.turns == counter.connect_turns == counter.bytes_sent == counter.bytes_received == 0
        conn.execute("select 1")
        assert counter.turns == 1
        assert counter.bytes_sent > 0


def test_a_message_of_the_server_is_no_turn(counter: TurnCounter) -> None:
    """What the server sends to a client that has asked nothing, a notification, is passed on and not counted."""
    with psycopg.connect(counter.url, autocommit=True) as waiting, psycopg.connect(counter.url) as other:
        waiting.execute("listen news")
        other.execute("notify news, 'hello'")
        other.commit()
        counter.reset()
        (heard,) = waiting.notifies(stop_after=1)
        assert (heard.payload, counter.turns) == ("hello", 0)


def test_cancelling_goes_through(counter: TurnCounter, database: str) -> None:
    """A cancel request, which is a connection of its own, reaches the server."""
    with psycopg.connect(counter.url, autocommit=True) as conn:
        asleep = "select 1 from pg_stat_activity where datname = current_database() and wait_event = 'PgSleep'"

        def cancel() -> None:
            until(lambda: database_state.ask(database, asleep))
            conn.cancel_safe()

        cancelling = threading.Thread(target=cancel)
        cancelling.start()
        with pytest.raises(psycopg.errors.QueryCanceled):
            conn.execute("select pg_sleep(60)")
        cancelling.join()


def test_a_lost_server_is_a_lost_connection(counter: TurnCounter) -> None:
    """Where the server ends the connection, the client sees just that, with the server's words."""
    with psycopg.connect(counter.url, autocommit=True) as conn, pytest.raises(psycopg.errors.AdminShutdown):
        conn.execute("select pg_terminate_backend(pg_backend_pid())")


def test_no_server_there() -> None:
    """In front of a server that is not there, connecting fails as it does without a proxy: at once."""
    with TurnCounter("postgresql://postgres@/x?host=/nowhere&port=5432") as counter, pytest.raises(psycopg.Error):
        psycopg.connect(counter.url)


def journeys(proxy: Delay) -> list[str]:
    """Give the directions in which something has arrived, in turn."""
    return [direction for direction, _ in groupby(direction for direction, _ in proxy.delivered)]


def test_each_chunk_is_delayed(database: str) -> None:
    """What is sent, and what is answered, is half of the round trip on its way."""
    with Delay(database, round_trip=0.050) as proxy, psycopg.connect(proxy.url, autocommit=True) as conn:
        conn.execute("select 1")
        assert len(proxy.delivered) >= 4  # connecting, and the statement
        assert min(seconds for _, seconds in proxy.delivered) >= 0.025


def test_delay_is_paid_per_turn(database: str) -> None:
    """Three statements, each waited for, take three round trips."""
    with Delay(database, round_trip=0.050) as proxy, psycopg.connect(proxy.url, autocommit=True) as conn:
        proxy.delivered.clear()
        for _ in range(3):
            conn.execute("select 1")
        assert journeys(proxy) == ["there", "back"] * 3


@pytest.mark.slow
def test_delay_is_paid_once_by_a_pipeline(database: str) -> None:
    """A pipeline of 200 statements takes one round trip."""
    with Delay(database, round_trip=1.0) as proxy, psycopg.connect(proxy.url, autocommit=True) as conn:
        proxy.delivered.clear()
        pipeline(conn, ["select 1"] * 200)
        assert journeys(proxy) == ["there", "back"]


def test_much_that_is_delayed_arrives_in_order(database: str) -> None:
    """Ten megabytes arrive whole and in order."""
    with Delay(database, round_trip=0.050) as proxy, psycopg.connect(proxy.url, autocommit=True) as conn:
        rows = conn.execute("select i, repeat('x', 1000) from generate_series(1, 10000) i").fetchall()
        assert rows == [(number, "x" * 1000) for number in range(1, 10001)]


def test_delay_does_not_throttle() -> None:
    """A chunk is taken while those before it are still on their way."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        host, port = server.getsockname()
        with Delay(f"host={host} port={port}", round_trip=3600) as proxy:
            with socket.create_connection(("127.0.0.1", proxy.port)) as client:
                client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                for number in range(1, 11):
                    client.sendall(b"x")
                    until(lambda: proxy.most_on_their_way >= number)  # noqa: B023 - it is called at once
            assert proxy.delivered == []
