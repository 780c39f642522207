"""A lost connection leaves a server process behind. Only that one is ended, never another with the same number."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace

import psycopg
import pytest
from postgres_servers import Standby
from project import Project
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from sqlmigrate.database import lost_process
from sqlmigrate.database.server import Instance, Server
from sqlmigrate.database.session import Session, connect
from sqlmigrate.errors import ServerError
from sqlmigrate.history import read


def _server_of(session: Session) -> Server:
    return read.read(session, "migrations").server


def _is_alive(session: Session) -> bool:
    try:
        session.conn.execute("select 1")
    except psycopg.OperationalError:
        return False
    return True


def test_our_own_process_is_ended(every_database: str) -> None:
    """Number, start of the process and instance of the server agree: it is the one of the lost connection."""
    with closing(Session(every_database)) as lost, connect(every_database) as session:
        lost_process.end(session, _server_of(lost))
        assert not _is_alive(lost)


def test_a_process_that_was_started_at_another_time_is_left_alone(every_database: str) -> None:
    """The number was given again, to a session of the same role in the same database."""
    with closing(Session(every_database)) as other, connect(every_database) as session:
        server = replace(_server_of(other), process_started="2026-02-13 01:16:28.000001")
        lost_process.end(session, server)
        assert _is_alive(other)


def test_after_a_restart_of_the_server_no_process_is_ours(every_database: str) -> None:
    """The same server at the same address, started at another time: our process ended with the old one."""
    with closing(Session(every_database)) as other, connect(every_database) as session:
        server = _server_of(other)
        assert server.instance is not None
        instance = replace(server.instance, started="2026-02-13 01:16:28.000001")
        lost_process.end(session, replace(server, instance=instance))
        assert _is_alive(other)


OTHERS = {
    "another server": {"instance": Instance("7321", "2026-02-13 01:16:28.000001")},
    "unknown server": {"instance": None},
    "unknown process": {"process_started": None},
}


@pytest.mark.parametrize("fields", OTHERS.values(), ids=OTHERS)
def test_what_is_not_known_to_be_ours_is_left_alone(fields: dict[str, object], database: str) -> None:
    """Another server, or a role that may not see enough: an error, and no session is ended."""
    with closing(Session(database)) as other, connect(database) as session:
        server = _server_of(other)
        with pytest.raises(ServerError):
            lost_process.end(session, replace(server, **fields))  # type: ignore[arg-type]
        assert _is_alive(other)


def test_after_a_failover_no_process_is_ours(database: str) -> None:
    """A copy of the server at another address, which is a primary now: it never had a process of ours."""
    with closing(Session(database)) as other, connect(database) as session:
        server = _server_of(other)
        assert server.instance is not None
        instance = replace(server.instance, started="2026-02-13 01:16:28.000001")
        assert not lost_process.end(session, replace(server, address="db1:5432", instance=instance))
        assert _is_alive(other)


def test_a_standby_does_not_tell_what_became_of_it(project: Project, standby: Standby) -> None:
    """Its primary may still execute our requests, and it would follow."""
    project.add_tables("a").up()
    url = standby.url(str(conninfo_to_dict(project.url)["dbname"]))
    with closing(Session(project.url)) as lost, connect(url) as session:
        server = _server_of(lost)
        with pytest.raises(ServerError, match="the new connection leads to a standby"):
            lost_process.end(session, server)
        with pytest.raises(ServerError, match="the new connection leads to a standby"):
            lost_process.require_same_server(session, server)
        assert _is_alive(lost)


RIGHTS = ["pg_control_system()", "pg_stat_get_activity(int)"]


@pytest.mark.parametrize("function", RIGHTS)
def test_a_role_that_may_not_see_the_server(function: str, database: str) -> None:
    """The history is read all the same; which server it is stays unknown, so no session is ended."""
    with psycopg.connect(database, autocommit=True) as admin:
        admin.execute("create role restricted login")
        try:
            admin.execute(f"revoke execute on function pg_catalog.{function} from public")
            url = make_conninfo(database, user="restricted")
            with closing(Session(url)) as other, connect(url) as session:
                server = _server_of(other)
                assert (server.user, server.instance, server.process_started) == ("restricted", None, None)
                with pytest.raises(ServerError, match="this role may not see whether the server process"):
                    lost_process.end(session, server)
                assert _is_alive(other)
        finally:
            admin.execute("drop role restricted")
