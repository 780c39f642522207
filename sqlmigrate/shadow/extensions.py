"""Extensions that the server's administrator creates in a throwaway database, before any file is executed there.

PostGIS, Citus, pg_cron, TimescaleDB and the like can only be created by a superuser, which new migrations are not. A
superuser must not create them in between either: the script of an extension trusts what is in its schema, and a new
file may have put something there (https://www.postgresql.org/docs/current/extend-extensions.html#EXTEND-EXTENSIONS-SECURITY).
So they are created first, and the statements of files that create, update or drop them do nothing.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace

import psycopg
from psycopg.conninfo import make_conninfo

from sqlmigrate.database.session import Request, Session
from sqlmigrate.errors import ConfigError, MigrationError, ServerError
from sqlmigrate.files.migration import Migration
from sqlmigrate.identifiers import IDENTIFIER, plain, quoted
from sqlmigrate.parsing.script import Script
from sqlmigrate.parsing.splitter import split
from sqlmigrate.parsing.statement import Statement
from sqlmigrate.parsing.tokens import blanked
from sqlmigrate.source import Source
from sqlmigrate.spelling import did_you_mean

from .server import EMBEDDED

_WORDS = re.compile(r"(?i)\bextension\b")
_SCHEMA = re.compile(rf"(?is)\bschema\s+({IDENTIFIER})")
_CREATES = re.compile(r"CREATE EXTENSION\b")
_ABOUT = re.compile(r"(?:CREATE|DROP|COMMENT ON) EXTENSION\b|ALTER EXTENSION \S+ UPDATE\b")
_ABOUT_SCHEMA = re.compile(r"(?:CREATE|DROP) SCHEMA\b")
_NAMES = re.compile(
    rf"(?is)^(?:create|drop|alter|comment\s+on)\s+(?:extension|schema)\s+(?:if\s+(?:not\s+)?exists\s+)?"
    rf"({IDENTIFIER}(?:-\w+)*(?:\s*,\s*{IDENTIFIER})*)"
)
_THERE = ("public", "pg_catalog")  # schemas that every database has

# What is read at the start of the server, of the extensions that work only so.
_LIBRARIES = {"citus": "citus", "pg_cron": "pg_cron", "timescaledb": "timescaledb"}
# The packages of Debian and Ubuntu whose names do not follow from that of the extension.
_PACKAGES = {
    "citus": "postgresql-{major}-citus (from Citus' own repository)",
    "pg_cron": "postgresql-{major}-cron",
    "pg_partman": "postgresql-{major}-partman",
    "timescaledb": "timescaledb-2-postgresql-{major} (from TimescaleDB's own repository)",
    "vector": "postgresql-{major}-pgvector",
}
_SHARED_PACKAGES = {"postgis": "postgresql-{major}-postgis-3", "address_standardizer": "postgresql-{major}-postgis-3"}

_AVAILABLE = "select name::text, default_version from pg_catalog.pg_available_extensions"
_VERSIONS = """\
select version, schema::text from pg_catalog.pg_available_extension_versions where name = $1 order by 1"""
_NEEDED = """\
with recursive needed (name, depth) as (
    select each, 1
      from pg_catalog.pg_available_extension_versions v cross join pg_catalog.unnest(v.requires) each
     where v.name = $1 and v.version = $2
    union
    select each, needed.depth + 1
      from needed join pg_catalog.pg_available_extensions a on a.name = needed.name
      join pg_catalog.pg_available_extension_versions v on v.name = a.name and v.version = a.default_version
     cross join pg_catalog.unnest(v.requires) each
     where needed.depth < 10)
select name::text from needed group by name order by pg_catalog.max(depth) desc, name"""
_PRIVILEGE = "42501"
# postgis_topology adds its schema to the search_path that a session begins with, for the whole database.
_AS_BY_DEFAULT = '-c search_path="$user",public -c statement_timeout=0 -c lock_timeout=0'
# pg_cron can be created only in the database that this setting names; where its library is not loaded, no setting does
_CRON = """\
select pg_catalog.set_config('cron.database_name', pg_catalog.current_database(), false)
 where pg_catalog.current_setting('cron.database_name', true) is null"""
# What belongs to an extension may be used like what a migration has made: in production its owner has granted that.
_GRANTS = """\
select pg_catalog.format('grant usage on schema %I to %I', n.nspname, $2::text)
  from pg_catalog.pg_namespace n
 where n.nspname not in ('public', 'pg_catalog', 'information_schema')
   and n.oid in (select objid from pg_catalog.pg_depend
                  where classid = 'pg_catalog.pg_namespace'::pg_catalog.regclass and deptype = 'e'
                    and refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass
                    and refobjid = (select oid from pg_catalog.pg_extension where extname = $1))
