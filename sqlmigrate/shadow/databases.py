"""The throwaway server: template databases that are kept, and clones of them.

The migrations of a pull request are executed here, and may be hostile. They run as `sqlmigrate_review`, a role that
owns its database and is not a superuser. While merged migrations are executed it is one (`rights`). Our own server
listens on a socket in a private folder, asks its superuser for a random password, and is used by one review at a time:
a second review takes the next folder. Roles belong to the whole server: those that the migrations of a template created
are kept with the template, exist while a clone of it does, and are dropped with the clone.

On a server of `--shadow-url` we create databases, and one role if we may. Reviews there wait for each other.
"""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any

import psycopg

from sqlmigrate.database.session import Request, Session
from sqlmigrate.ddl.settings import assignment
from sqlmigrate.errors import ServerError
from sqlmigrate.identifiers import literal, quoted

from . import extensions, given_server, own_server, rights, roles
from .extensions import Extension
from .rights import Rights
from .server import BASE, FIRST, FRESH, RUN, Place, tidy, try_all

KEPT = 5  # templates; a branch needs one, and a developer works on a few branches
STRATEGY = "file_copy"
_V15 = 150000

_NOTES = f"""\
select datname::text, pg_catalog.shobj_description(oid, 'pg_database')
  from pg_catalog.pg_database where datname like '{BASE}%'"""
_TABLESPACES = """\
select spcname::text from pg_catalog.pg_tablespace
 where spcname !~ '^(pg|sqlmigrate)_' and oid not in (select dattablespace from pg_catalog.pg_database)"""
_IS_THERE = "select 1 from pg_catalog.pg_database where datname = $1"
_DISCONNECT = """\
select pg_catalog.pg_terminate_backend(pid)::text from pg_catalog.pg_stat_activity
 where datname = $1 and pid <> $2::int
   and backend_type not in ('autovacuum worker', 'walsender', 'logical replication worker')"""
_COPY_SETTINGS = """\
insert into pg_catalog.pg_db_role_setting
select copy.oid, setting.setrole, setting.setconfig
  from pg_catalog.pg_db_role_setting setting
  join pg_catalog.pg_database template on template.oid = setting.setdatabase and template.datname = $1
  join pg_catalog.pg_database copy on copy.datname = $2"""
# The same in statements, on a server that others use, too: the catalogs there are not ours to write.
_SETTINGS_OF = """\
select case when s.setrole = 0 then pg_catalog.format('alter database %I', $2::text)
            else pg_catalog.format('alter role %I in database %I', r.rolname, $2::text) end, config
  from pg_catalog.pg_db_role_setting s
  join pg_catalog.pg_database template on template.oid = s.setdatabase and template.datname = $1
  left join pg_catalog.pg_roles r on r.oid = s.setrole
 cross join pg_catalog.unnest(s.setconfig) config"""

_CHECKER = "select 1 from pg_catalog.pg_available_extensions where name = 'plpgsql_check'"
_EVENT_TRIGGERS = "select 1 from pg_catalog.pg_event_trigger where evtenabled <> 'D' limit 1"
_CHECKER_SCHEMA = """\
select n.nspname::text
  from pg_catalog.pg_extension e join pg_catalog.pg_namespace n on n.oid = e.extnamespace
 where e.extname = 'plpgsql_check'"""


# On a server that others use, too, a role that was made up says so: it may stay as long as a template depends on it.
_MADE_UP = "created by sqlmigrate, because a migration names it"
_IS_MADE_UP = """\
select 1 from pg_catalog.pg_roles where rolname = $1 and pg_catalog.shobj_description(oid, 'pg_authid') = $2"""
_NEED_ROLE = """\
select distinct datname::text
  from pg_catalog.pg_shdepend s join pg_catalog.pg_database d on d.oid = s.dbid
 where s.refclassid = 'pg_catalog.pg_authid'::pg_catalog.regclass
   and s.refobjid = (select oid from pg_catalog.pg_roles where rolname = $1)"""


@dataclass(frozen=True)
class Databases:
    """One database of the shadow server, and how to connect to it.

    Attributes:
        name: the name of the database
        owner_url: for the role that executes migrations
        admin_url: for a role that sees everything: the superuser while a template is built. On a clone it may only read
            everything and end sessions: a trigger or function of a migration must not run with more rights
        rights: the rights of the role that executes migrations
    """

    name: str
    owner_url: str
    admin_url: str
    rights: Rights = "restricted"


@dataclass(frozen=True)
class Template:
    """A database that is kept, and cloned.

    Attributes:
        name: the name of the database
        value: what its builder returned, after a round trip through JSON
        roles: the roles that its migrations created, as `roles.read` returned them, in JSON
        rights: the rights that it was built with, and those that its clones have
    """

    name: str
    value: Any
    roles: str
    rights: Rights = "restricted"


