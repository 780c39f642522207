"""A project whose schema is written: two tables, and a shadow server that is running already."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from postgres_servers import Server
from project import Project
from terminal import Ended

Schema = Callable[..., Ended]

CUSTOMERS = """\
create table customers (
    id bigint generated always as identity primary key,
    email text not null unique,
    created_at timestamptz not null default now()
);
"""
ORDERS = """\
create table orders (
    id bigint generated always as identity primary key,
    customer_id bigint not null references customers,
    total numeric(12, 2) not null default 0,
    constraint total_is_not_negative check (total >= 0)
);
create index orders_customer_id_idx on orders (customer_id);
comment on table orders is 'What customers have bought';
"""


@pytest.fixture
def shop(project: Project) -> Project:
    """Two migrations, a table each."""
    project.add("001_create_customers", CUSTOMERS, "drop table customers;")
    return project.add("002_create_orders", ORDERS, "drop table orders;")


@pytest.fixture
def schema(postgres: Server) -> Callable[[Project], Schema]:
    """Call `schema` on the PostgreSQL 18 of the tests: it is running already."""

    def of(project: Project) -> Schema:
        return lambda *arguments, **environment: project.call(
            "schema", "--shadow-url", postgres.url(), "--schema-postgres", "18", *arguments, **environment
        )

    return of
