"""The history tables of other migration tools, as records: how each is recognised, and what its rows say.

They are recognised by their columns: most tools let users choose the name of the table. A new tool is one more record.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property


@dataclass(frozen=True)
class Tool:
    """A migration tool and its history table. The SQL reads one row of the table, as `t`.

    Attributes:
        name: The tool.
        columns: The columns by which the table is recognised, as they are called in the catalog.
        version: SQL of the version, or of the name that has it.
        has_more: Whether the table may have other columns too.
        file: SQL of the name of the executed file, where `version` does not lead to it.
        executed: SQL that tells whether the row counts; ``{table}`` is the table.
        order: SQL that sorts the rows by execution.
        trouble: SQL that tells whether the row says that a migration failed or is not finished.
        is_one_row: Whether the table has only the newest version.
        values: What all versions look like, where the columns alone say too little.
        type: The type of the column `version`, where it tells two tools apart.
    """

    name: str
    columns: str
    version: str
    has_more: bool = False
    file: str = "null"
    executed: str = "true"
    order: str = "1"
    trouble: str = "false"
    is_one_row: bool = False
    values: str = ""
    type: str = ""

    @cached_property
    def names(self) -> frozenset[str]:
        """The columns, as a set."""
        return frozenset(self.columns.split())

    def fits(self, columns: frozenset[str], version_type: str) -> bool:
        """Tell whether a table with these columns is its history, as far as columns tell."""
        if self.type and self.type != version_type:
            return False
        return self.names <= columns if self.has_more else self.names == columns

    def query(self, table: str) -> str:
        """Return the SQL that reads its rows, in the order of execution; `table` is quoted."""
        executed = self.executed.format(table=table)
        return (
            f"select ({self.version})::text, ({self.file})::text, ({executed})::text, ({self.trouble})::text "
            f"from {table} t order by {self.order}"
        )


_DIGITS = r"\d+"
_STARTS_WITH_DIGITS = r"\d{2,}.*|.*\.(js|ts|mjs|cjs|sql|rb)"
_FLYWAY_UNDONE = (
    "exists (select from {table} l where l.version = t.version and l.installed_rank > t.installed_rank "
    "and (l.type like 'UNDO%' or l.type = 'DELETE'))"
)
_GOOSE_UNDONE = "exists (select from {table} l where l.version_id = t.version_id and l.id > t.id and not l.is_applied)"

# Where two fit, the first one counts; those with more columns come first.
TOOLS = (
    Tool(
        "sqlmigrate", "version name status checksum up_sql down_sql statements_done", "version", has_more=True,
        file="version || '_' || name", executed="status in ('executed', 'baseline')", order="executed_at, version",
    ),
    Tool(
        "Flyway",
        "installed_rank version description type script checksum installed_by installed_on execution_time success",
        "version",
        has_more=True,
        file="script",
        executed="success and version is not null and type <> 'SCHEMA' and type not like 'UNDO%' "
        f"and not {_FLYWAY_UNDONE}",
        order="installed_rank",
        trouble="not success",
    ),
    Tool(
        "Liquibase",
        "id author filename dateexecuted orderexecuted exectype md5sum",
        "id",
        has_more=True,
        file="filename",
        order="orderexecuted",
        trouble="exectype = 'FAILED'",
    ),
    Tool("Sqitch", "change_id script_hash change project committed_at", "change", has_more=True, order="committed_at"),
    Tool(
        "Prisma",
        "id checksum finished_at migration_name rolled_back_at started_at applied_steps_count",
        "migration_name",
        has_more=True,
        executed="finished_at is not null and rolled_back_at is null",
        order="started_at",
        trouble="finished_at is null and rolled_back_at is null",
    ),
    Tool(
        "Atlas",
        "version description applied total executed_at hash operator_version",
        "version",
        has_more=True,
        executed="applied >= total",
        order="executed_at",
        trouble="applied < total",
    ),
    Tool("pgroll", "schema name migration done parent", "name", has_more=True, order="created_at", trouble="not done"),
    Tool(
        "Play evolutions", "id hash applied_at apply_script revert_script state last_problem", "id",
        executed="state = 'applied'", order="id", trouble="state <> 'applied'",
    ),
    Tool("graphile-migrate", "hash previous_hash filename date", "filename", order="filename"),
    Tool("Supabase", "version statements", "version", has_more=True, order="version"),
    Tool(
        "goose", "id version_id is_applied tstamp", "version_id",
        executed=f"is_applied and version_id > 0 and not {_GOOSE_UNDONE}", order="id",
    ),
    Tool(
        "sqlx", "version description installed_on success checksum execution_time", "version",
        executed="success", order="version", trouble="not success",
    ),
    Tool("refinery", "version name applied_on checksum", "version", order="version"),
    Tool("pgmigrate", "version description type installed_by installed_on", "version", order="version"),
    Tool("yoyo", "migration_hash migration_id applied_at_utc", "migration_id", order="applied_at_utc"),
    Tool("yoyo", "id ctime", "id", order="ctime", values=_STARTS_WITH_DIGITS),
    Tool("Phinx", "version migration_name start_time end_time breakpoint", "version", order="version"),
    Tool("Doctrine", "version executed_at execution_time", "version", order="version"),
    Tool(
        "Evolve", "id type version description name checksum installed_by installed_on success", "version", order="id"
    ),
    Tool("Drizzle", "id hash created_at", "created_at", order="created_at"),
    Tool("Knex", "id name batch migration_time", "name", order="id"),
    Tool("node-pg-migrate", "id name run_on", "name", order="id"),
    Tool("postgres-migrations", "id name hash executed_at", "name", order="id"),
    Tool("MikroORM", "id name executed_at", "name", order="id"),
    Tool("bun", "id name group_id migrated_at", "name", order="id"),
    Tool("Peewee", "id name migrated_at", "name", order="id"),
    Tool("TypeORM", "id timestamp name", '"timestamp"', order='"timestamp"'),
    Tool("Kysely", "name timestamp", "name", order='"timestamp"'),
    Tool("Laravel", "id migration batch", "migration", order="id"),
    Tool("Django", "id app name applied", "app || '.' || name", order="id"),
    Tool("Aerich", "id version app content", "version", order="id"),
    Tool("sql-migrate", "id applied_at", "id", order="id", values=_STARTS_WITH_DIGITS),
    Tool("MyBatis Migrations", "id applied_at description", "id", order="id"),
    Tool("Migratus", "id applied description", "id", order="id"),
    Tool("go-pg", "id version created_at", "version", order="id"),
    Tool("DbUp", "schemaversionsid scriptname applied", "scriptname", order="schemaversionsid"),
    Tool("EF Core", "MigrationId ProductVersion", '"MigrationId"', order="1"),
    Tool("EF Core", "migration_id product_version", "migration_id", order="1"),
    Tool("FluentMigrator", "Version AppliedOn Description", '"Version"', order="1"),
    Tool("SeaORM", "version applied_at", "version", order="version"),
    Tool("Diesel", "version run_on", "version", order="version"),
    Tool("Ecto", "version inserted_at", "version", order="version", values=_DIGITS),
    Tool("morph", "version name", "version", order="version", values=_DIGITS),
    Tool(
        "golang-migrate", "version dirty", "version", trouble="dirty", is_one_row=True
    ),
    Tool("Alembic", "version_num", "version_num"),
    Tool(
        "tern", "version", "pg_catalog.abs(version)", executed="version <> 0", is_one_row=True, type="integer"
    ),
    Tool("dbmate", "version", "version", order="version", values=_DIGITS),
    Tool("Sequelize", "name", "name", order="name", values=_STARTS_WITH_DIGITS),
    Tool("Sequel", "filename", "filename", order="filename", values=_STARTS_WITH_DIGITS),
)  # fmt: skip

# Other tables of these tools: locks, logs, settings. They belong to no application.
_COMPANIONS = frozenset(
    (
        "id locked lockgranted lockedby", "lock_id locked locked_at locked_by lease_expires_at updated_at",
        "locked ctime pid", "version installed_at_utc", "index is_locked", "id is_locked", "filename content date",
        "path hash", "id expireat", "key value created_at updated_at",
        "project uri created_at creator_name creator_email",
        "id migration_hash migration_id operation username hostname comment created_at_utc",
    )
)  # fmt: skip
_RAILS = "key value created_at updated_at"
_SQITCH = "sqitch"


def exact() -> Iterator[str]:
    """Return the columns of all tables that have no others, sorted and separated by blanks."""
    for columns in (*(tool.columns for tool in TOOLS if not tool.has_more), *_COMPANIONS):
        yield " ".join(sorted(columns.split()))


def contained() -> Iterator[str]:
    """Return the columns of all tables that may have others, separated by blanks."""
    yield from (tool.columns for tool in TOOLS if tool.has_more)


def is_companion(schema: str, columns: frozenset[str]) -> bool:
    """Tell whether a table belongs to another tool without being its history."""
    return schema == _SQITCH or any(columns == frozenset(each.split()) for each in _COMPANIONS)


def tool_for(columns: frozenset[str], version_type: str) -> Tool | None:
    """Return the tool whose history has these columns; `version_type` is the type of the column `version`."""
    return next((tool for tool in TOOLS if tool.fits(columns, version_type)), None)


def name_of(tool: Tool, versions: Sequence[str], neighbours: Iterable[frozenset[str]]) -> str | None:
    """Return the tool's name, seen what its table holds; None if it is the table of an application.

    `neighbours` are the columns of the other tables of tools in its schema.
    """
    if tool.values and not all(re.fullmatch(tool.values, version) for version in versions):
        return None
    return "Rails" if tool.name == "dbmate" and frozenset(_RAILS.split()) in neighbours else tool.name
