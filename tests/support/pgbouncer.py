"""A real PgBouncer in front of a server, in session or in transaction mode."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import children
import psycopg
from postgres_servers import Server, free_port
from psycopg.conninfo import conninfo_to_dict


@contextmanager
def bouncer(program: str, server: Server, mode: str, *settings: str) -> Iterator[str]:
    """Run PgBouncer, and yield its URL without a database: append the name of one. Settings: `max_client_conn = 1`."""
    with bouncer_of(program, server.url(), mode, *settings) as url:
        yield url


@contextmanager
def bouncer_of(program: str, server: str, mode: str, *settings: str) -> Iterator[str]:
    """Run PgBouncer in front of the server that a URL names, as `bouncer` does."""
    folder = Path(tempfile.mkdtemp(prefix="bouncer-"))
    folder.chmod(0o755)
    port, upstream = free_port(), conninfo_to_dict(server)
    (folder / "users").write_text('"postgres" ""\n')
    (folder / "ini").write_text(
        f"[databases]\n* = host={upstream['host']} port={upstream['port']}\n[pgbouncer]\nlisten_addr = 127.0.0.1\n"
        f"listen_port = {port}\nunix_socket_dir =\nauth_type = trust\nauth_file = {folder}/users\npool_mode = {mode}\n"
        "default_pool_size = 8\nmax_client_conn = 100\nlogfile = /dev/null\n" + "\n".join(settings)
    )
    account = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"] if os.geteuid() == 0 else []
    running = children.start([*account, program, "--quiet", folder / "ini"], stderr=subprocess.DEVNULL)
    try:
        url = f"postgresql://postgres@127.0.0.1:{port}/"
        _wait_for(running, url + "postgres")
        yield url
    finally:
        running.kill()
        running.wait()
        shutil.rmtree(folder)


def _wait_for(running: subprocess.Popen[bytes], url: str) -> None:
    while True:
        assert running.poll() is None, "PgBouncer ended"
        with suppress(psycopg.OperationalError), psycopg.connect(url):
            return
        time.sleep(0.02)
