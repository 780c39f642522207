"""A project of dbmate with three migrations, two of which are executed."""

from __future__ import annotations

from pathlib import Path

import psycopg
from project import Project

TABLES = {"1_users": "users", "2_orders": "orders", "3_items": "items"}
PAIR = "-- migrate:up\ncreate table {0} (id int);\n-- migrate:down\ndrop table {0};\n"


def made(folder: Path, url: str) -> Project:
    """Write the files of dbmate and its history; the history of sqlmigrate does not exist yet."""
    old = folder / "db" / "migrations"
    old.mkdir(parents=True)
    for label, table in TABLES.items():
        (old / f"{label}.sql").write_text(PAIR.format(table))
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute("create table users (id int); create table orders (id int)")
        conn.execute("create table schema_migrations (version varchar primary key)")
        conn.execute("insert into schema_migrations values ('1'), ('2')")
    return Project(folder / "sql", url)
