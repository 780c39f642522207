"""Rights as GRANT and REVOKE: from those that a new object has to those that an object of a catalog has.

A new object gives all rights to its owner, and some kinds give some to PUBLIC
(https://www.postgresql.org/docs/current/ddl-priv.html). The owner is not named, so that the statements are right for
whoever executes them, unless the statements that name the owner are asked for.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from sqlmigrate.catalog.objects import RELATIONS, TYPES, Catalog, Object

from .names import DATABASE, identifier, on_this_database

_NO_RIGHTS = "no rights"
_DATABASE_OWNER = "pg_database_owner"
# One entry of a list of rights: the name of the role, the letters, the role that has granted them. The server puts a
# name in quotes unless it consists of letters, digits and underscores.
_ENTRY = re.compile(r'(?P<grantee>"(?:[^"]|"")*"|[^\s"=]*)=(?P<letters>[A-Za-z*]*)/(?P<grantor>"(?:[^"]|"")*"|[^\s"]+)')
# In the order in which the documentation of GRANT has them.
_WORDS: Mapping[str, str] = {
    "r": "SELECT", "a": "INSERT", "w": "UPDATE", "d": "DELETE", "D": "TRUNCATE", "x": "REFERENCES", "t": "TRIGGER",
    "m": "MAINTAIN", "U": "USAGE", "C": "CREATE", "c": "CONNECT", "T": "TEMPORARY", "X": "EXECUTE", "s": "SET",
    "A": "ALTER SYSTEM",
}  # fmt: skip
_MAINTAIN = "m"


@dataclass(frozen=True)
class _Kind:
    """What is known of the rights on a kind of object.

    Attributes:
        word: what GRANT calls it
        every: the letters of all rights, which a new object gives its owner
        public: the letters that a new object gives PUBLIC
    """

    word: str
    every: str
    public: str = ""


_KINDS: Mapping[str, _Kind] = {
    **dict.fromkeys(RELATIONS, _Kind("TABLE", "rawdDxtm")),
    **dict.fromkeys(TYPES, _Kind("TYPE", "U", "U")),
    "column": _Kind("TABLE", "rawx"),
    "sequence": _Kind("SEQUENCE", "rwU"),
    "function": _Kind("FUNCTION", "X", "X"),
    "aggregate": _Kind("FUNCTION", "X", "X"),
    "procedure": _Kind("PROCEDURE", "X", "X"),
    "schema": _Kind("SCHEMA", "UC"),
    "database": _Kind("DATABASE", "CTc", "Tc"),
    "language": _Kind("LANGUAGE", "U", "U"),
    "foreign data wrapper": _Kind("FOREIGN DATA WRAPPER", "U"),
    "foreign server": _Kind("FOREIGN SERVER", "U"),
}
# What the kinds of default privileges are of, in the words of GRANT.
_SETS: Mapping[str, tuple[str, ...]] = {
    "tables": ("TABLE",),
    "sequences": ("SEQUENCE",),
    "functions": ("FUNCTION", "PROCEDURE"),
    "types": ("TYPE",),
    "schemas": ("SCHEMA",),
}
_DEFAULT_KINDS: Mapping[str, _Kind] = {
    "tables": _Kind("TABLES", "rawdDxtm"),
    "sequences": _Kind("SEQUENCES", "rwU"),
    "functions": _Kind("FUNCTIONS", "X", "X"),
    "types": _Kind("TYPES", "U", "U"),
    "schemas": _Kind("SCHEMAS", "UC"),
    "large objects": _Kind("LARGE OBJECTS", "rw"),
}


@dataclass(frozen=True)
class _Entry:
    """The rights that one role has from another.

    Attributes:
        grantee: who has them; empty for PUBLIC
        grantor: who has granted them
        plain: the letters of those without grant option
        grantable: the letters of those with it
    """

    grantee: str
    grantor: str
    plain: str = ""
    grantable: str = ""

    @property
    def key(self) -> tuple[str, str]:
        """The two roles."""
        return self.grantee, self.grantor

    @property
    def letters(self) -> frozenset[str]:
        """All letters."""
        return frozenset(self.plain + self.grantable)

    def given_to_another(self, old: str, new: str) -> _Entry:
        """Return the entry after the object was given to another owner."""
        grantee, grantor = (new if role == old else role for role in self.key)
        return replace(self, grantee=grantee, grantor=grantor)


@dataclass(frozen=True)
class _Subject:
    """What rights are given on, and how statements about them are written.

    Attributes:
        rights: what is known of its kind
        owner: the name of its owner
        written_owner: how statements write the owner
        on: what stands behind GRANT and its rights, ``ON TABLE app.orders``
        column: the column that each right is limited to; empty for none
        prefix: what stands before each statement
    """

    rights: _Kind
    owner: str
    written_owner: str
    on: str
    column: str = ""
    prefix: str = ""

    def grant(self, entry: _Entry) -> Iterator[str]:
        """Write the statements that give the rights of an entry."""
        if entry.plain:
            yield f"{self.prefix}GRANT {self.words(entry.plain)} {self.on} TO {self._role(entry.grantee)}"
        if entry.grantable:
            who = self._role(entry.grantee)
            yield f"{self.prefix}GRANT {self.words(entry.grantable)} {self.on} TO {who} WITH GRANT OPTION"

    def revoke(self, entry: _Entry, kept: Collection[str]) -> Iterator[str]:
        """Write the statement that takes the rights of an entry, except those that are kept."""
        if lost := "".join(each for each in entry.plain + entry.grantable if each not in kept):
            is_all = len(lost) == len(entry.letters)
            words = "ALL" + self._limit if is_all else self.words(lost)
            yield f"{self.prefix}REVOKE {words} {self.on} FROM {self._role(entry.grantee)}"

    def revoke_options(self, entry: _Entry, kept: _Entry) -> Iterator[str]:
        """Write the statement that takes the grant options of an entry whose rights are kept without them."""
        if lost := "".join(each for each in entry.grantable if each in kept.plain):
            words = self.words(lost)
            yield f"{self.prefix}REVOKE GRANT OPTION FOR {words} {self.on} FROM {self._role(entry.grantee)}"

    def revoke_all(self, grantee: str, ending: str) -> str:
        """Write the statement that takes all rights from a role."""
        return f"{self.prefix}REVOKE ALL{self._limit} {self.on} FROM {self._role(grantee)}{ending}"

    @property
    def _limit(self) -> str:
        return f" ({self.column})" if self.column else ""

    def words(self, letters: str) -> str:
        """Return the names of rights as GRANT has them."""
        if set(letters) == set(self.rights.every):
            return "ALL" + self._limit
        return ", ".join(word + self._limit for letter, word in _WORDS.items() if letter in letters)

    def _role(self, name: str) -> str:
        if name == self.owner:
            return self.written_owner
        return identifier(name) if name else "PUBLIC"


def grants(thing: Object, of: Object | None = None, *, with_owner: bool = False) -> list[str]:
    """Write the statements that give an object that is new the rights that it has in the catalog.

    Args:
        thing: The object.
        of: The relation that it is a column of.
        with_owner: Whether the owner is named; if not, he is the role that executes the statements.
    """
    if thing.kind not in _KINDS or (thing.attributes.get("acl") is None and not _is_public(thing)):
        return []
    subject = _subject(thing, of, with_owner=with_owner)
    public = _public(thing, subject.owner)
    return _executable(_between(subject, _of_new(subject, public), _held(thing, subject)))


def changed(now: Object, was: Object, of: tuple[Object, Object] | None = None) -> list[str]:
    """Write the statements that give an object the rights that it had; it already has the owner that it had.

    Args:
        now: The object as it is.
        was: The object as it was.
        of: The relation that it is a column of, as it is and as it was.
    """
    if was.kind not in _KINDS:
        return []
    relation_now, relation_was = of or (None, None)
    subject, before = (
        _subject(was, relation_was, with_owner=True),
        _subject(now, relation_now, with_owner=True),
    )
    if was.attributes.get("acl") is None:
        subject = replace(subject, rights=before.rights)
    elif now.attributes.get("acl") is None:
        before = replace(before, rights=subject.rights)
    held = [each.given_to_another(before.owner, subject.owner) for each in _held(now, before)]
    return _executable(_between(subject, held, _held(was, subject)))


def by_role(thing: Object, of: Object | None = None) -> dict[str, str]:
    """Return the rights that each role has on an object, in words: `SELECT, INSERT`; empty for a kind without rights.

    Args:
        thing: The object.
        of: The relation that it is a column of.
    """
    if thing.kind not in _KINDS:
        return {}
    subject = _subject(thing, of, with_owner=True)
    found: dict[str, list[str]] = {}
    for entry in _held(thing, subject):
        words = found.setdefault(entry.grantee or "PUBLIC", [])
        words += [subject.words(entry.plain)] if entry.plain else []
        words += [f"{subject.words(entry.grantable)} with grant option"] if entry.grantable else []
    return {role: ", ".join(dict.fromkeys(words)) for role, words in found.items()}


def without_default_privileges(thing: Object, current: Catalog) -> list[str]:
    """Write what undoes the default privileges that a new object may have got from whoever has created it.

    Args:
        thing: The object, with the rights that it is to have.
        current: The catalog of the database that it was created in.
    """
    if thing.kind not in _KINDS or thing.kind == "column":
        return []
    subject = _subject(thing, None, with_owner=True)
    wanted = {each.key: each for each in _held(thing, subject)}
    return [*dict.fromkeys(_undone(subject, wanted, _defaults_for(thing, current)))]


def _defaults_for(thing: Object, current: Catalog) -> list[Object]:
    """Return the default privileges that an object may have got when it was created."""
    return [
        each
        for each in current.of_kind("default privileges")
        if _KINDS[thing.kind].word in _SETS.get(each.attributes["on"] or "", ())
        and each.attributes.get("schema") in (None, thing.path[0])
    ]


def _undone(subject: _Subject, wanted: Mapping[tuple[str, str], _Entry], defaults: Iterable[Object]) -> Iterator[str]:
    nothing = _Entry("", "")
    for each in defaults:
        role, is_global = each.attributes["role"] or "", not each.attributes.get("schema")
        entries = [one.given_to_another(role, subject.owner) for one in _entries(each.attributes.get("acl") or "")]
        for entry in entries:
            now = wanted.get(entry.key, nothing)
            yield from subject.revoke(entry, now.letters)
            yield from subject.revoke_options(entry, now)
        for new in _of_new(subject, subject.rights.public) if is_global else ():
            given = next((one.letters for one in entries if one.key == new.key), frozenset())
            plain = wanted.get(new.key, nothing).plain
            yield from subject.grant(
                replace(new, plain="".join(letter for letter in plain if letter in new.plain and letter not in given))
            )


def default_privileges(thing: Object, catalog: Catalog, *, with_owner: bool = False) -> list[str]:
    """Write the statements that change what new objects of a role will give, from nothing set to these.

    The role is named unless it is the owner of the database, whom `with_owner` names as well.
    """
    subject, default = _subject_of_new(thing, with_role=with_owner or not is_of_database_owner(thing, catalog))
    return [*_between(subject, default, _entries(thing.attributes.get("acl") or ""))]


def title(thing: Object, catalog: Catalog) -> str:
    """Return kind and name of an object; default privileges of the database's owner without the name of that role."""
    if thing.kind != "default privileges" or not is_of_database_owner(thing, catalog):
        return f"{thing.kind} {thing.name}"
    schema = thing.attributes.get("schema")
    return f"{thing.kind} {thing.attributes['on']}" + (f" in {schema}" if schema else "")