@contextmanager
def server(
    home: Path,
    shadow_url: str | None = None,
    postgres: int | None = None,
    wanted: Sequence[Extension] = (),
) -> Iterator[Shadow]:
    """Provide a shadow server while the block lasts.

    Args:
        home: The folder for the data of our own server.
        shadow_url: The server to use; None to start one that is installed on this machine, or the embedded one.
        postgres: The major version to start; None for the newest.
        wanted: The extensions that the administrator creates in each database before any file is executed there.

    Raises:
        NoServerError: There is none on this machine.
        ConfigError: There is none of this version, or it lacks an extension, or the role of `shadow_url` may not create
            databases.
    """
    own = own_server.own(home, postgres, extensions.libraries(wanted))
    with given_server.foreign(shadow_url) if shadow_url else own as (where, admin):
        yield Shadow(where, admin, extensions.available(admin, wanted, where.label))


class Shadow:
    """A server in use by this review alone."""

    def __init__(self, where: Place, admin: Session, made: tuple[Extension, ...] = ()) -> None:
        self.extensions = made  # which are in each database before any file is executed there
        self.label = where.label + extensions.told(made)
        self.version, self.major = admin.conn.info.server_version, admin.major
        self._admin = admin
        self._place = where
        self._stubs: list[str] = []
        self.made_up: set[str] = set()  # roles that were created because migrations only name them; some stay
        self._is_raised = False  # whether the owner is a superuser now
        self.is_superuser, self.is_ours = where.is_superuser, where.is_ours
        self._open = 0  # databases in use; the first of them determines which roles exist

    def template(self, key: str, build: Callable[[Databases], Any], rights: Rights = "restricted") -> Template:
        """Return the kept database of `key`; build it with `build` if there is none.

        It is built under another name and renamed at the end, so that an interrupted one is never used.
        """
        made = f" {self.extensions}" if self.extensions else ""
        name = BASE + sha256(f"{key} {rights} {self.version}{made}".encode()).hexdigest()[:24]
        note = self._note(name) or self._built(name, build, rights)
        self._annotate(name, {**note, "used": time.time()})
        return Template(name, note["value"], json.dumps(note["roles"]), rights)

    @contextmanager
    def once(self, build: Callable[[Databases], Any], rights: Rights) -> Iterator[tuple[Databases, Any]]:
        """Build a database with `build`, and provide it with what that returned while the block lasts; keep nothing."""
        name = f"{BASE}once_{secrets.token_hex(8)}"
        note = self._built(name, build, rights, is_kept=False)
        try:
            with self.clone(Template(name, note["value"], json.dumps(note["roles"]), rights)) as clone:
                yield clone, note["value"]
        finally:
            self._drop(name)
            for role in (*note["made_roles"], *self.made_up):  # one that a kept template needs stays
                try_all(self._admin, f"drop role if exists {quoted(role)}")

    @contextmanager
    def clone(self, template: Template) -> Iterator[Databases]:
        """Provide a copy of a template while the block lasts; its sessions are ended with it."""
        name = self._name(RUN)
        with self._roles_of(template.roles):
            self._create(name, template.name, self._place.tablespace)
            try:
                self._copy_settings(template.name, name)
                with self._raised(template.rights == "trusted"):
                    yield self._databases(name, self._place.watcher, template.rights)
            finally:
                self._drop(name)

    @contextmanager
    def without_triggers(self, database: Databases) -> Iterator[tuple[Session, bool]]:
        """Provide a session of the role that executes migrations, in which no trigger fires, while the block lasts.

        Foreign keys are not checked then, and the second value is true. It is false where nobody has the right to
        switch triggers off, as on a server of `--shadow-url` without a superuser.

        https://www.postgresql.org/docs/current/runtime-config-client.html#GUC-SESSION-REPLICATION-ROLE
        """
        setting = f"alter role {quoted(self._place.owner)} in database {database.name} {{}} session_replication_role"
        is_set = try_all(self._admin, f"{setting.format('set')} = replica")
        try:
            session = Session(database.owner_url)  # the setting of a role applies to its next sessions
        finally:
            if is_set:
                self._ask(setting.format("reset"))
        try:
            yield session, is_set
        finally:
            session.close()

    @contextmanager
    def body_checker(self, database: Databases) -> Iterator[tuple[Session, str] | None]:
        """Provide the extension plpgsql_check while the block lasts, if the server has it and we may create it.

        The superuser creates it in a schema of its own, and drops it at the end. What it executes (planning calls
        immutable functions) has the rights of the role that executes migrations: the value is a session of that role,
        and the schema. In a database that has the extension, it is used as it is. In one with event triggers it is not
        created: a new file may have replaced their functions, which would run with the rights of the superuser.

        https://www.postgresql.org/docs/current/sql-createextension.html
        """
        if not self._has_checker:
            yield None
            return
        with closing(Session(self._place.url(self._place.admin, database.name))) as admin:
            found, triggers = admin.ask(Request(_CHECKER_SCHEMA), Request(_EVENT_TRIGGERS))
            schema = quoted(found[0][0] or "") if found else f"sqlmigrate_check_{secrets.token_hex(8)}"
            create = f"create schema {schema}; create extension plpgsql_check schema {schema}"
            grant = f"grant usage on schema {schema} to {quoted(self._place.owner)}"
            if not found and (triggers or not try_all(admin, "begin", *create.split("; "), grant, "commit")):
                yield None
                return
            try:
                with closing(Session(database.owner_url)) as session:
                    yield session, schema
            finally:
                if not found:
                    admin.ask(Request("drop extension plpgsql_check"), Request(f"drop schema {schema}"))

    @cached_property
    def _has_checker(self) -> bool:
        return bool(self._ask(_CHECKER))

    def stub_role(self, name: str) -> None:
        """Create a role that a migration names and the server lacks; it has no rights and is dropped with the clone.

        The role that executes migrations becomes a member, so that it can make it the owner of objects. While that role
        is a superuser, so is the new one: merged migrations may execute statements with the rights of either.
        """
        strong = "superuser" if self._is_raised and self._place.is_superuser else "nosuperuser"
        self._ask(f"create role {quoted(name)} nologin {strong}")
        if self._place.owner != self._place.admin:
            self._ask(f"grant {quoted(name)} to {quoted(self._place.owner)} with admin option")
        if not self._place.is_ours:
            self._ask(f"comment on role {quoted(name)} is {literal(_MADE_UP)}")
        self._stubs.append(name)
        self.made_up.add(name)

    def give_up_role(self, name: str) -> bool:
        """Drop a role that was made up for a template, with the templates that need it: a migration creates it itself.

        Returns whether it was dropped; it is not if we have not made it up, or if another database needs it.
        """
        if self._place.is_ours or not self._ask(_IS_MADE_UP, name, _MADE_UP):
            return False
        needing = [each or "" for (each,) in self._ask(_NEED_ROLE, name)]
        if not all(each.startswith(BASE) for each in needing):
            return False
        for each in needing:
            self._drop(each)
        return try_all(self._admin, f"drop role {quoted(name)}")

    def _built(
        self, name: str, build: Callable[[Databases], Any], given: Rights, *, is_kept: bool = True
    ) -> dict[str, Any]:
        fresh = self._name(FRESH)
        with self._roles_of(self._place.base_roles), self._raised(given != "restricted"):
            before = self._make_room()
            self._create(fresh, "template0")
            try:
                if self.version < _V15 and self._place.owner != self._place.admin:
                    self._give_public(fresh)
                if given == "merged":
                    rights.note_installed(self._place, fresh)
                admin_url = self._place.url(self._place.admin, fresh)
                extensions.create(admin_url, self._place.owner, self.extensions, self._place.label)
                value = json.loads(json.dumps(build(self._databases(fresh, self._place.admin, given))))
                self._empty(fresh)
                if given == "merged":
                    names = [each.name for each in self.extensions]
                    rights.bring_down(self._admin, self._place, fresh, before, names)
                made = sorted(rights.role_names(self._admin) - before) if given != "restricted" else []
                note = {"value": value, "roles": self._roles(), "made_roles": made}
                self._finish(fresh, name, note)
            except BaseException:
                self._drop(fresh)
                raise
        if is_kept:
            self._prune(name)
        return note

    @contextmanager
    def _raised(self, is_raised: bool) -> Iterator[None]:  # noqa: FBT001 - a condition of its callers
        """Let the owner be a superuser while the block lasts, if it is to be one."""
        if not is_raised:
            yield
            return
        rights.raise_owner(self._admin, self._place)
        self._is_raised = True
        try:
            yield
        finally:
            self._is_raised = False
            rights.lower_owner(self._admin, self._place)
            if self._place.is_ours:
                rights.undo_settings(self._admin)

    def _make_room(self) -> frozenset[str]:
        """Return the roles of the server, after dropping what earlier bases have made outside their databases.

        On a server of `--shadow-url` the roles of a base exist as long as its template: two bases would both make them.
        """
        if self._place.is_ours:
            for (tablespace,) in self._ask(_TABLESPACES):
                try_all(self._admin, f"drop tablespace {quoted(tablespace or '')}")
            return rights.role_names(self._admin)
        for name, text in self._ask(_NOTES):
            if made := _parsed(text).get("made_roles"):
                self._drop(name or "")
                try_all(self._admin, *(f"drop role if exists {quoted(role)}" for role in made))
        return rights.role_names(self._admin)

    def _finish(self, fresh: str, name: str, note: Mapping[str, Any]) -> None:
        """Turn a database that is built into a template: closed to its owner, with its note, under its name."""
        self._turn(
            Request(f"alter database {fresh} owner to {quoted(self._place.admin)}"),
            Request(f"alter database {fresh} allow_connections false"),
        )
        self._empty(fresh)  # only now: an extension may have a process that connects again
        self._turn(
            Request(_comment(fresh, {**note, "used": time.time()})),
            Request(f"alter database {fresh} rename to {name}"),
        )

    def _name(self, start: str) -> str:
        """Return a name for a new database: pg_cron works only in the one that our own server was started with."""
        is_free = self.is_ours and self.extensions and not self._ask(_IS_THERE, FIRST)
        return FIRST if is_free else start + secrets.token_hex(8)

    def _empty(self, name: str) -> None:
        """End all sessions in a database and wait for their end, a moment after that of their connections."""
        deadline = time.monotonic() + 5
        while self._ask(_DISCONNECT, name, str(self._admin.pid)) and time.monotonic() < deadline:
            time.sleep(0.001)

    def _give_public(self, name: str) -> None:
        session = Session(self._place.url(self._place.admin, name))
        try:
            session.ask(Request(f"alter schema public owner to {quoted(self._place.owner)}"))
        finally:
            session.close()

    def _prune(self, keep: str) -> None:
        """Drop the templates that have not been used for longest."""
        notes = [(name or "", _parsed(text)) for name, text in self._ask(_NOTES)]
        by_age = sorted(notes, key=lambda one: (one[0] == keep, one[1].get("used", 0.0)), reverse=True)
        for name, _ in by_age[KEPT:]:
            self._drop(name)

    def _note(self, name: str) -> dict[str, Any] | None:
        return next((_parsed(text) for found, text in self._ask(_NOTES) if found == name), None) or None

    def _annotate(self, name: str, note: Mapping[str, Any]) -> None:
        self._ask(_comment(name, note))

    def _create(self, name: str, template: str, tablespace: str = "pg_default") -> None:
        strategy = f" strategy {STRATEGY}" if self.version >= _V15 else ""
        place = f"tablespace {tablespace}" if self._place.is_ours else ""
        self._ask(f"create database {name} owner {quoted(self._place.owner)} template {template} {place}{strategy}")

    def _drop(self, name: str) -> None:
        self._empty(name)  # DROP DATABASE checks for ended sessions every 0.1 s only
        self._ask(f"drop database if exists {quoted(name)} with (force)")

    def _copy_settings(self, template: str, name: str) -> None:
        """Copy the settings of ALTER DATABASE from the template: CREATE DATABASE does not."""
        if self._place.is_ours:
            self._ask(_COPY_SETTINGS, template, name)
            return
        for statement, value in self._ask(_SETTINGS_OF, template, name):
            name_of_setting, _, written = (value or "").partition("=")
            try_all(self._admin, f"{statement} {assignment(name_of_setting, written)}")

    def _roles(self) -> dict[str, Any]:
        return roles.read(self._admin) if self._place.is_ours else {}

    @contextmanager
    def _roles_of(self, state: str) -> Iterator[None]:
        """Make these roles exist while the block lasts, and afterwards only our own."""
        if not self._open:
            self._restore_roles(state)
        self._open += 1
        try:
            yield
        finally:
            self._open -= 1
            if not self._open:
                tidy(self._admin, is_ours=self._place.is_ours)  # before 16 the owner can create databases
                self._restore_roles(self._place.base_roles)

    def _restore_roles(self, state: str) -> None:
        if self._place.is_ours:
            roles.restore(self._admin, json.loads(state))
        while self._stubs:
            with suppress(ServerError):  # objects in a template depend on it
                self._ask(f"drop role if exists {quoted(self._stubs.pop())}")

    def _databases(self, name: str, admin: str, given: Rights) -> Databases:
        return Databases(name, self._place.url(self._place.owner, name), self._place.url(admin, name), given)

    def _ask(self, sql: str, *params: str) -> list[list[str | None]]:
        return self._turn(Request(sql, params))[0]

    def _turn(self, *requests: Request) -> list[list[list[str | None]]]:
        try:
            return self._admin.ask(*requests)
        except psycopg.Error as error:
            self._admin.abort()
            raise ServerError(
                f"the server for throwaway databases refused a request: {error.diag.message_primary or error}"
            ) from error


def _comment(name: str, note: Mapping[str, Any]) -> str:
    return f"comment on database {name} is {literal(json.dumps(note))}"


def _parsed(note: str | None) -> dict[str, Any]:
    """Read the note of a template; return an empty one if we did not write it."""
    try:
        found = json.loads(note or "{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
