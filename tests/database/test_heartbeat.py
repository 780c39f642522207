"""A long statement through a proxy that cuts connections on which nothing is said."""

from __future__ import annotations

import socket
import threading
import time

import pytest
from project import Project, failure, succeeded
from proxies import Connection, Flow, Proxy

from sqlmigrate.database import pipeline

IDLE_SECONDS = 1.0


class ImpatientProxy(Proxy):
    """Cuts each connection on which nothing came from the client for a second, as HAProxy's `timeout client` does."""

    def connection(self, client: socket.socket, server: socket.socket) -> Connection:
        return _Watched(client, server)


class _Watched(Connection):
    def begin(self) -> None:
        self.last = time.monotonic()
        self.has_ended = threading.Event()
        threading.Thread(target=self._watch, daemon=True).start()

    def received(self, flow: Flow, data: bytes) -> None:
        if flow is self.there:
            self.last = time.monotonic()
        if not data:
            self.has_ended.set()

    def _watch(self) -> None:
        while not self.has_ended.wait(0.05):
            if time.monotonic() - self.last > IDLE_SECONDS:
                for end in (self.client, self.back.source):
                    end.shutdown(socket.SHUT_RDWR)
                return


@pytest.mark.parametrize("before", ["", "-- sqlmigrate: no-transaction\n"], ids=["in a transaction", "without"])
def test_a_long_statement_is_not_cut(before: str, project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """While an answer is awaited, something is sent now and then. Without that, the proxy cuts the connection."""
    project.add("001_a", f"{before}select pg_sleep(3);")
    with ImpatientProxy(project.url) as proxy:
        there = project.at(proxy.url)
        assert "the connection was lost" in failure(there.up(tick=60)).error.message

        monkeypatch.setattr(pipeline, "_HEARTBEAT_SECONDS", 0.2)
        assert succeeded(there.up(tick=60)) == ["001_a"]