def is_of_database_owner(thing: Object, catalog: Catalog) -> bool:
    """Return whether default privileges are those of the role that owns the database."""
    database = catalog.objects.get(("database", "'current'"))
    return database is not None and database.attributes.get("owner") == thing.attributes.get("role")


def changed_default_privileges(now: Object | None, was: Object | None, *, with_role: bool = True) -> list[str]:
    """Write the statements that lead from default privileges as they are to those that were; None: nothing was set.

    Without `with_role` they are those of the role that executes the statements.
    """
    one = was or now
    if one is None:
        return []
    subject, default = _subject_of_new(one, with_role=with_role)
    before, after = (_entries(each.attributes.get("acl") or "") if each else default for each in (now, was))
    return [*_between(subject, before, after)]


def _subject(thing: Object, of: Object | None, *, with_owner: bool) -> _Subject:
    owner = (of or thing).attributes.get("owner") or ""
    kind = _as_the_server_has_it(thing, _KINDS[thing.kind], owner, _entries(thing.attributes.get("acl") or ""))
    return _Subject(kind, owner, identifier(owner) if with_owner else "CURRENT_USER", *_target(thing, of))


def _subject_of_new(thing: Object, *, with_role: bool) -> tuple[_Subject, list[_Entry]]:
    """Return what default privileges are about, and those of a role for which nothing is set."""
    values = {name: value or "" for name, value in thing.attributes.items()}
    role, schema, kind = values["role"], values.get("schema"), _DEFAULT_KINDS[values["on"]]
    prefix = "ALTER DEFAULT PRIVILEGES" + (f" FOR ROLE {identifier(role)}" if with_role else "")
    prefix += f" IN SCHEMA {schema} " if schema else " "
    if not schema:
        kind = _as_the_server_has_it(thing, kind, role, _entries(values.get("acl", "")))
    written = identifier(role) if with_role else "CURRENT_USER"
    subject = _Subject(kind, role, written, f"ON {kind.word}", prefix=prefix)
    # in a schema, rights are added to those that a new object gives
    return subject, [] if schema else _of_new(subject, kind.public)


