"""A database with something of each kind in it, on two versions of PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from postgres_servers import Server

SETUP = """
create table t (a int primary key, b int);
create index i on t (b);
create unique index u on t (a);
cluster t using t_pkey;
create table m (a int) partition by range (a);
create index mi on m (a);
create table p partition of m for values from (0) to (10);
create materialized view v as select 1 as one;
create unique index vi on v (one);
create type mood as enum ('sad');
create publication pub for table t;
create role r;
create subscription sub connection 'dbname=nowhere' publication one, two with (connect = false, slot_name = none);
create subscription enabled connection 'host=/nowhere' publication one, two with (connect = false);
alter subscription enabled enable;
create subscription slotted connection 'host=/nowhere' publication one with (connect = false);
create statistics st on a, b from t;
create function f() returns int language sql as 'select 1';
create procedure pr() language sql as 'select 1';
"""


@pytest.fixture(scope="module", params=["postgres", "postgres16"])
def prepared(request: pytest.FixtureRequest) -> Iterator[psycopg.Connection[Any]]:
    """A connection to a database with an object of each kind, on each version in turn."""
    server: Server = request.getfixturevalue(request.param)
    with server.database() as url, psycopg.connect(url, autocommit=True, prepare_threshold=None) as conn:
        for command in SETUP.strip().split(";\n"):
            conn.execute(command.strip(";\n"))
        try:
            yield conn
        finally:
            conn.execute("alter subscription enabled disable")
            conn.execute("alter subscription enabled set (slot_name = none)")
            conn.execute("alter subscription slotted set (slot_name = none)")
            conn.execute("drop subscription sub; drop subscription enabled; drop subscription slotted; drop role r")
