"""The rights of a template's builder, and how what it built is brought down to those of the restricted owner.

Merged migrations are trusted: they are executed with the rights of the server's superuser, as production's deployer
executed them. The role that executes them becomes a superuser for that time, so that it owns what they create, as the
deployer does. New migrations are executed by the same role, which is not a superuser then. What the merged ones
left must not give it more rights: every way is closed by a function of this module.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from typing import Literal

import psycopg

from sqlmigrate.database.session import Request, Session
from sqlmigrate.errors import ServerError
from sqlmigrate.identifiers import quoted

from .server import Place, try_all

# restricted: built and cloned without a superuser. merged: built as a superuser, brought down before it is cloned.
# trusted: built and used as a superuser.
Rights = Literal["restricted", "merged", "trusted"]

_V15, _V16 = 150000, 160000
_FIRST_OWN_OID = 16384  # FirstNormalObjectId: below it are the objects of initdb

_HARMLESS_ROLES = (
    "pg_database_owner", "pg_maintain", "pg_monitor", "pg_read_all_data", "pg_read_all_settings", "pg_read_all_stats",
    "pg_stat_scan_tables", "pg_write_all_data",
)  # fmt: skip
_HARMLESS_ELSEWHERE = ("pg_database_owner",)  # on a server that others use, all data are theirs, too

# Extensions that are not marked as trusted and yet reach nothing outside their database, unless a superuser calls them.
_HARMLESS_EXTENSIONS = (
    "address_standardizer", "amcheck", "bloom", "hll", "hypopg", "pageinspect", "pg_bigm", "pg_buffercache",
    "pg_freespacemap", "pg_partman", "pg_stat_statements", "pg_visibility", "pgrouting", "pgrowlocks", "pgstattuple",
    "plpgsql_check", "postgis", "postgis_raster", "postgis_sfcgal", "postgis_tiger_geocoder", "postgis_topology",
    "rum", "timescaledb", "vector",
)  # fmt: skip

# The predefined roles that `roles.make` drops before 16, and their OIDs:
# https://github.com/postgres/postgres/blob/REL_15_STABLE/src/include/catalog/pg_authid.dat
_REACH_OUT = {"pg_read_server_files": 4569, "pg_write_server_files": 4570, "pg_execute_server_program": 4571}
_LEND = """\
insert into pg_catalog.pg_authid (oid, rolname, rolsuper, rolinherit, rolcreaterole, rolcreatedb, rolcanlogin,
                                  rolreplication, rolbypassrls, rolconnlimit)