def _executable(statements: Iterable[str]) -> list[str]:
    return [on_this_database(each) if DATABASE in each else each for each in statements]


def _between(subject: _Subject, before: Iterable[_Entry], after: Iterable[_Entry]) -> Iterator[str]:
    """Write the statements that lead from some rights to others."""
    held = {each.key: each for each in before}
    wanted = {each.key: each for each in after}
    if any(grantor != subject.owner for _, grantor in held):
        grantees = dict.fromkeys(grantee for grantee, grantor in held if grantor == subject.owner)
        yield from (subject.revoke_all(each, " CASCADE") for each in grantees)
        held = {}
    for key, entry in held.items():
        now = wanted.get(key, _Entry(*key))
        yield from subject.revoke(entry, now.letters)
        yield from subject.revoke_options(entry, now)
    for entry in _in_order(wanted.values(), subject.owner):
        now = held.get(entry.key, _Entry(*entry.key))
        plain = "".join(each for each in entry.plain if each not in now.letters)
        grantable = "".join(each for each in entry.grantable if each not in now.grantable)
        yield from _by_grantor(subject, replace(entry, plain=plain, grantable=grantable))


def _by_grantor(subject: _Subject, entry: _Entry) -> Iterator[str]:
    """Write the statements of an entry; only the grantor himself can grant what he does not own."""
    statements = [*subject.grant(entry)]
    if not statements or entry.grantor == subject.owner:
        yield from statements
    else:
        yield f"SET ROLE {identifier(entry.grantor)}"
        yield from statements
        yield "RESET ROLE"


