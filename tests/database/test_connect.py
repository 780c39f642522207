"""How long we wait for the other end: our own values count only where the user has named none."""

from __future__ import annotations

import socket
from contextlib import closing
from pathlib import Path

import pytest
from postgres_servers import PasswordServer
from psycopg.conninfo import conninfo_to_dict

from sqlmigrate.database.session import Session


def seconds_until_asked(url: str) -> int:
    with closing(Session(url)) as session, socket.socket(fileno=session.conn.pgconn.socket) as connection:
        asked = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE)
        connection.detach()
        return asked


def test_it_asks_after_half_a_minute(password_server: PasswordServer) -> None:
    """The kernel's own default is two hours."""
    assert seconds_until_asked(password_server.tcp_url()) == 30


@pytest.mark.parametrize(
    ("setting", "seconds"), [("keepalives_idle=7", 7), ("keepalives=0", None), ("keepalives_count=3", None)]
)
def test_what_the_url_names_counts(setting: str, seconds: int | None, password_server: PasswordServer) -> None:
    """With one of these settings all are the user's."""
    of_kernel = int(Path("/proc/sys/net/ipv4/tcp_keepalive_time").read_text())
    assert seconds_until_asked(f"{password_server.tcp_url()}?{setting}") == (seconds or of_kernel)


@pytest.mark.parametrize(("variable", "seconds"), [(None, "10"), ("33", "33")])
def test_the_variable_for_the_time_of_connecting_counts(
    variable: str | None, seconds: str, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without it we wait for ten seconds, libpq for ever."""
    if variable:
        monkeypatch.setenv("PGCONNECT_TIMEOUT", variable)
    with closing(Session(database)) as session:
        found = {each.keyword: each.val for each in session.conn.pgconn.info}
    assert found[b"connect_timeout"] == seconds.encode()


@pytest.mark.parametrize("by", ["the URL", "a variable"])
def test_a_service_file_counts(
    by: str, password_server: PasswordServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may have these settings: they are not replaced by ours."""
    named = "".join(f"{name}={value}\n" for name, value in conninfo_to_dict(password_server.tcp_url()).items())
    (tmp_path / "services").write_text(f"[shop]\n{named}keepalives_idle=7\n")
    monkeypatch.setenv("PGSERVICEFILE", str(tmp_path / "services"))
    if by == "a variable":
        monkeypatch.setenv("PGSERVICE", "shop")
    assert seconds_until_asked("service=shop" if by == "the URL" else "") == 7
