"""Real HAProxy and pgpool-II between a client and two servers, a primary and its standby."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import children
import psycopg
from postgres_servers import Server, Standby, free_port
from psycopg.conninfo import conninfo_to_dict

_OF_HAPROXY = """\
global
    quiet
defaults
    mode tcp
    timeout connect 5s
    timeout client {seconds}s
    timeout server {seconds}s
    timeout check 2s
listen postgres
    bind 127.0.0.1:{port}
    option pgsql-check user postgres
    default-server inter 100ms fall 2 rise 1 on-marked-down shutdown-sessions
{servers}
"""
_OF_PGPOOL = """\
backend_clustering_mode = 'streaming_replication'
listen_addresses = '127.0.0.1'
port = {port}
socket_dir = '{folder}'
memqcache_total_size = 1048576
memqcache_max_num_cache = 1000
pcp_port = {pcp_port}
pcp_socket_dir = '{folder}'
pcp_listen_addresses = ''
work_dir = '{folder}'
logdir = '{folder}'
pid_file_name = '{folder}/pid'
num_init_children = 12
max_pool = 1
load_balance_mode = on
sr_check_period = 1
sr_check_user = 'postgres'
sr_check_database = 'postgres'
health_check_period = 1
health_check_user = 'postgres'
health_check_database = 'postgres'
health_check_max_retries = 3
health_check_retry_delay = 1
failover_on_backend_error = on
search_primary_node_timeout = 60
"""


def _upstream(server: Server) -> tuple[str, str]:
    """Give the folder of a server's socket, and its port; a standby does not have to be waited for."""
    named = conninfo_to_dict(Server.url(server))
    return str(named["host"]), str(named["port"])


@contextmanager
def haproxy(program: str, *servers: Server, seconds: float = 3600) -> Iterator[str]:
    """Run HAProxy, and yield its URL without a database: append the name of one.

    It leads to the first server that runs. A connection is cut after so many `seconds` without a word.
    """
    lines = []
    for index, (folder, port) in enumerate(map(_upstream, servers)):
        lines.append(f'    server node{index} "unix@{folder}/.s.PGSQL.{port}" check{" backup" * bool(index)}')
    own_port = free_port()
    text = _OF_HAPROXY.format(seconds=seconds, port=own_port, servers="\n".join(lines))
    with _running(lambda folder: [program, "-db", "-f", folder / "settings"], {"settings": text}, own_port) as url:
        yield url


@contextmanager
def pgpool(program: str, primary: Server, standby: Standby, *settings: str) -> Iterator[str]:
    """Run pgpool-II, and yield its URL without a database: append the name of one.

    All reading that it takes for harmless goes to the standby; settings: ``allow_sql_comments = on``.
    """
    own_port = free_port()
    lines = [*settings]
    for index, ((folder, port), weight) in enumerate(zip(map(_upstream, (primary, standby)), (0, 1), strict=True)):
        lines += [f"backend_hostname{index} = '{folder}'", f"backend_port{index} = {port}"]
        lines += [f"backend_weight{index} = {weight}", f"backend_flag{index} = 'ALLOW_TO_FAILOVER'"]

    def command(folder: Path) -> list[str | Path]:
        return [program, "-n", "-f", folder / "settings", "-a", folder / "hba", "-F", folder / "pcp"]

    text = _OF_PGPOOL + "\n".join(lines)
    files = {"settings": text, "hba": "", "pcp": ""}
    with _running(command, files, own_port) as url:
        yield url


@dataclass(frozen=True)
class _Program:
    process: subprocess.Popen[bytes]
    log: IO[bytes]


@contextmanager
def _running(command: Callable[[Path], list[str | Path]], files: dict[str, str], port: int) -> Iterator[str]:
    folder = Path(tempfile.mkdtemp(prefix="between-"))
    folder.chmod(0o777)
    for name, text in files.items():
        (folder / name).write_text(text.format(folder=folder, port=port, pcp_port=free_port()) if "{" in text else text)
    account = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"] if os.geteuid() == 0 else []
    with (folder / "log").open("wb") as log:
        running = children.start([*account, *command(folder)], stdout=log, stderr=subprocess.STDOUT, cwd=folder)
        try:
            url = f"postgresql://postgres@127.0.0.1:{port}/"
            _wait_for(running, url + "postgres", folder / "log")
            yield url
        finally:
            running.terminate()
            running.wait()
            shutil.rmtree(folder)


def _wait_for(running: subprocess.Popen[bytes], url: str, log: Path) -> None:
    while True:
        assert running.poll() is None, log.read_text(errors="replace")
        with suppress(psycopg.OperationalError), psycopg.connect(url):
            return
        time.sleep(0.02)
