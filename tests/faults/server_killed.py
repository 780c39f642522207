"""The server ends as in a crash while files are on their way, and is started again.

It waits for the disk, and its data are on one. The processes of the server are killed, the machine goes on: what would
be lost with its power is for PostgreSQL's own tests.
"""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from subprocess import Popen

import psycopg
from in_flight import files, look, require_complete, require_succeeded, require_told
from orders import FAILED, Order, victim
from points import Point, Site
from psycopg import sql

from sqlmigrate.embedded.cluster import Cluster

FILES = 60
MOMENTS = 100
_LONGEST_DELAY = 0.02  # seconds; some files are executed in that time


@dataclass(frozen=True)
class ServerKilled:
    """A run whose server is killed: after so many files, and a moment later.

    In every second point the run is killed with it, in the others it finds the server again.

    Attributes:
        name: Its name.
        texts: Its files.
        sample: Every how many points are tried by `make check`.
    """

    name: str = "server killed"
    texts: dict[str, str] = field(default_factory=lambda: files(FILES, {}, {}), repr=False)
    sample: int = 31

    def points(self, site: Site) -> Iterator[Point]:  # noqa: ARG002 - the points of others depend on it
        for how, moments in (("up", MOMENTS), ("down", MOMENTS // 4)):
            yield from (Point(self.name, how, number) for number in range(moments))

    def disturb(self, site: Site, point: Point) -> bool:
        order = Order(str(site.written(self.name, self.texts)), point.how, looks=False)
        with _database(site.durable, str(point).replace(" ", "_").replace(",", "_")) as name:
            if point.how == "down":
                require_succeeded(list(replace(order, direction="up").events(site.durable.url(name))))
            told, is_reached = _disturbed(site.durable, order, name, point)
            url = site.durable.url(name)
            seen = look(url)
            executed = seen.require_first()
            require_told(told, executed, point.how, FILES)
            failed = [(executed + 1, "failed")] if point.how == "up" else []
            assert seen.others in ([], failed), f"more than the file that was disturbed is recorded: {seen}"
            require_succeeded(list(order.events(url)))
            require_complete(look(url), point.how, FILES)
        return is_reached


@contextmanager
def _database(server: Cluster, name: str) -> Iterator[str]:
    made = sql.Identifier(name)
    with closing(psycopg.connect(server.url(), autocommit=True)) as admin:
        admin.execute(sql.SQL("drop database if exists {}").format(made))
        admin.execute(sql.SQL("create database {}").format(made))
    yield name
    with closing(psycopg.connect(server.url(), autocommit=True)) as admin:
        admin.execute(sql.SQL("drop database {} with (force)").format(made))


def _disturbed(server: Cluster, order: Order, name: str, point: Point) -> tuple[list[str], bool]:
    """Kill the server, and start it again; gives what the run has told, and whether it had not ended before."""
    moment = random.Random(str(point))
    after, delay = moment.randrange(FILES), moment.choice([0, moment.uniform(0, _LONGEST_DELAY)])
    told: list[str] = []
    postmaster = server.postmaster()
    assert postmaster
    with victim(order, server.url(name)) as process:
        assert process.stdout
        assert process.stderr
        for line in process.stdout:
            told.append(line.strip())
            if len(told) > after:
                break
        time.sleep(delay)  # the moment itself
        is_reached = process.poll() is None
        os.kill(postmaster.pid, signal.SIGQUIT)  # as `pg_ctl stop --mode=immediate`: nothing more is written
        if point.number % 2:
            process.kill()
        _start_again(server)
        rest, wrong = process.stdout.read(), process.stderr.read()  # `communicate` loses what was read ahead
    told += rest.split()
    _require_known(process, told, wrong)
    return told, is_reached


def _start_again(server: Cluster) -> None:
    """Start the server at the same place, where the run looks for it."""
    log = server.data / "restarted.log"  # no pipe of ours is kept open
    server.run("pg_ctl", "restart", "--mode=immediate", "--wait", "--pgdata", str(server.data), "--log", str(log))


def _require_known(process: Popen[str], told: Sequence[str], wrong: str) -> None:
    """Require that the run has done everything, was killed, or says why it cannot go on."""
    last: Sequence[str] = wrong.strip().splitlines()[-1:]
    is_told = process.returncode in (FAILED, -signal.SIGKILL) or (last and last[0].startswith("sqlmigrate.errors."))
    is_whole = process.returncode == 0 and len(told) == FILES
    assert is_told or is_whole, f"it ended with {process.returncode}, has told {told}, and this went wrong: {wrong}"