def _in_order(entries: Iterable[_Entry], owner: str) -> Iterator[_Entry]:
    """Sort entries so that each stands behind those that give its grantor the right to grant."""
    left, grantors = [*entries], {owner}
    while left:
        ready = [each for each in left if each.grantor in grantors] or left
        yield from ready
        grantors |= {each.grantee for each in ready if each.grantable}
        left = [each for each in left if each not in ready]


def _of_new(subject: _Subject, public: str) -> list[_Entry]:
    """Return the rights on an object that is new."""
    entries = [_Entry("", subject.owner, public)] if public else []
    return entries if subject.column else [_Entry(subject.owner, subject.owner, subject.rights.every), *entries]


def _held(thing: Object, subject: _Subject) -> list[_Entry]:
    """Return the rights on an object of a catalog."""
    acl = thing.attributes.get("acl")
    return _of_new(subject, _KINDS[thing.kind].public) if acl is None else _entries(acl)


def _entries(acl: str) -> list[_Entry]:
    if acl == _NO_RIGHTS:
        return []
    return [
        _Entry(
            _name(each["grantee"]),
            _name(each["grantor"]),
            "".join(re.findall(r"[A-Za-z](?!\*)", each["letters"])),
            "".join(re.findall(r"[A-Za-z](?=\*)", each["letters"])),
        )
        for each in _ENTRY.finditer(acl)
    ]


def _name(written: str) -> str:
    return written[1:-1].replace('""', '"') if written.startswith('"') else written


def _is_public(thing: Object) -> bool:
    """Return whether this is the schema that every new database has; PUBLIC may use it."""
    return thing.kind == "schema" and thing.name == "public"


def _public(thing: Object, owner: str) -> str:
    """Return the letters of the rights that PUBLIC has on such an object when it is new."""
    if _is_public(thing):  # https://www.postgresql.org/docs/15/release-15.html, the schema public
        return "U" if owner == _DATABASE_OWNER else "UC"
    return _KINDS[thing.kind].public


def _as_the_server_has_it(thing: Object, kind: _Kind, owner: str, entries: Iterable[_Entry]) -> _Kind:
    """Return the kind without MAINTAIN where the server does not have that right, as before PostgreSQL 17."""
    own = {letter for each in entries if each.grantee == owner for letter in each.letters}
    if _MAINTAIN in own or thing.attributes.get("owner maintains") == "false":
        return kind
    return _Kind(kind.word, kind.every.replace(_MAINTAIN, ""), kind.public)


def _target(thing: Object, of: Object | None) -> tuple[str, str]:
    """Return what GRANT names, and the column that it is limited to."""
    word = _KINDS[thing.kind].word
    if thing.kind == "column":
        return f"ON {word} {of.name if of else thing.table}", thing.path[-1]
    if thing.kind == "database":
        return f"ON {word} {DATABASE}", ""
    return f"ON {word} {thing.name}", ""
