"""What answers as PostgreSQL: other databases are refused before anything is written, what is made from it is not."""

from __future__ import annotations

from pathlib import Path

import pytest
from in_process import Quick
from other_engines import OtherEngine

from sqlmigrate.database.connect import open_connection
from sqlmigrate.database.engines import refuse_parameters, refuse_version
from sqlmigrate.errors import ServerError

# What each says in answer to `version()`, the end left out where it is long: PostgreSQL itself, as it is hosted, and
# what is made from it. Citus, TimescaleDB and PostGIS are extensions: with them, the server says what it says without.
POSTGRESQL = {
    "PostgreSQL": "PostgreSQL 18.2 on x86_64-pc-linux-gnu, compiled by gcc (GCC) 11.5.0 20240719, 64-bit",
    "Debian": "PostgreSQL 15.18 (Debian 15.18-1.pgdg12+1) on x86_64-pc-linux-gnu, compiled by gcc, 64-bit",
    "a version in development": "PostgreSQL 19devel on x86_64-pc-linux-gnu, compiled by gcc, 64-bit",
    "Windows": "PostgreSQL 16.1, compiled by Visual C++ build 1937, 64-bit",
    "Windows since 17": "PostgreSQL 17.6 on x86_64-windows, compiled by msvc-19.44.35213, 64-bit",
    "RDS": (
        "PostgreSQL 17.7 on aarch64-unknown-linux-gnu, compiled by aarch64-unknown-linux-gnu-gcc (GCC) 10.5.0, 64-bit"
    ),
    "Aurora": (
        "PostgreSQL 15.6 on aarch64-unknown-linux-gnu, compiled by aarch64-unknown-linux-gnu-gcc (GCC) 9.5.0, 64-bit"
    ),
    "Cloud SQL": "PostgreSQL 15.6 on x86_64-pc-linux-gnu, compiled by Debian clang version 12.0.1, 64-bit",
    "AlloyDB": "PostgreSQL 17.7 on x86_64-pc-linux-gnu, compiled by Debian clang version 12.0.1, 64-bit",
    "Neon": (
        "PostgreSQL 17.5 (6bc9ef8) on aarch64-unknown-linux-gnu, compiled by gcc (Debian 12.2.0-14+deb12u1) 12.2.0"
    ),
    "Supabase": "PostgreSQL 17.6 on aarch64-unknown-linux-gnu, compiled by gcc (GCC) 13.2.0, 64-bit",
    "EDB": (
        "PostgreSQL 17.4 (EnterpriseDB Advanced Server 17.4.0) on x86_64-pc-linux-gnu, compiled by gcc (GCC) 11.5.0"
    ),
    "Percona": "PostgreSQL 18.1 - Percona Server for PostgreSQL 18.1.1 on x86_64-pc-linux-gnu, compiled by gcc, 64-bit",
    "IvorySQL": "PostgreSQL 18.1 (IvorySQL 5.1) on x86_64-pc-linux-gnu, compiled by gcc (GCC) 9.5.0, 64-bit",
    "OrioleDB": (
        "PostgreSQL 17.6 (OrioleDB 1.6-beta14) on aarch64-unknown-linux-gnu, compiled by gcc (GCC) 11.5.0, 64-bit"
    ),
    "PolarDB": "PostgreSQL 15.16 (PolarDB 15.16.5.0 build 710ce891) on x86_64-linux-gnu",
    "pgEdge": "PostgreSQL 17.7 (pgEdge 5.0.5) on x86_64-pc-linux-gnu, compiled by gcc (GCC) 11.5.0, 64-bit",
    "Babelfish": "Babelfish 17.7 on x86_64-pc-linux-gnu, compiled by gcc (GCC) 11.5.0 20240719, 64-bit",
    "openHalo": "openHalo 1.0.14.18 (260226) on x86_64-pc-linux-gnu, compiled by gcc (GCC) 11.5.0, 64-bit",
}
# The parameters that others send at the start, what they answer to `version()`, and how we name them.
OTHERS = {
    "CockroachDB": (
        {"server_version": "13.0.0", "crdb_version": "CockroachDB CCL v25.3.0 (x86_64-pc-linux-gnu, built 2025/08/14)"},
        "CockroachDB CCL v25.3.0 (x86_64-pc-linux-gnu, built 2025/08/14 18:25:15, go1.23.7 X:nocoverageredesign)",
        "CockroachDB 25.3.0, not PostgreSQL: it commits before every schema change",
    ),
    "YugabyteDB": (
        {"server_version": "15.12-YB-2025.2.3.2-b0"},
        "PostgreSQL 15.12-YB-2025.2.3.2-b0 on x86_64-pc-linux-gnu, compiled by clang version 19.1.0, 64-bit",
        "YugabyteDB 2025.2.3.2, not PostgreSQL: unless it is told otherwise, it commits each schema change by itself",
    ),
    "YugabyteDB that says it is 11": (
        {"server_version": "11.2-YB-2.21.1.0-b0"},
        "PostgreSQL 11.2-YB-2.21.1.0-b0 on x86_64-pc-linux-gnu, compiled by clang version 17.0.6, 64-bit",
        "YugabyteDB 2.21.1.0, not PostgreSQL",
    ),
    "CrateDB": (
        {"server_version": "14.0", "crate_version": "5.10.10"},
        "CrateDB 5.10.10 (built 8f8e4c3/NA, Linux 6.1.0 amd64, OpenJDK 64-Bit Server VM 24)",
        "CrateDB 5.10.10, not PostgreSQL: it has no transactions of several statements",
    ),
    "Materialize": (
        {"server_version": "9.5.0", "mz_version": "v26.36.0 (f2eb75e0)"},
        "PostgreSQL 9.5 on x86_64-unknown-linux-gnu (Materialize 26.36.0)",
        "Materialize 26.36.0, not PostgreSQL: it executes no schema changes in a transaction",
    ),
    "RisingWave": (
        {"server_version": "13.14.0"},
        "PostgreSQL 13.14.0-RisingWave-3.0.3 (ec07f2eb759bd2d8a12a55b030bf581b82adb4b9)",
        "RisingWave 3.0.3, not PostgreSQL: it has no transactions of several statements",
    ),
    "Redshift": (
        {"server_version": "8.0.2"},
        "PostgreSQL 8.0.2 on i686-pc-linux-gnu, compiled by GCC gcc (GCC) 3.4.2 20041017, Redshift 1.0.68205",
        "Amazon Redshift 1.0.68205, not PostgreSQL: it has no advisory locks",
    ),
    "Greenplum": (
        {"server_version": "12.12"},
        "PostgreSQL 12.12 (Greenplum Database 7.1.0 build commit:27de6dc6) on x86_64-pc-linux-gnu, compiled by gcc",
        "Greenplum 7.1.0, not PostgreSQL: its tables are on several servers",
    ),
    "Cloudberry": (
        {"server_version": "14.4"},
        "PostgreSQL 14.4 (Apache Cloudberry 2.0.0-incubating build 1) on aarch64-unknown-linux-gnu, compiled by gcc",
        "Cloudberry 2.0.0, not PostgreSQL: its tables are on several servers",
    ),
    "QuestDB": (
        {"server_version": "12.3"},
        "PostgreSQL 12.3, compiled by Visual C++ build 1914, 64-bit, QuestDB",
        "QuestDB, not PostgreSQL: it has no transactions of several statements",
    ),
    "H2": (
        {"server_version": "8.2.23"},
        "PostgreSQL 8.2.23 server protocol using H2 2.3.232 (2024-08-11)",
        "H2 2.3.232, not PostgreSQL: it commits with every schema change",
    ),
    "openGauss": (
        {"server_version": "9.2.4"},
        "(openGauss 5.0.0 build a07d57c3) compiled at 2023-03-29 03:09:38 commit 0 last mr",
        "openGauss 5.0.0, not PostgreSQL: it was made from PostgreSQL 9.2",
    ),
    "Spanner's PGAdapter": (
        {"server_version": "14.1"},
        "PostgreSQL 14.1",
        "not PostgreSQL: it calls itself `PostgreSQL 14.1`",
    ),
}
COMMANDS = [["up"], ["up", "--dry-run"], ["down"], ["status"], ["verify"], ["log"], ["baseline", "1"], ["repair", "1"]]
COMMANDS += [["reset", "--yes"], ["drift"], ["adopt"]]


