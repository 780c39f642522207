"""Database URLs as other tools write them: refused with what to write in their place, and without the password."""

from __future__ import annotations

import pytest

from sqlmigrate.config.url import checked
from sqlmigrate.errors import ConfigError

SECRET = "s3cr3t-Pass"
URL = f"postgresql://app:{SECRET}@db/shop"
POOL = "leave it out: it is for another tool or driver"
MODES = "disable, allow, prefer, require, verify-ca, verify-full"

CASES = {
    f"{URL}?schema=shop": "schema: write it as options=-csearch_path%3Dshop",
    f"{URL}?sslmode=require&search_path=a,b": "search_path: write it as options=-csearch_path%3Da%2Cb",
    f"{URL}?currentSchema=shop": "currentSchema: write it as options=-csearch_path%3Dshop",
    f"{URL}?schema=a%20b": "schema: write it as options=-csearch_path%3DSCHEMA",
    f"{URL}?statement_timeout=5s": "statement_timeout: write it as options=-cstatement_timeout%3DVALUE",
    f"{URL}?timezone=UTC": "timezone: write it as options=-ctimezone%3DVALUE",
    f"{URL}?pgbouncer=true&connection_limit=1": f"pgbouncer: {POOL}; connection_limit: {POOL}",
    f"{URL}?pool_max_conns=4": f"pool_max_conns: {POOL}",
    f"{URL}?ssl=require": f"ssl: write it as sslmode=require, or another one of {MODES}",
    f"{URL}?sslmode=no-verify": (
        f"sslmode: write sslmode=require: it encrypts, and checks no certificate; possible are {MODES}"
    ),
    f"{URL}?sslmode=Prefer": "sslmode: write it in lower case: sslmode=prefer",
    f"{URL}?sslmode=perfer": f"sslmode: possible are {MODES}",
    f"{URL}?x-migrations-table=m": (
        "x-migrations-table: it is a setting of its own: --table NAME, or SQLMIGRATE_TABLE=NAME"
    ),
    f"{URL}?encoding=utf8": "encoding: write it as client_encoding=",
    f"{URL}?unix_sock=/cloudsql/p:r:i/.s.PGSQL.5432": "unix_sock: write it as host=/FOLDER/OF/THE/SOCKET",
    f"postgresql+asyncpg://app:{SECRET}@db/shop?ssl=require": (
        f"ssl: write it as sslmode=require, or another one of {MODES}"
    ),
    f"jdbc:{URL}": "leave `jdbc:` out: postgresql://USER@HOST/DATABASE",
    f"r2dbc:{URL}": "leave `r2dbc:` out: postgresql://USER@HOST/DATABASE",
    f"postgresql:app:{SECRET}@db/shop": "postgresql://USER@HOST/DATABASE",
    f"pgsql:host=db;dbname=shop;password={SECRET}": "postgresql://USER@HOST/DATABASE",
    f"Host=db;Database=shop;Username=app;Password={SECRET}": "host=HOST dbname=DATABASE user=USER",
    f"postgis://app:{SECRET}@db/shop": "write postgresql:// in place of postgis://",
    f"pgx5://app:{SECRET}@db/shop": "write postgresql:// in place of pgx5://",
    f"mysql://app:{SECRET}@db/shop": "this tool is for PostgreSQL alone: postgresql://USER@HOST/DATABASE",
    f"postgresql://app:{SECRET}@/cloudsql/p:r:i/shop": (
        "the folder of the socket is a parameter: postgresql://USER@/DATABASE?host=/FOLDER"
    ),
}


@pytest.mark.parametrize(("url", "hint"), CASES.items())
def test_what_to_write_instead(url: str, hint: str) -> None:
    """The hint has the words to write; no part of the error has the password."""
    with pytest.raises(ConfigError) as refused:
        checked(url, "DATABASE_URL")

    assert refused.value.hint == hint
    shown = [
        refused.value.message,
        refused.value.hint or "",
        refused.value.span.source.text if refused.value.span else "",
    ]
    assert SECRET not in " ".join(shown)


KEPT = [
    f"{URL}?ssl=true", f"{URL}?sslmode=verify-full&sslrootcert=system",
    f"{URL}?sslmode=disable&channel_binding=disable",
    f"postgresql://app:{SECRET}@/shop?host=/cloudsql/p:r:i", f"{URL}?options=-csearch_path%3Dshop",
    f"postgresql://app:{SECRET}@%2Fcloudsql%2Fp%3Ar%3Ai/shop", "postgresql://app:a#b[c]@db/shop",
]  # fmt: skip


@pytest.mark.parametrize("url", KEPT)
def test_what_libpq_understands_is_left_as_it_is(url: str) -> None:
    """Parameters of libpq, a folder as the host, characters that need no escape."""
    assert checked(url, "DATABASE_URL") == url


def test_a_value_that_may_be_a_password_is_not_in_the_hint() -> None:
    """An `&` in a password that is not escaped makes its end look like a parameter."""
    with pytest.raises(ConfigError) as refused:
        checked("postgresql://db/shop?password=abc&schema=def", "DATABASE_URL")

    assert "abc" not in str(refused.value.hint)
