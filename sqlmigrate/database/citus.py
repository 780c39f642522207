"""Citus: PostgreSQL on several servers. Tables are distributed over workers; a coordinator takes schema changes.

https://docs.citusdata.com/en/stable/develop/api_metadata.html
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from psycopg import errors as pg

from .session import BEGIN_READ_ONLY, COMMIT, Request, Session

# For the select list of a query that is sent to every server.
VERSION_COLUMN = "(select extversion from pg_catalog.pg_extension where extname = 'citus')"
_OLDEST_WITH_DISTRIBUTED_SCHEMAS = 12


@dataclass(frozen=True)
class Citus:
    """The node of a Citus cluster that a session is connected to.

    Attributes:
        version: The version of the extension.
        is_worker: Whether it is a worker. A worker takes no schema changes.
        coordinator: Host and port of the coordinator, as the nodes reach it; empty if it is not known.
        distributes: Whether the table that was asked for is distributed, or managed by Citus; of one that does not
            exist, whether it would be.
    """

    version: str
    is_worker: bool = False
    coordinator: str = ""
    distributes: bool = False

    @property
    def major(self) -> int:
        """The major version of the extension."""
        return int(self.version.partition(".")[0])


def citus_of(version: str | None) -> Citus | None:
    """Return the node, of which only the version is known yet, from the value of `VERSION_COLUMN`."""
    return None if version is None else Citus(version)


_NODE = """\
select (select groupid <> 0 from pg_catalog.pg_dist_local_group)::text,
       (select pg_catalog.concat(nodename, ':', nodeport) from pg_catalog.pg_dist_node
         where groupid = 0 and noderole = 'primary' limit 1),
       (case when pg_catalog.to_regclass($2) is not null
             then exists (select 1 from pg_catalog.pg_dist_partition
                           where logicalrelid = pg_catalog.to_regclass($2))
             else {would_distribute} end)::text
 where $1::text is not null"""
_MANAGED = "coalesce(pg_catalog.current_setting('citus.use_citus_managed_tables', true) = 'on', false)"
_OF_SCHEMA = "exists (select 1 from pg_catalog.pg_dist_schema where schemaid = pg_catalog.to_regnamespace($1))"


def look(session: Session, citus: Citus, schema: str, table: str) -> Citus:
    """Find out which node it is, and about one table, in one round trip.

    Args:
        session: The session.
        citus: The node, as `citus_of` gives it.
        schema: The schema of the table, as it is written in SQL.
        table: The qualified name of the table, as it is written in SQL.
    """
    would = f"{_MANAGED} or {_OF_SCHEMA}" if citus.major >= _OLDEST_WITH_DISTRIBUTED_SCHEMAS else _MANAGED
    request = Request(_NODE.format(would_distribute=would), (schema, table))
    try:
        _, rows, _ = session.ask(BEGIN_READ_ONLY, request, COMMIT)
    except (pg.InsufficientPrivilege, pg.UndefinedTable):
        session.abort()
        return citus
    return _node(citus.version, rows[0])


def _node(version: str, row: Sequence[str | None]) -> Citus:
    is_worker, coordinator, distributes = row
    return Citus(version, is_worker == "true", coordinator or "", distributes == "true")


_PROPAGATE = Request("set local citus.propagate_set_commands to 'local'", quiet=True)
_DO_NOT = Request("set local citus.propagate_set_commands to default", quiet=True)


def on_all_nodes(set_local: Request) -> tuple[Request, ...]:
    """Give what executes a SET LOCAL on the workers as well, for the transaction that is open.

    What follows is executed as the session has it: a SET LOCAL of a file stays on the coordinator.
    """
    return _PROPAGATE, set_local, _DO_NOT