@pytest.fixture
def quick(tmp_path: Path) -> Quick:
    made = Quick(tmp_path, {})
    made.write(**{"001_a.up.sql": "create table a ();", "001_a.down.sql": "drop table a;"})
    return made


@pytest.mark.parametrize("version", POSTGRESQL.values(), ids=POSTGRESQL)
def test_postgresql_wherever_it_runs_is_accepted(version: str) -> None:
    refuse_version("db:5432", version)
    refuse_parameters("db:5432", {"server_version": version.removeprefix("PostgreSQL ").split(" on ")[0]}.get)


@pytest.mark.parametrize(("parameters", "version", "message"), OTHERS.values(), ids=OTHERS)
@pytest.mark.parametrize("command", [["up"], ["status"]], ids=" ".join)
def test_another_database_is_refused_before_anything_is_written(
    command: list[str], parameters: dict[str, str], version: str, message: str, quick: Quick
) -> None:
    """It is named, with the reason. It may lack the functions that the first request of ours calls."""
    with OtherEngine(parameters, version) as server:
        shown = quick(*command, "--database-url", server.url)

    assert shown.code == 1
    assert message in " ".join(shown.stderr.split())
    assert server.place in " ".join(shown.stderr.split())
    assert "nothing was changed" in shown.stderr
    assert not [sql for sql in server.asked if not sql.startswith(("begin read only", "select", "rollback"))]


