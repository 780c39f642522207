"""The catalog of a database as objects with attributes, and what differs between two of them.

Read in one turn. By name two catalogs are compared after a way there and back; by identity, the OID, a renamed object
is told from one that is gone and a new one. What belongs to an extension is left out, OIDs and column numbers are no
attributes, and rights are compared as what they grant, written out or not
(https://www.postgresql.org/docs/current/catalogs.html).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import Literal, NamedTuple
from weakref import WeakKeyDictionary

import psycopg

from sqlmigrate.database import Request, Session

from .catalog_others import BODIES, sorts
from .catalog_sql import COMMENTS, FIELD, GUARD, RECORD, SETTINGS


class Identity(NamedTuple):
    """What an object is, whatever it is called: its catalog, OID and column."""

    catalog: str
    oid: int
    sub: int


@dataclass(frozen=True)
class Object:
    """One object: `name` is qualified and quoted as needed, ``public.orders.total`` for a column.

    `path` are the parts of the name, `table` what it goes with when that is dropped: itself, for a table.
    """

    kind: str
    name: str
    identity: Identity
    attributes: Mapping[str, str | None]
    path: tuple[str, ...] = ()
    table: str = ""


@dataclass(frozen=True)
class Catalog:
    """All objects, by kind and name."""

    objects: Mapping[tuple[str, str], Object]

    @cached_property
    def tables(self) -> Mapping[str, Object]:
        """What has columns, by name."""
        return {name: each for (kind, name), each in self.objects.items() if kind in _WITH_COLUMNS}

    @cached_property
    def identities(self) -> frozenset[Identity]:
        """What is there, whatever it is called."""
        return frozenset(each.identity for each in self.objects.values())

    @cached_property
    def orders(self) -> Mapping[str, list[str]]:
        """The columns of each table, in their order."""
        places: dict[str, list[tuple[int, str]]] = {}
        for (kind, _), each in self.objects.items():
            if kind == "column":
                places.setdefault(each.table, []).append((each.identity.sub, each.path[-1]))
        return {table: [name for _, name in sorted(columns)] for table, columns in places.items()}


@dataclass(frozen=True)
class Difference:
    """What is otherwise in the second of two catalogs; `attributes` are name, before, after."""

    kind: str
    name: str
    change: Literal["left over", "missing", "different", "column order"]
    attributes: tuple[tuple[str, str | None, str | None], ...] = ()


@dataclass(frozen=True)
class Change:
    """What became of one object; `moved` is to another schema."""

    kind: str
    before: Object | None
    after: Object | None
    change: Literal["new", "gone", "renamed", "moved", "altered"]


_NOTHING = Object("", "", Identity("", 0, 0), {})
_WITH_COLUMNS = ("table", "partitioned table", "view", "materialized view", "foreign table", "composite type")


def read(session: Session, ignore: Collection[str] = ()) -> Catalog:
    """Read what is defined in a database, but for the tables of `ignore` (``public.migrations``) with all they have."""
    kinds = sorts(session.conn.info.server_version)
    *answers, comments = _answers(session, [*(each.sql() for each in kinds), COMMENTS])
    objects: dict[tuple[str, str], Object] = {}
    for sort, ((text,),) in zip(kinds, answers, strict=True):
        for record in text.split(RECORD) if text else ():
            each = _object(sort.catalog, record)
            if each.table not in ignore:
                objects[each.kind, each.name] = each
    return Catalog(_commented(objects, comments))


def _commented(
    objects: dict[tuple[str, str], Object], comments: Iterable[list[str | None]]
) -> dict[tuple[str, str], Object]:
    """Add the comments, which all kinds of objects have."""
    texts = {Identity(catalog or "", int(oid or 0), int(sub or 0)): text for catalog, oid, sub, text in comments}
    for key, each in objects.items() if texts else ():
        if (text := texts.get(each.identity)) is not None:
            objects[key] = replace(each, attributes={**each.attributes, "comment": text})
    return objects


_prepared: WeakKeyDictionary[Session, int] = WeakKeyDictionary()


def _answers(session: Session, queries: Sequence[str]) -> list[list[list[str | None]]]:
    """Ask in one turn; the first time the queries are prepared in it, for planning them takes longer than the rest."""
    try:
        return _executed(session, queries)
    except (psycopg.errors.InvalidSqlStatementName, psycopg.errors.DuplicatePreparedStatement):
        session.abort()  # somebody has tidied up the session, or stopped us half way
        session.ask(Request("deallocate all"))
        _prepared.pop(session, None)
        return _executed(session, queries)


def _executed(session: Session, queries: Sequence[str]) -> list[list[list[str | None]]]:
    executed = [Request(f"execute sqlmigrate_catalog_{number}", quiet=True) for number in range(len(queries))]
    making = () if _prepared.get(session) == session.pid else zip(executed, queries, strict=True)
    prepared = [Request(f"{each.sql.replace('execute', 'prepare')} as {sql}", quiet=True) for each, sql in making]
    answers = session.ask(GUARD, *SETTINGS, *prepared, *executed, Request("rollback"))
    _prepared[session] = session.pid
    return answers[-1 - len(queries) : -1]


@lru_cache(maxsize=1 << 16)
def _object(catalog: str, record: str) -> Object:
    """Make an object; what is as it was when it was last read is not made again."""
    kind, schema, relation, own, table, oid, sub, *rest = record.split(FIELD)
    path = tuple([part for part in (schema, relation, own) if part])
    attributes: dict[str, str | None] = dict(part.partition("=")[::2] for part in rest)
    within = table or (f"{schema}.{relation}" if relation else "")
    return Object(kind, ".".join(path), Identity(catalog, int(oid), int(sub)), attributes, path, within)


# -- by name -----------------------------------------------------------------------------------------------------------


def differences(before: Catalog, after: Catalog) -> tuple[Difference, ...]:
    """Tell what is otherwise after a way there and back, by name; another order of columns is told apart.

    What a table or type is made of comes and goes with it; it is not named besides.
    """
    return (*_by_name(before.objects, after.objects), *_reordered(before, after))


def _by_name(before: Mapping[tuple[str, str], Object], after: Mapping[tuple[str, str], Object]) -> Iterator[Difference]:
    wholes = {name for _, name in before.keys() ^ after.keys()}
    changed = {key for key in before.keys() | after.keys() if before.get(key) is not after.get(key)}
    for key in sorted(changed, key=lambda key: (_is_part(before.get(key) or after[key]), *key)):
        if key[0] == "enum label":  # which are an attribute of their enum besides
            continue
        old, new = before.get(key), after.get(key)
        if old is not None and new is not None:
            if found := _attributes(old, new):
                yield Difference(*key, "different", found)
        elif not (_is_part(thing := old or after[key]) and thing.table in wholes):
            yield Difference(*key, "missing" if old else "left over")


def _is_part(thing: Object) -> bool:
    return thing.table not in ("", thing.name)


def _reordered(before: Catalog, after: Catalog) -> Iterator[Difference]:
    """Compare the order of the columns that are there before and after."""
    for name, columns in before.orders.items():
        others = after.orders.get(name, [])
        if columns != others and not after.tables.get(name, _NOTHING).kind.endswith("view"):  # whose text says it
            common = set(columns) & set(others)
            if [each for each in columns if each in common] != [each for each in others if each in common]:
                yield Difference(after.tables[name].kind, name, "column order")


def _attributes(old: Object, new: Object) -> tuple[tuple[str, str | None, str | None], ...]:
    was, now = old.attributes, new.attributes
    if old is new or was == now:
        return ()
    names = sorted(was.keys() | now.keys())
    return tuple((name, was.get(name), now.get(name)) for name in names if was.get(name) != now.get(name))


# -- by identity -------------------------------------------------------------------------------------------------------

# A change of a column's type, or REINDEX CONCURRENTLY, makes these anew; with nothing changed, they are what they were.
_REBUILT = ("index", "constraint", "statistics")
_PART = r'(?:[\w$]+|"(?:[^"]|"")+")'
_OWN = re.compile(rf"({_PART}|'(?:[^']|'')*')(?:$|\(| using )")
_TOKEN = re.compile(rf"'(?:[^']|'')*'|{_PART}(?:\.{_PART})*")
_ALIAS = re.compile(rf"(?<= AS ){_PART}")
_AS_ITSELF = re.compile(rf"(?<![\w$])({_PART}) AS \1(?![\w$])")


def changes(before: Catalog, after: Catalog) -> tuple[Change, ...]:
    """Tell what became of each object, by identity: a renamed one is the same under another name."""
    old = {each.identity: each for each in before.objects.values()}
    new = {each.identity: each for each in after.objects.values()}
    kept = [(was, new[identity]) for identity, was in old.items() if identity in new]
    names = _Names(kept)
    gone = [each for identity, each in old.items() if identity not in new]
    made = [each for identity, each in new.items() if identity not in old]
    rebuilt = _rebuilt(_children(gone, before), _children(made, after), names)
    return (
        *(Change(each.kind, each, None, "gone") for each in gone if each.identity not in rebuilt),
        *(change for was, now in kept for change in _kept(was, now, names)),
        *(Change(each.kind, None, each, "new") for each in made if each.identity not in rebuilt),
    )


def _kept(was: Object, now: Object, names: _Names) -> Iterator[Change]:
    if was.name != now.name and (named := _renamed(was, now)):
        yield Change(now.kind, was, now, named)
    if was.kind != now.kind or names.differ(was, now):
        yield Change(now.kind, was, now, "altered")


def _renamed(was: Object, now: Object) -> Literal["renamed", "moved"] | None:
    """Tell another name from another schema; what is called otherwise because its table or type is, is not renamed."""
    if _own(was) != _own(now):
        return "renamed"
    follows = _is_part(now) and now.kind != "statistics"
    return None if follows or was.path[:-1] == now.path[:-1] else "moved"


def _own(thing: Object) -> str:
    """Give what an object alone is called: of a function without its arguments, of a cast nothing."""
    name = _OWN.match(thing.path[-1])
    return name[1] if name else ""


class _Names:
    """What is called otherwise now, so that a text that only says so is known to be the same."""

    def __init__(self, kept: Iterable[tuple[Object, Object]]) -> None:
        self._now: dict[str, str] = {}
        for was, now in kept:
            if was.name != now.name and (old := _own(was)):
                new = _own(now)
                if len(was.path) == len(now.path) == 2:  # noqa: PLR2004 - a schema, and its own
                    self._now[f"{was.path[0]}.{old}"] = f"{now.path[0]}.{new}"
                if old != new:
                    self._now |= {old: new, old.strip("'"): new.strip("'")}

    def differ(self, was: Object, now: Object) -> bool:
        """Tell whether more than names has changed."""
        return any(not self._says_the_same(old or "", new or "") for _, old, new in _attributes(was, now))

    def _says_the_same(self, old: str, new: str) -> bool:
        """Compare two texts; bodies and comments keep the old names."""
        told = self._renamed(old)
        return told in (self._unnamed(new), self._renamed(new))

    def _renamed(self, text: str) -> str:
        """Give a text of before with every name as it is now."""
        if not self._now or text in self._now:
            return self._now.get(text, text)
        return _AS_ITSELF.sub(r"\1", _TOKEN.sub(self._told, text))

    def _unnamed(self, text: str) -> str:
        """Give a text of now without the old names that a view goes on to give its columns."""
        if not self._now:
            return text
        return _AS_ITSELF.sub(r"\1", _ALIAS.sub(lambda alias: self._now.get(alias[0], alias[0]), text))

    def _told(self, token: re.Match[str]) -> str:
        text = token[0]
        if text in self._now:
            return self._now[text]
        if text.startswith("'"):
            return f"'{_TOKEN.sub(self._told, text[1:-1])}'"
        parts = re.findall(_PART, text)
        head = self._now.get(".".join(parts[:2]))
        told = [self._now.get(each, each) for each in (parts[2:] if head else parts)]
        return ".".join([head, *told] if head else told)


_Child = tuple[str, Identity, str]


def _children(things: Iterable[Object], catalog: Catalog) -> Mapping[_Child, Object]:
    """Give what may have been rebuilt, by the table that it is on."""
    found: dict[_Child, Object] = {}
    for each in things:
        if each.kind in _REBUILT and (table := catalog.tables.get(each.table)):
            found[each.kind, table.identity, each.path[-1]] = each
    return found


def _rebuilt(gone: Mapping[_Child, Object], made: Mapping[_Child, Object], names: _Names) -> set[Identity]:
    pairs = [(gone[key], made[key]) for key in gone.keys() & made.keys()]
    return {each.identity for pair in pairs if not names.differ(*pair) for each in pair}


# -- functions ---------------------------------------------------------------------------------------------------------

_COMMENT = re.compile(r"--[^\n]*|/\*.*?(?:\*/|\Z)", re.DOTALL)
_WORD = re.compile(r"[\w$]+")
_NAME = re.compile(rf"{_PART}|'(?:[^']|'')*'")
_MISFITS = ("42P13", "42804")  # the body gives what the function does not return: nobody is named


def broken_bodies(session: Session, gone: Collection[str] = ()) -> tuple[tuple[str, str], ...]:
    """Give the functions whose bodies no longer compile, each with why.

    Of the functions that say what is `gone`, those in SQL are compiled anew, in a transaction that is rolled back;
    PL/pgSQL compiles at the first call, and there the word itself is the finding: a column's together with its table's
    (https://www.postgresql.org/docs/current/plpgsql-implementation.html#PLPGSQL-PLAN-CACHING).
    """
    things = {_spoken(name) for name in gone}
    requests = (GUARD, *SETTINGS, Request(BODIES), Request("rollback"))
    found = []
    for name, language, definition, source, triggers in session.ask(*requests)[-2]:
        body = _Body(source or "", triggers or "")
        if language == "sql":
            touched = {thing for thing in things if any(map(body.says, thing))}
            why = _refused(session, definition or "", touched) if touched else None
        else:
            why = next((f"it says `{thing[-1]}`, which is gone" for thing in sorted(things) if body.means(thing)), None)
        if why:
            found.append((name or "", why))
    return tuple(found)


def _spoken(name: str) -> tuple[str, ...]:
    """Give the words for an object in a body, without its schema: of a column the table's and its own."""
    parts = [part.strip('"').replace('""', '"').lower() for part in _NAME.findall(name.partition("(")[0])]
    return tuple(parts[1:] or parts)


class _Body:
    """The body of a function: what it says, comments apart; of a trigger's function its tables are known besides."""

    def __init__(self, source: str, tables: str) -> None:
        self._text = _COMMENT.sub(" ", source).lower()
        self._words = set(_WORD.findall(self._text))
        self._tables = set(tables.split())

    def says(self, word: str) -> bool:
        return word in self._words if _WORD.fullmatch(word) else word in self._text

    def means(self, thing: tuple[str, ...]) -> bool:
        *table, own = thing
        return self.says(own) and (own[:1] == "'" or all(self.says(each) or each in self._tables for each in table))


def _refused(session: Session, definition: str, gone: Collection[tuple[str, ...]]) -> str | None:
    """Compile a function anew; None where it does, or fails for another reason than what is gone."""
    try:
        session.ask(Request("begin"), Request("set local check_function_bodies = on"), Request(definition))
    except psycopg.Error as error:
        session.abort()
        message = error.diag.message_primary or "it no longer compiles"
        is_ours = error.sqlstate in _MISFITS or any(thing[-1].strip("'") in message.lower() for thing in gone)
        return message if is_ours else None
    session.ask(Request("rollback"))
    return None