union all
select pg_catalog.format('grant %s on %s to %I',
                         case when c.relkind in ('r', 'p') then 'select, insert, update, delete' else 'select' end,
                         c.oid::pg_catalog.regclass, $2::text)
  from pg_catalog.pg_depend d join pg_catalog.pg_class c on c.oid = d.objid and c.relkind in ('r', 'p', 'v', 'm')
 where d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass and d.deptype = 'e'
   and d.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass
   and d.refobjid = (select oid from pg_catalog.pg_extension where extname = $1)
   and c.relnamespace <> 'pg_catalog'::pg_catalog.regnamespace
union all
select pg_catalog.format('grant usage on foreign data wrapper %I to %I', w.fdwname, $2::text)
  from pg_catalog.pg_depend d join pg_catalog.pg_foreign_data_wrapper w on w.oid = d.objid
 where d.classid = 'pg_catalog.pg_foreign_data_wrapper'::pg_catalog.regclass and d.deptype = 'e'
   and d.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass
   and d.refobjid = (select oid from pg_catalog.pg_extension where extname = $1)"""


@dataclass(frozen=True)
class Extension:
    """An extension that the administrator creates.

    Attributes:
        name: its name
        version: the version to create; empty for the one that is the default there, until `available` knows it
        schema: the schema that the files create it in, or the only one that it can be in; empty if it may be anywhere
        is_named: whether the setting names it; otherwise one that is named needs it
    """

    name: str
    version: str = ""
    schema: str = ""
    is_named: bool = True

    @property
    def own_schema(self) -> str:
        """The schema that has to be created before it; empty if every database has it."""
        return "" if self.schema in _THERE else self.schema


def named(entries: Iterable[str], migrations: Iterable[Migration]) -> tuple[Extension, ...]:
    """Return the extensions that the setting names, in its order, with the schemas that the migrations create them in.

    Each entry is a name, or name and version: ``postgis=3.4.2``.
    """
    wanted = {name: version for name, _, version in (entry.partition("=") for entry in entries)}
    schemas = _schemas(migrations, wanted) if wanted else {}
    return tuple(Extension(name, version, schemas.get(name, "")) for name, version in wanted.items())


def _schemas(migrations: Iterable[Migration], wanted: Collection[str]) -> dict[str, str]:
    """Return the schemas that files create extensions in; the first that is named counts."""
    found: dict[str, str] = {}
    for migration in migrations:
        for statement in _statements(migration.up):
            if not _CREATES.match(statement.kind.first_words):
                continue
            code = blanked(statement.text, "comment", "string")
            (name, *_), schema = _names(code), _SCHEMA.search(code)
            if name in wanted and schema:
                found.setdefault(name, _plain(schema[1]))
    return found


def _statements(source: Source) -> Sequence[Statement]:
    if not _WORDS.search(source.text):
        return ()
    try:
        return tuple(split(source))
    except MigrationError:  # told when it is executed
        return ()


def _names(code: str) -> tuple[str, ...]:
    """Return the names that a statement about extensions or schemas begins with."""
    found = _NAMES.match(code)
    return tuple(_plain(each.strip()) for each in found[1].split(",")) if found else ("",)


def _plain(name: str) -> str:
    return plain(name) if name.startswith('"') else name.lower()


# creating them


def libraries(extensions: Iterable[Extension]) -> str:
    """Return what a server of ours has to load at its start, as ``shared_preload_libraries``."""
    loaded = [_LIBRARIES[each.name] for each in extensions if each.name in _LIBRARIES]
    return ",".join(sorted(loaded, key=lambda each: each != "citus"))  # Citus demands the first place


def available(admin: Session, extensions: Iterable[Extension], label: str) -> tuple[Extension, ...]:
    """Return extensions with the versions that will be created on a server, each after those that it needs.

    Raises:
        ConfigError: An extension, or this version of it, is not available there; `label` is the server in the message.
    """
    wanted = tuple(extensions)
    found = {name or "": version or "" for name, version in admin.ask(Request(_AVAILABLE))[0]} if wanted else {}
    for each in wanted:
        if each.name not in found:
            raise _missing(each.name, found, label, admin.major)
        versions = _versions(admin, each.name)
        if each.version and each.version not in versions:
            raise ConfigError(
                f"version {each.version} of the extension {each.name} is not available on {label}",
                detail=[f"available: {', '.join(versions)}"],
                hint=f"name one of these, or leave it out: --extension {each.name}",
            )
    exact = [_exact(admin, each, each.version or found[each.name]) for each in wanted]
    made: dict[str, Extension] = {}
    for asked, each in zip(wanted, exact, strict=True):
        needed = [name or "" for (name,) in admin.ask(Request(_NEEDED, (each.name, each.version)))[0]]
        for name in (name for name in needed if name not in {one.name for one in exact}):
            needs = Extension(name, "", asked.schema, is_named=False)
            made.setdefault(name, _exact(admin, needs, found.get(name, "")))
        made[each.name] = each
    return tuple(made.values())


def _versions(admin: Session, name: str) -> dict[str, str]:
    """Return the versions of an extension, each with the only schema that it can be created in; empty for any."""
    return {version or "": schema or "" for version, schema in admin.ask(Request(_VERSIONS, (name,)))[0]}


def _exact(admin: Session, extension: Extension, version: str) -> Extension:
    schema = _versions(admin, extension.name).get(version) or extension.schema
    return replace(extension, version=version, schema=schema)


def create(url: str, owner: str, extensions: Sequence[Extension], label: str) -> None:
    """Create extensions, with those that they need, and let the role that executes migrations use them.

    Args:
        url: The fresh database, for the administrator.
        owner: The role that executes migrations.
        extensions: The extensions, in the order in which they are created.
        label: The server, as messages name it.

    Raises:
        ServerError: One cannot be created.
    """
    if not extensions:
        return
    with closing(Session(make_conninfo(url, options=_AS_BY_DEFAULT))) as session:
        session.ask(Request(_CRON))
        for each in extensions:
            try:
                session.ask(*map(Request, _creating(each, owner)))
                grants = session.ask(Request(_GRANTS, (each.name, owner)))[0]
                session.ask(*(Request(grant or "") for (grant,) in grants))
            except psycopg.Error as error:
                raise _refused(each, error, label) from error


def _creating(extension: Extension, owner: str) -> Iterator[str]:
    if schema := extension.own_schema:
        yield f"create schema if not exists {quoted(schema)} authorization {quoted(owner)}"
    where = f" schema {quoted(extension.schema)}" if extension.schema else ""
    yield (
        f"create extension if not exists {quoted(extension.name)}{where} version {quoted(extension.version)} cascade"
    )


def _refused(extension: Extension, error: psycopg.Error, label: str) -> ServerError:
    said = (error.diag.message_detail, error.diag.message_hint)
    return ServerError(
        f"the extension {extension.name} cannot be created on {label}: {error.diag.message_primary or error}",
        detail=[each for each in said if each],
        hint="name a superuser of that server in --shadow-url" if error.sqlstate == _PRIVILEGE else None,
    )


def _missing(name: str, there: Collection[str], label: str, major: int) -> ConfigError:
    package = _package(name, major)
    where = "PostgreSQL and this extension on the machine" if label.endswith(EMBEDDED) else "it there"
    cure = f"install {where} (Debian, Ubuntu: {package}), or name a server that has it: --shadow-url"
    return ConfigError(f"the extension {name} is not available on {label}", hint=did_you_mean(name, there) or cure)


def _package(name: str, major: int) -> str:
    shared = (package for start, package in _SHARED_PACKAGES.items() if name.startswith(start))
    fitting = _PACKAGES.get(name) or next(shared, f"postgresql-{{major}}-{name.replace('_', '-')}")
    return fitting.format(major=major)


# files


def migration_without(migration: Migration, extensions: Sequence[Extension]) -> Migration:
    """Return a migration in whose files the statements about these extensions do nothing."""
    up = _source_without(migration.up, extensions)
    return replace(migration, up=up, down=migration.down and _source_without(migration.down, extensions))


def _source_without(source: Source, extensions: Sequence[Extension]) -> Source:
    if not extensions or not _may_name(source.text, extensions):
        return source
    try:
        return Source(source.path, _without(source, split(source), extensions))
    except MigrationError:  # told when it is executed
        return source


def script_without(script: Script, extensions: Sequence[Extension]) -> Script:
    """Return a script whose statements about these extensions do nothing; places stay as they are."""
    if not extensions or not _may_name(script.source.text, extensions):
        return script
    text = _without(script.source, script.statements, extensions)
    source = Source(script.source.path, text)
    return replace(script, statements=tuple(_of(each, source, extensions) for each in script.statements))


def _of(statement: Statement, source: Source, extensions: Sequence[Extension]) -> Statement:
    if not _is_about(statement, extensions):
        return statement
    return Statement(source, statement.start, statement.end, statement.line)


def _may_name(text: str, extensions: Sequence[Extension]) -> bool:
    return bool(_WORDS.search(text)) or any(each.own_schema for each in extensions)


def _without(source: Source, statements: Iterable[Statement], extensions: Sequence[Extension]) -> str:
    text = source.text
    for statement in statements:
        if _is_about(statement, extensions):
            blank = "select" + re.sub(r"[^\n]", " ", statement.text[len("select") :])
            text = text[: statement.start] + blank + text[statement.end :]
    return text


def _is_about(statement: Statement, extensions: Sequence[Extension]) -> bool:
    """Tell whether a statement is about these extensions only, or about a schema that was created for one."""
    words = statement.kind.first_words
    if _ABOUT.match(words):
        about = {each.name for each in extensions}
    elif _ABOUT_SCHEMA.match(words):
        about = {each.own_schema for each in extensions} - {""}
    else:
        return False
    return about.issuperset(_names(blanked(statement.text, "comment", "string")))


def told(extensions: Sequence[Extension]) -> str:
    """Return what the report adds to the name of the server; empty without extensions."""
    named = [f"{each.name} {each.version}" for each in extensions if each.is_named]
    return f", with {', '.join(named)}" if named else ""