@pytest.mark.parametrize("name", ["CockroachDB", "YugabyteDB"])
def test_what_is_known_at_the_start_is_asked_nothing(name: str) -> None:
    """The parameters are there when libpq has connected."""
    parameters, version, _ = OTHERS[name]
    with OtherEngine(parameters, version) as server, pytest.raises(ServerError):
        open_connection(server.url)

    assert server.asked == []


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_refuses(command: list[str], quick: Quick) -> None:
    """A history on such a server tells what is not true, so reading commands are refused as well."""
    parameters, version, message = OTHERS["CockroachDB"]
    with OtherEngine(parameters, version) as server:
        shown = quick(*command, "--database-url", server.url)

    assert message in " ".join(shown.stderr.split())


def test_a_database_that_knows_all_our_functions_is_known_by_its_version(quick: Quick) -> None:
    """`version()` is a column of the first request: where that succeeds, nothing else is asked."""
    version = OTHERS["RisingWave"][1]
    identity = (
        "app",
        "app",
        "13.14.0",
        "1",
        "false",
        "off",
        version,
        "7",
        "2026-01-01 00:00:00",
        "2026-01-01 00:00:00",
    )
    with OtherEngine({"server_version": "13.14.0"}, version, identity) as server:
        shown = quick("status", "--database-url", server.url)

    assert "RisingWave 3.0.3, not PostgreSQL" in " ".join(shown.stderr.split())
    assert "select version()" not in server.asked


def test_an_old_postgresql_is_told_its_version() -> None:
    version = "PostgreSQL 12.22 (Debian 12.22-1.pgdg12+1) on x86_64-pc-linux-gnu, compiled by gcc, 64-bit"
    with OtherEngine({"server_version": "12.22"}, version) as server, pytest.raises(ServerError) as raised:
        open_connection(server.url)

    assert raised.value.message == f"{server.place} is PostgreSQL 12.22; sqlmigrate needs 13 or newer"
