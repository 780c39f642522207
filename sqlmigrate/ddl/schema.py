"""Everything that is read of a database to write its schema as SQL."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import psycopg

from sqlmigrate.catalog import dependencies, read
from sqlmigrate.catalog.dependencies import Needs
from sqlmigrate.catalog.objects import Catalog
from sqlmigrate.database.session import Request, Session

# The validators of both languages are what CREATE FUNCTION calls; a block catches what they raise.
# https://www.postgresql.org/docs/current/plhandler.html
_REFUSED = "sqlmigrate.refused"
_VALIDATE = f"""\
do $$
declare
    one record;
    refused text := '';
begin
    for one in
        select p.oid, l.lanname
          from pg_catalog.pg_proc p join pg_catalog.pg_language l on l.oid = p.prolang
         where l.lanname in ('sql', 'plpgsql') and p.oid >= 16384 and p.prosrc <> ''
    loop
        begin
            if one.lanname = 'sql' then
                perform pg_catalog.fmgr_sql_validator(one.oid);
            else
                perform pg_catalog.plpgsql_validator(one.oid);
            end if;
        exception
        when insufficient_privilege then  -- on the function: nothing is known of its body
            null;
        when others then
            refused := refused || ' ' || one.oid;
        end;
    end loop;
    perform pg_catalog.set_config('{_REFUSED}', refused, true);
end $$"""


@dataclass(frozen=True)
class Schema:
    """The schema of a database.

    Attributes:
        catalog: its objects
        needs: what they need of each other
        unchecked: the OIDs of functions whose bodies PostgreSQL would refuse, if it checked them
        own_role: the role that is not named as an owner: the one that executes the statements; empty to name all
    """

    catalog: Catalog
    needs: Needs
    unchecked: frozenset[int] = frozenset()
    own_role: str = ""


def read_schema(session: Session, ignore: Collection[str] = ()) -> Schema:
    """Read the schema of a database, as it is at one moment; leave out the tables of `ignore` (``public.migrations``).

    Writes nothing. `session` is in no transaction before and after.
    """
    quiet = Request("set local client_min_messages = error")
    refused = Request(f"select pg_catalog.current_setting('{_REFUSED}')")
    path = Request("set local search_path to default")  # the names in bodies are those of the session
    also = (*dependencies.requests(session), quiet, path, Request(_VALIDATE), refused)
    try:
        catalog, (members, needs, *_, refusals) = read.read_in_one_turn(session, also)
    except psycopg.Error:
        session.abort()
        raise
    objects = {key: each for key, each in catalog.objects.items() if each.table not in ignore}
    unchecked = frozenset(int(oid) for oid in (refusals[0][0] or "").split())
    return Schema(Catalog(objects), dependencies.needs_of(members, needs), unchecked)
