"""The Citus cluster whose coordinator `SQLMIGRATE_TEST_CITUS` names: each test has a database of its own there."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg
from psycopg.conninfo import make_conninfo

COORDINATOR = os.environ.get("SQLMIGRATE_TEST_CITUS", "")  # before the fixtures clean the environment
_NODES = "select nodename, nodeport from pg_dist_node where noderole = 'primary' order by groupid"


@dataclass(frozen=True)
class Cluster:
    """A database with Citus on all nodes.

    Attributes:
        url: Its URL on the coordinator.
        workers: Its URL on each worker.
    """

    url: str
    workers: tuple[str, ...]


def _nodes() -> list[tuple[str, int]]:
    with psycopg.connect(COORDINATOR) as conn:
        return conn.execute(_NODES).fetchall()


@contextmanager
def database() -> Iterator[Cluster]:
    """Create a database on all nodes, and drop it at the end of the block."""
    name = f"sqlmigrate_{uuid.uuid4().hex}"
    nodes = _nodes()
    servers = [make_conninfo(COORDINATOR, host=host, port=port) for host, port in nodes]
    urls = [make_conninfo(server, dbname=name) for server in servers]
    try:
        for server, url in zip(servers, urls, strict=True):
            _execute(server, f"create database {name}")
            _execute(url, "create extension citus")
        _execute(urls[0], *(f"select {_adds(*node, is_first=node == nodes[0])}" for node in nodes))
        yield Cluster(urls[0], tuple(urls[1:]))
    finally:
        for server in servers:
            _execute(server, f"drop database if exists {name} (force)")


def _adds(host: str, port: int, *, is_first: bool) -> str:
    return f"citus_{'set_coordinator_host' if is_first else 'add_node'}('{host}', {port})"


def _execute(url: str, *statements: str) -> None:
    with psycopg.connect(url, autocommit=True) as conn:
        for statement in statements:
            conn.execute(statement)
