"""The servers and fixtures that other tests stand on are what they promise."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import children
import postgres_servers
import psycopg
import pytest
from postgres_servers import PasswordServer, Server, Standby
from psycopg.conninfo import conninfo_to_dict
from waiting import until

from sqlmigrate.embedded.cluster import Cluster

KILLED = """
import os, signal, postgres_servers
with postgres_servers.session_folder() as folder, postgres_servers.server(folder / "18", 18) as server:
    print(folder, server.cluster.postmaster().pid, sep="\\n", flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_database_is_fresh_and_gone_afterwards(postgres: Server) -> None:
    """Each database is new and empty, and is dropped even while a session is connected to it."""
    with postgres.database() as first, psycopg.connect(first) as conn:
        conn.execute("create table one ()")
        conn.commit()
        with postgres.database() as second, psycopg.connect(second) as other:
            assert other.execute("select count(*) from pg_tables where schemaname = 'public'").fetchone() == (0,)
    with pytest.raises(psycopg.OperationalError, match="does not exist"):
        psycopg.connect(first)


def test_every_version(every_postgres: Server, every_database: str) -> None:
    """A test that depends on the version is run on each, and its database is on that one."""
    with psycopg.connect(every_database) as conn:
        assert conn.info.server_version // 10_000 == every_postgres.version


def test_the_standby_is_read_only_and_not_behind(postgres: Server, database: str, standby: Standby) -> None:
    """What has just been committed on the primary can be read on its standby, and nothing can be written there."""
    with psycopg.connect(database) as conn:
        conn.execute("create table kept as select 42 as it")
    with psycopg.connect(standby.url(str(conninfo_to_dict(database)["dbname"]))) as conn:
        assert conn.execute("select it from kept").fetchone() == (42,)
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
            conn.execute("insert into kept values (43)")
    assert standby.version == postgres.version


def test_a_standby_that_has_ended_is_started_again(
    database: str, standby: Standby, capsys: pytest.CaptureFixture[str]
) -> None:
    """One crash must not fail every later test; its log is shown."""
    postmaster = standby.cluster.postmaster()
    assert postmaster is not None
    os.kill(postmaster.pid, signal.SIGKILL)
    with pytest.raises(psycopg.OperationalError):  # its sessions go on for a moment
        until(lambda: standby.admin.execute("select 1") is None)

    with psycopg.connect(standby.url(str(conninfo_to_dict(database)["dbname"]))) as conn:
        assert conn.execute("select pg_is_in_recovery()").fetchone() == (True,)
    assert "the standby has ended:" in capsys.readouterr().err


def test_the_password_server_asks(password_server: PasswordServer) -> None:
    """On TCP the role `app` gets in with its password, and with no other."""
    with psycopg.connect(password_server.tcp_url()) as conn:
        assert conn.execute("select current_user, current_database()").fetchone() == ("app", "app")
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(password_server.tcp_url(password="another"))


def test_the_environment_is_clean(home: Path) -> None:
    """No variable of the machine leads to a database, and the home directory is an empty one of our own."""
    assert not [name for name in os.environ if name.startswith("PG") or name in ("DATABASE_URL", "CI")]
    assert Path.home() == home
    assert list(home.iterdir()) == []


def test_a_killed_session_leaves_nothing_for_long() -> None:
    """The servers and the folder of a session that was killed are gone as soon as the next session begins."""
    there = str(Path(__file__).parent)
    done = children.run(
        [sys.executable, "-c", f"import sys; sys.path.insert(0, {there!r}){KILLED}"],
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL
    folder = Path(done.stdout.split("\n")[0])
    assert Cluster(folder / "18").is_ready()
    with postgres_servers.session_folder():
        assert not Cluster(folder / "18").is_ready()
        assert not folder.exists()