select {oid}, '{name}', false, true, false, false, false, false, false, -1
 where not exists (select from pg_catalog.pg_authid where oid = {oid})"""

_ROLE_NAMES = "select rolname::text from pg_catalog.pg_roles"
_MEMBER_OF = """\
select r.rolname::text from pg_catalog.pg_auth_members m join pg_catalog.pg_roles r on r.oid = m.roleid
 where m.member = (select oid from pg_catalog.pg_roles where rolname = current_user) and r.rolname <> $1"""

_MEMBER = "classid = '{0}'::regclass and objid = x.oid and deptype = 'e' and refclassid = 'pg_extension'::regclass"
_IS_OWN = f"x.oid >= {_FIRST_OWN_OID}"
_STANDS_ALONE = """\
 and x.relkind in ('r', 'p', 'v', 'm', 'f', 'S')
 and not exists (select from pg_depend where x.relkind = 'S' and deptype in ('a', 'i')
                    and classid = 'pg_class'::regclass and objid = x.oid)"""
_IS_TYPE = """\
 and x.typtype <> 'm' and not exists (select from pg_type where typarray = x.oid)
 and not exists (select from pg_class where oid = x.typrelid and relkind <> 'c')"""

# The catalogs of all objects that a migration can make: how their columns begin, and which of their rows count.
_CATALOGS = {
    "pg_class": ("rel", _IS_OWN + _STANDS_ALONE),
    "pg_proc": ("pro", _IS_OWN),
    "pg_type": ("typ", _IS_OWN + _IS_TYPE),
    "pg_operator": ("opr", _IS_OWN),
    "pg_opclass": ("opc", _IS_OWN),
    "pg_opfamily": ("opf", _IS_OWN),
    "pg_conversion": ("con", _IS_OWN),
    "pg_collation": ("coll", _IS_OWN),
    "pg_ts_dict": ("dict", _IS_OWN),
    "pg_ts_config": ("cfg", _IS_OWN),
    "pg_foreign_data_wrapper": ("fdw", _IS_OWN),
    "pg_foreign_server": ("srv", _IS_OWN),
    "pg_event_trigger": ("evt", _IS_OWN),
    "pg_language": ("lan", _IS_OWN),
    "pg_publication": ("pub", _IS_OWN),
    "pg_statistic_ext": ("stx", _IS_OWN),
    "pg_namespace": ("nsp", f"({_IS_OWN} or x.nspname = 'public')"),
    "pg_largeobject_metadata": ("lom", "true"),
}
_KNOWN_AS = {"pg_largeobject_metadata": "pg_largeobject"}  # to pg_identify_object
_OWNED = "\nunion all\n".join(
    f"select '{_KNOWN_AS.get(catalog, catalog)}'::regclass::oid as class, x.oid, x.{prefix}owner as owner"
    f" from {catalog} x where not exists (select from pg_depend where {_MEMBER.format(catalog)}) and {condition}"
    for catalog, (prefix, condition) in _CATALOGS.items()
)

# Every object that belongs to a role from outside: a function with SECURITY DEFINER would be executed with its rights,
# and so would a trigger that a foreign key fires. Objects in pg_catalog stay out of reach.
_GIVE = f"""\
with found as ({_OWNED})
select format('alter %s %s owner to %I',
              case it.type when 'statistics object' then 'statistics' when 'composite type' then 'type'
                           else it.type end,
              it.identity, case when it.schema in ('pg_catalog', 'information_schema') then $2 else $3 end)
  from found cross join lateral pg_identify_object(found.class, found.oid, 0) it
  join pg_roles role on role.oid = found.owner
 where not (to_jsonb(array[role.rolname::text]) <@ $1::jsonb or role.rolname = 'pg_database_owner')
   and role.rolname <> case when it.schema in ('pg_catalog', 'information_schema') then $2 else $3 end"""

# Functions of extensions that are written in C belong to the superuser, as with CREATE EXTENSION by another role.
_IN_EXTENSIONS = f"""\
select p.oid::text, format('alter %s %s owner to %I', it.type, it.identity, $1::text),
       ((p.prosecdef or not (coalesce(v.trusted, false) or to_jsonb(array[e.extname::text]) <@ $2::jsonb))
        and not to_jsonb(array[e.extname::text]) <@ $3::jsonb)::text
  from pg_depend d
  join pg_proc p on d.classid = 'pg_proc'::regclass and d.objid = p.oid and d.deptype = 'e'
  join pg_language l on l.oid = p.prolang and not l.lanpltrusted
  join pg_extension e on d.refclassid = 'pg_extension'::regclass and d.refobjid = e.oid
  left join pg_available_extension_versions v on v.name = e.extname and v.version = e.extversion
 cross join lateral pg_identify_object('pg_proc'::regclass, p.oid, 0) it
 where p.oid >= {_FIRST_OWN_OID}"""
_CLOSE = """\
update pg_proc set proacl = array[makeaclitem(proowner, proowner, 'EXECUTE', false)]
 where to_jsonb(array[oid::text]) <@ $1::jsonb"""

# Functions in a language that can reach everything. Those that are only another name of a function that everyone may
# call stay as they are, and so do the constructors of ranges, which CREATE TYPE makes.
_UNTRUSTED = f"""\
update pg_proc x
   set prolang = (select oid from pg_language where lanname = 'plpgsql'), probin = null,
       prosrc = $$begin raise exception using errcode = '42501', message = $$
             || quote_literal('permission denied: ' || x.proname || ' is written in an untrusted language') || $$; end$$
  from pg_language l
 where l.oid = x.prolang and not l.lanpltrusted and {_IS_OWN} and x.prokind <> 'a'
   and x.prosrc !~ '^(multi)?range_constructor[0-3]$'
   and not exists (select from pg_depend where {_MEMBER.format("pg_proc")})
   and not exists (select from pg_proc b where b.oid < {_FIRST_OWN_OID} and b.prosrc = x.prosrc and b.proacl is null
                      and b.prolang = x.prolang and b.proargtypes = x.proargtypes and b.prorettype = x.prorettype)"""

_HANDLERS = """\
select format('alter foreign data wrapper %I no handler', fdwname) from pg_foreign_data_wrapper where fdwhandler <> 0"""

_SUBSCRIPTIONS = """\
select format('alter subscription %I disable', subname),
       format('alter subscription %I set (slot_name = none)', subname),
       format('drop subscription %I', subname)
  from pg_subscription where subdbid = (select oid from pg_database where datname = current_database())"""


def _as_installed(catalog: str, prefix: str, condition: str = "") -> str:
    """Return the statement that revokes what was granted on the objects of initdb."""
    initial = (
        f"(select initprivs from pg_init_privs where objoid = x.oid and classoid = '{catalog}'::regclass"
        f" and objsubid = 0)"
    )
    return (
        f"update {catalog} x set {prefix}acl = {initial}, {prefix}owner = 10 where x.oid < {_FIRST_OWN_OID} {condition}"
        f" and ({prefix}acl is distinct from {initial} or {prefix}owner <> 10)"
    )


_COLUMN_RIGHTS = f"""\
update pg_attribute x set attacl = i.initprivs
  from pg_attribute a left join pg_init_privs i
    on i.objoid = a.attrelid and i.classoid = 'pg_class'::regclass and i.objsubid = a.attnum
 where a.attrelid < {_FIRST_OWN_OID} and a.attacl is distinct from i.initprivs
   and x.attrelid = a.attrelid and x.attnum = a.attnum"""
_CORE = (
    _as_installed("pg_proc", "pro"),
    _as_installed("pg_class", "rel"),
    _as_installed("pg_language", "lan"),
    _as_installed("pg_namespace", "nsp", "and x.nspname <> 'public'"),
    _COLUMN_RIGHTS,
)

# The schema `information_schema` is made after initdb has filled pg_init_privs, so its rights are not in there:
# https://github.com/postgres/postgres/blob/REL_18_STABLE/src/bin/initdb/initdb.c (setup_privileges, setup_schema)
_NOTE_INSTALLED = f"""\
insert into pg_init_privs (objoid, classoid, objsubid, privtype, initprivs)
select x.oid, x.class, 0, 'i', x.acl
  from (select oid, 'pg_class'::regclass::oid, relacl from pg_class union all
        select oid, 'pg_namespace'::regclass, nspacl from pg_namespace union all
        select oid, 'pg_proc'::regclass, proacl from pg_proc) x (oid, class, acl)
 where x.oid < {_FIRST_OWN_OID} and x.acl is not null
   and not exists (select from pg_init_privs i where (i.objoid, i.classoid, i.objsubid) = (x.oid, x.class, 0))"""

# on the server

_DANGEROUS_MEMBERSHIPS = """\
select format('revoke %I from %I{granted_by} cascade', r.rolname, m.rolname, a.grantor::regrole)
  from pg_catalog.pg_auth_members a
  join pg_catalog.pg_roles r on r.oid = a.roleid join pg_catalog.pg_roles m on m.oid = a.member
 where to_jsonb(array[m.rolname::text]) <@ $1::jsonb
   and not to_jsonb(array[r.rolname::text]) <@ $2::jsonb"""
_SLOTS = """\
select pg_catalog.pg_drop_replication_slot(slot_name) from pg_catalog.pg_replication_slots where database = $1"""
_PARAMETERS = (
    "delete from pg_catalog.pg_shdepend where classid = 'pg_catalog.pg_parameter_acl'::pg_catalog.regclass",
    "delete from pg_catalog.pg_parameter_acl",
)
_ALTERED = "select 1 from pg_catalog.pg_file_settings where sourcefile ~ 'postgresql[.]auto[.]conf$' limit 1"


def role_names(admin: Session) -> frozenset[str]:
    """Return the names of all roles of the server."""
    return frozenset(name or "" for (name,) in admin.ask(Request(_ROLE_NAMES))[0])


def raise_owner(admin: Session, place: Place) -> None:
    """Give the role that executes migrations the rights of the role that administers the server."""
    owner = quoted(place.owner)
    if place.owner == place.admin:
        return
    if place.is_superuser:
        lent = [_LEND.format(oid=oid, name=name) for name, oid in _REACH_OUT.items()] if _is_older(admin, place) else []
        admin.ask(*map(Request, [*lent, f"alter role {owner} superuser"]))
        return
    for right in ("createdb", "createrole"):
        try_all(admin, f"alter role {owner} {right}")
    for (role,) in admin.ask(Request(_MEMBER_OF, (place.owner,)))[0]:
        try_all(admin, f"grant {quoted(role or '')} to {owner}")


def lower_owner(admin: Session, place: Place) -> None:
    """Take from that role the rights that `raise_owner` gave it, and others that migrations may have given it."""
    if place.owner == place.admin:
        return
    makes_roles = "createrole" if place.is_ours else "nocreaterole"
    rights = f"nosuperuser noreplication nobypassrls nocreatedb {makes_roles}"
    try_all(admin, f"alter role {quoted(place.owner)} {rights if place.is_superuser else 'nocreatedb nocreaterole'}")
    _lower_roles(admin, place, [place.owner], {place.owner})
    if place.is_superuser and _is_older(admin, place):
        admin.ask(*(Request(f"delete from pg_catalog.pg_authid where oid = {oid}") for oid in _REACH_OUT.values()))


def note_installed(place: Place, database: str) -> None:
    """Note the rights on the objects of initdb in a database that is as it was created: `bring_down` restores them."""
    if not place.is_superuser:
        return
    session = Session(place.url(place.admin, database))
    try:
        session.ask(Request(_NOTE_INSTALLED))
    finally:
        session.close()


def bring_down(
    admin: Session, place: Place, database: str, before: Collection[str], open_extensions: Collection[str] = ()
) -> None:
    """Take from the owner and from what was built in a database the rights that a new migration must not have.

    Args:
        admin: A session of the role that administers the server, in another database.
        place: The server.
        database: The name of the database.
        before: The names of the roles that existed before it was built.
        open_extensions: The extensions whose functions the user lets new migrations call.

    Raises:
        ServerError: It cannot be brought down; the database must not be used.
    """
    if place.owner == place.admin:
        return
    made = sorted(role_names(admin) - set(before))
    try:
        if place.is_superuser:
            _bring_objects_down(place, database, [place.owner, *made], open_extensions)
            admin.ask(Request(_SLOTS, (database,)))
            if admin.conn.info.server_version >= _V15 and place.is_ours:
                admin.ask(*map(Request, _PARAMETERS))
        _lower_roles(admin, place, [place.owner, *made], {place.owner, *made})
        lower_owner(admin, place)
        if place.is_ours:
            undo_settings(admin)
    except psycopg.Error as error:
        if admin.is_usable:
            admin.abort()
        raise ServerError(f"the rights of the base cannot be taken back: {error.diag.message_primary}") from error
    for role in made:  # as if the owner had created them; a role that has the owner as a member refuses that
        try_all(admin, f"grant {quoted(role)} to {quoted(place.owner)} with admin option")


def undo_settings(admin: Session) -> None:
    """Take back what ALTER SYSTEM has set on our own server."""
    if admin.ask(Request(_ALTERED))[0]:
        admin.ask(Request("alter system reset all"))
        admin.ask(Request("select pg_catalog.pg_reload_conf()"))


def _is_older(admin: Session, place: Place) -> bool:
    return place.is_ours and admin.conn.info.server_version < _V16


def _lower_roles(admin: Session, place: Place, names: Collection[str], may_be: Collection[str]) -> None:
    """Make roles no superusers, and members of no roles but some and those that are harmless."""
    if place.is_superuser:
        shut = "" if place.is_ours else " nocreaterole nologin"
        made = [quoted(name) for name in names if name != place.owner]
        admin.ask(*(Request(f"alter role {name} nosuperuser noreplication nocreatedb{shut}") for name in made))
    harmless = _HARMLESS_ROLES if place.is_ours else _HARMLESS_ELSEWHERE
    # https://www.postgresql.org/docs/16/sql-revoke.html: since 16 one revokes what a certain role has granted
    granted_by = " granted by %s" if admin.conn.info.server_version >= _V16 else ""
    members = (json.dumps(list(names)), json.dumps([*may_be, *harmless]))
    asked = Request(_DANGEROUS_MEMBERSHIPS.format(granted_by=granted_by), members)
    for (revoke,) in admin.ask(asked)[0]:
        try_all(admin, revoke or "")
    if place.is_superuser and (left := admin.ask(asked)[0]):
        raise ServerError(f"the rights of the base cannot be taken back: {left[0][0]} has no effect")


def _bring_objects_down(place: Place, database: str, ours: Collection[str], open_extensions: Collection[str]) -> None:
    session = Session(place.url(place.admin, database))
    try:
        for (*statements,) in session.ask(Request(_SUBSCRIPTIONS))[0]:
            for statement in statements:
                session.ask(Request(statement or ""))
        session.ask(Request("begin"), Request("set local session_replication_role = replica"), *map(Request, _CORE))
        _execute(session, _owners(session, place, ours))
        _close_extensions(session, place, open_extensions)
        session.ask(Request(_UNTRUSTED))
        _execute(session, (row[0] or "" for row in session.ask(Request(_HANDLERS))[0]))
        session.ask(Request("commit"))
    finally:
        session.close()


def _owners(session: Session, place: Place, ours: Collection[str]) -> Iterator[str]:
    for (statement,) in session.ask(Request(_GIVE, (json.dumps(list(ours)), place.admin, place.owner)))[0]:
        yield statement or ""


def _close_extensions(session: Session, place: Place, open_extensions: Collection[str]) -> None:
    given = (place.admin, json.dumps(_HARMLESS_EXTENSIONS), json.dumps(list(open_extensions)))
    rows = session.ask(Request(_IN_EXTENSIONS, given))[0]
    _execute(session, (statement or "" for _, statement, _ in rows))
    session.ask(Request(_CLOSE, (json.dumps([oid for oid, _, is_closed in rows if is_closed == "true"]),)))


def _execute(session: Session, statements: Iterator[str]) -> None:
    if listed := [Request(statement) for statement in statements]:
        session.ask(*listed)
