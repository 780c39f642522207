"""Roles that a statement needs and the shadow server lacks: created or joined, so that the review can go on.

Production has roles that no migration creates. A statement that names one fails on the shadow server; the role is then
created there, without any right, and the statement is executed again.
"""

from __future__ import annotations

import re
from collections.abc import Collection

import psycopg

from sqlmigrate.database.session import Request, Session
from sqlmigrate.errors import StatementError
from sqlmigrate.identifiers import quoted

from . import databases

# SET ROLE gives another code than GRANT.
_UNDEFINED, _INSUFFICIENT_PRIVILEGE, _DUPLICATE = ("42704", "22023"), "42501", "42710"
_NO_ROLE = re.compile(r'role "(.+)" does not exist')
_IS_THERE = re.compile(r'role "(.+)" already exists')
_NO_MEMBER = re.compile(r'must be member of role "(.+)"')  # before PostgreSQL 16, where creating a role joins it
_NO_SCHEMA = "permission denied for schema "
_GRANTS = """\
select pg_catalog.format('grant create on schema %I to %I', n.nspname, $1::text),
       pg_catalog.format('revoke create on schema %I from %I', n.nspname, $1::text)
  from pg_catalog.pg_namespace n
 where n.nspname !~ '^pg_' and n.nspname <> 'information_schema' and pg_catalog.pg_has_role(n.nspowner, 'usage')
   and not pg_catalog.has_schema_privilege($1::text, n.oid, 'create')
union all
select pg_catalog.format('alter default privileges grant create on schemas to %I', $1::text),
       pg_catalog.format('alter default privileges revoke create on schemas from %I', $1::text)"""


class MissingRoles:
    """Creates and joins roles on one shadow server, each once.

    Args:
        server: The shadow server.
        known: Roles that were created for the base, or for another database of the server.

    Attributes:
        created: The roles that were created.
        lent: What revokes the rights that roles were given so that they can own objects.
    """

    def __init__(self, server: databases.Shadow, known: Collection[str] = ()) -> None:
        self._server = server
        self._known = frozenset(known)
        self._joined: set[str] = set()
        self._owners: set[str] = set()
        self.created: list[str] = []
        self.lent: list[str] = []

    def is_made_up(self, role: str) -> bool:
        """Return whether a role was created only because a migration names it: its rights are unknown."""
        return role in self._known or role in self.created

    def provide(self, error: StatementError, session: Session) -> bool:
        """Give the owner, whose `session` it is, the role that a statement has failed for; return whether it did.

        Nothing happens where the statement failed for another reason, or the same role is asked for again.
        """
        if (role := _missing(error)) and role not in self.created:
            self.created.append(role)
            self._server.stub_role(role)
            return True
        if role := _already_there(error):  # it may be left from a template of other files
            return self._server.give_up_role(role)
        owners = {*self.created, *self._known} - self._owners
        if _may_not_create(error) and owners:
            self._owners |= owners  # only now: DROP ROLE fails for a role that has rights
            for each in sorted(owners):
                self.lent += _let_own(session, each)
            return True
        if (role := _not_joined(error)) and role not in self._joined:
            self._joined.add(role)
            return _join(session, role)
        return False


def _missing(error: StatementError) -> str | None:
    found = _NO_ROLE.match(error.message) if error.sqlstate in _UNDEFINED else None
    return found[1] if found else None


def _already_there(error: StatementError) -> str | None:
    found = _IS_THERE.match(error.message) if error.sqlstate == _DUPLICATE else None
    return found[1] if found else None


def _not_joined(error: StatementError) -> str | None:
    found = _NO_MEMBER.match(error.message) if error.sqlstate == _INSUFFICIENT_PRIVILEGE else None
    return found[1] if found else None


def _may_not_create(error: StatementError) -> bool:
    return error.sqlstate == _INSUFFICIENT_PRIVILEGE and error.message.startswith(_NO_SCHEMA)


def _let_own(session: Session, role: str) -> list[str]:
    """Let a role own what is in the schemas, those to come included: OWNER TO demands CREATE there.

    Returns what takes that back.
    """
    try:
        grants = session.ask(Request(_GRANTS, (role,)))[0]
        session.ask(*(Request(grant or "") for grant, _ in grants))
    except psycopg.Error:  # a schema may belong to another role, and a role may be gone
        session.abort()
        return []
    return [revoke or "" for _, revoke in grants]


def _join(session: Session, role: str) -> bool:
    """Make the owner a member of a role, with its own rights: the server refuses what it may not do."""
    try:
        session.ask(Request(f"grant {quoted(role)} to current_user"))
    except psycopg.Error:
        session.abort()
        return False
    return True
