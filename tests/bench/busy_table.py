"""How long others wait while a migration waits for its lock: clients of a table that a reader keeps in a transaction.

An ``ALTER TABLE`` queues behind the reader, and every later query of the table queues behind it
(https://www.postgresql.org/docs/current/explicit-locking.html#LOCKING-TABLES).
"""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

CLIENTS = 20
READER_SECONDS = 30.0
MIGRATION = "alter table busy add column note text;\n"
_SETUP = "create table busy as select number as id from generate_series(1, 1000) as number; create index on busy (id);"
_QUERY = "select id from busy where id = 42"
_PAUSE = 0.01  # of a client between two queries: 20 of them leave the machine's processors to the others
_BEFORE = 1.0  # seconds of everyday traffic, before the migration begins and after it has ended


@dataclass
class Waits:
    """What the clients saw while a command ran, in seconds, and how the command ended."""

    each: list[float] = field(default_factory=list)
    command: float = 0.0  # how long it took
    code: int = -1
    said: str = ""

    @property
    def longest(self) -> float:
        return max(self.each)

    @property
    def percentile(self) -> float:
        """The wait that would not be exceeded at 99 of 100 moments.

        A client that waits for 5 s leaves out the queries it had sent meanwhile: they are counted as waiting too, or
        20 long waits would vanish among thousands of short ones.
        """
        left_out = (wait - late for wait in self.each for late in _paces(wait))
        return statistics.quantiles([*self.each, *left_out], n=100)[98]


def _paces(wait: float) -> Iterator[float]:
    """Give the moments of a wait at which the client had sent its next query."""
    return (number * _PAUSE for number in range(1, int(wait / _PAUSE) + 1))


def waits(url: str, command: Sequence[str], environment: Mapping[str, str], folder: Path) -> Waits:
    """Run a command that alters the table `busy`, made here, while a reader and the clients use it."""
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute(_SETUP)
    return asyncio.run(_measured(url, command, environment, folder))


async def _measured(url: str, command: Sequence[str], environment: Mapping[str, str], folder: Path) -> Waits:
    found, stop = Waits(), asyncio.Event()
    clients = [asyncio.create_task(_client(url, found, stop)) for _ in range(CLIENTS)]
    reader = asyncio.create_task(_reader(url))
    await asyncio.sleep(_BEFORE)
    await _run(found, command, environment, folder)
    await reader
    await asyncio.sleep(_BEFORE)
    stop.set()
    await asyncio.gather(*clients)
    return found


async def _client(url: str, found: Waits, stop: asyncio.Event) -> None:
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as conn:
        while not stop.is_set():
            start = time.perf_counter()
            await conn.execute(_QUERY)
            found.each.append(time.perf_counter() - start)
            await asyncio.sleep(_PAUSE)


async def _reader(url: str) -> None:
    """Read the table in a transaction, and forget to end it for a while."""
    async with await psycopg.AsyncConnection.connect(url, application_name="reports") as conn:
        await conn.execute("select count(*) from busy")
        await asyncio.sleep(READER_SECONDS)


async def _run(found: Waits, command: Sequence[str], environment: Mapping[str, str], folder: Path) -> None:
    start = time.perf_counter()
    process = await asyncio.create_subprocess_exec(
        *command, env=dict(environment), cwd=folder, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    said, _ = await process.communicate()
    found.command = time.perf_counter() - start
    found.said, found.code = said.decode(), process.returncode or 0
