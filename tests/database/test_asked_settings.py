"""Settings that the connection string asks for must hold: a pooler may drop them without a word."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import database_state
import psycopg
import pytest
from pgbouncer import bouncer
from postgres_servers import Server
from proxies import TurnCounter
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from sqlmigrate.database.startup_options import asked_for
from sqlmigrate.errors import ServerError
from sqlmigrate.files.folder import load
from sqlmigrate.operations import repair, status, up_down

DROPPED = "a pooler in between has most likely dropped it"

OPTIONS = {
    "": {},
    "-csearch_path=tenant_b": {"search_path": "tenant_b"},
    "-c search_path=a -c role=app": {"search_path": "a", "role": "app"},
    "--statement-timeout=5s -e": {"statement_timeout": "5s"},
    "-csearch_path=a -cSEARCH_PATH=b": {"search_path": "b"},
    r"-csearch_path=a,\ b": {"search_path": "a, b"},
    r"-c app.path=C:\\temp": {"app.path": r"C:\temp"},
}


@pytest.mark.parametrize(("options", "expected"), OPTIONS.items())
def test_options_are_read_as_the_server_reads_them(options: str, expected: dict[str, str]) -> None:
    """Both spellings of a setting, quoted white space, the last one of a name; other switches are left out."""
    assert asked_for(options) == expected


@pytest.fixture(scope="module", params=["transaction", "session"])
def pool(request: pytest.FixtureRequest, pgbouncer: str, postgres: Server) -> Iterator[str]:
    """A pooler that drops `options`, in both modes."""
    with bouncer(pgbouncer, postgres, request.param, "ignore_startup_parameters = options") as url:
        yield url


@pytest.fixture
def tenants(tmp_path: Path, database: str) -> str:
    """A schema for each of two tenants, and a folder with one migration."""
    (tmp_path / "001_orders.up.sql").write_text("create table orders ();")
    with psycopg.connect(database) as conn:
        conn.execute("create schema tenant_a; create schema tenant_b; create table tenant_b.kept ()")
    return database


ENTRANCES: dict[str, Callable[[str, Path], object]] = {
    "up": lambda url, folder: list(up_down.up(url, load(folder))),
    "up --dry-run": lambda url, folder: list(up_down.up(url, load(folder), dry_run=True)),
    "down": lambda url, folder: list(up_down.down(url, load(folder))),
    "status": lambda url, folder: status.status(url, load(folder)),
    "verify": lambda url, folder: status.verify(url, load(folder)),
    "log": lambda url, _: status.log(url),
    "baseline": lambda url, folder: repair.baseline(url, load(folder), "001"),
}


@pytest.mark.parametrize("entrance", ENTRANCES.values(), ids=ENTRANCES)
def test_a_search_path_that_the_pooler_drops(
    entrance: Callable[[str, Path], object], pool: str, tenants: str, tmp_path: Path
) -> None:
    """Nothing is looked up or executed in `public` in place of the tenant's schema."""
    url = f"{pool}{conninfo_to_dict(tenants)['dbname']}?options=-csearch_path%3Dtenant_b"

    with pytest.raises(ServerError) as refused:
        entrance(url, tmp_path)

    assert refused.value.message == f'search_path was asked for as tenant_b, and is "$user", public: {DROPPED}'
    assert database_state.relations(tenants) == ["tenant_b.kept"]


ASKED = {
    "-crole=pg_monitor": "role was asked for as pg_monitor, and is none",
    "-cdefault_transaction_read_only=on": "default_transaction_read_only was asked for as on, and is off",
    "-cstatement_timeout=7000": "statement_timeout was asked for as 7000, and is 0",
    "-cnot.known=5": "not.known was asked for, and is not set",
    "-cpost_auth_delay=1": "post_auth_delay was asked for as 1, and is 0",
}


@pytest.mark.parametrize(("options", "expected"), ASKED.items())
def test_other_settings_that_the_pooler_drops(options: str, expected: str, pool: str, tenants: str) -> None:
    """Role, read-only, timeouts, settings of an application: each is compared."""
    url = make_conninfo(f"{pool}{conninfo_to_dict(tenants)['dbname']}", options=options)

    with pytest.raises(ServerError) as refused:
        status.status(url, [])

    assert refused.value.message.startswith(expected)
    assert refused.value.message.endswith(DROPPED)


def test_options_of_the_environment(pool: str, tenants: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """PGOPTIONS asks as the URL does."""
    monkeypatch.setenv("PGOPTIONS", "-csearch_path=tenant_a")
    with pytest.raises(ServerError, match="search_path was asked for as tenant_a"):
        status.status(f"{pool}{conninfo_to_dict(tenants)['dbname']}", [])


HELD = [
    r"-csearch_path=tenant_b", r"-csearch_path=tenant_a,\ tenant_b", '-csearch_path="tenant_b"', "-crole=pg_monitor",
    "-cstatement_timeout=7000", "-cwork_mem=65536", "-cenable_seqscan=false", "-cdatestyle=iso", "-cnot.known=5",
    "-cpost_auth_delay=0", "-ctimezone=utc",
]  # fmt: skip


@pytest.mark.parametrize("options", HELD)
def test_a_setting_that_the_server_writes_in_another_way(options: str, every_database: str) -> None:
    """Without a pooler every setting holds, however it is written."""
    with psycopg.connect(every_database) as conn:
        conn.execute("create schema tenant_a; create schema tenant_b")

    planned = status.status(make_conninfo(every_database, options=options), [])

    assert [name for name, _ in planned.state.server.asked] == [options.removeprefix("-c").split("=")[0]]


def test_asking_costs_no_round_trip(tenants: str, tmp_path: Path) -> None:
    """The values come with the answer that tells which server it is."""
    list(up_down.up(make_conninfo(tenants, options="-csearch_path=tenant_a"), load(tmp_path)))
    with TurnCounter(tenants) as proxy:
        status.status(make_conninfo(proxy.url, options="-csearch_path=tenant_a"), [])
        assert proxy.turns == 2
