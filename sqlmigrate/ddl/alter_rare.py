"""What puts types, routines and everything else that is not a relation back, attribute by attribute.

A kind, or an attribute, that stands here nowhere is put back by dropping the object and creating it again.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from sqlmigrate.identifiers import literal

from . import foreign, operators, rare, replication, rights, search
from .created import Statement, impossible, recreated
from .names import DATABASE, on_this_database
from .pairs import Handler, Pair, foreign_options, nothing
from .targets import target

_LABEL = re.compile(r"'(?:[^']|'')*'")
# What CREATE OR REPLACE must leave as it is: the name, the parameters, and what it returns.
_HEAD = re.compile(r"^CREATE OR REPLACE .*?(?=^ LANGUAGE )", re.MULTILINE | re.DOTALL)
_STATE = re.compile(r"^ {4}(?:STYPE|FINALFUNC|MSTYPE|MFINALFUNC) = .*$", re.MULTILINE)


def _routine(pair: Pair) -> Iterator[Statement]:
    if _HEAD.findall(pair.was.definition) == _HEAD.findall(pair.now.definition):
        yield Statement(pair.was.definition.rstrip("\n").removesuffix(";"))
    else:
        yield from recreated(pair.was, pair.now, pair.then, pair.current)


def _aggregate(pair: Pair) -> Iterator[Statement]:
    if _STATE.findall(pair.was.definition) == _STATE.findall(pair.now.definition):
        yield Statement(pair.was.definition)
    else:
        yield from recreated(pair.was, pair.now, pair.then, pair.current)


def _labels(pair: Pair) -> Iterator[Statement]:
    """Yield the statements for the labels of an enum: they can be added and renamed, not removed or moved."""
    old, new = (_LABEL.findall(text or "") for text in (pair.old("labels"), pair.new("labels")))
    if len(old) == len(new) and set(old) - set(new):
        for before, after in zip(old, new, strict=True):
            if before != after:
                yield Statement(f"{pair.alter} RENAME VALUE {after} TO {before}")
        return
    for each in new:
        if each not in old:
            yield impossible(pair.was, f"PostgreSQL cannot remove the label {each}")
    if [each for each in old if each in new] != [each for each in new if each in old]:
        yield impossible(pair.was, "PostgreSQL cannot change the order of labels")
    for number, each in enumerate(old):
        if each not in new:
            place = f"AFTER {old[number - 1]}" if number else f"BEFORE {new[0]}"
            yield Statement(f"{pair.alter} ADD VALUE {each} {place}")


def _domain_default(pair: Pair) -> Iterator[Statement]:
    default = pair.old("default")
    yield Statement(f"{pair.alter} " + (f"SET DEFAULT {default}" if default else "DROP DEFAULT"))


def _domain_not_null(pair: Pair) -> Iterator[Statement]:
    yield Statement(f"{pair.alter} {'SET' if pair.old('not null') else 'DROP'} NOT NULL")


def _extension_version(pair: Pair) -> Iterator[Statement]:
    yield Statement(f"{pair.alter} UPDATE TO {literal(pair.old('version') or '')}")


def _extension_schema(pair: Pair) -> Iterator[Statement]:
    yield Statement(f"{pair.alter} SET SCHEMA {pair.old('schema')}")


def _published(pair: Pair) -> Iterator[Statement]:
    """Yield the statement for what is published; a list cannot become empty."""
    objects = ", ".join(replication.published(pair.was, pair.then))
    if pair.are_same("all tables") and objects:
        yield Statement(f"{pair.alter} SET {objects}")
    else:
        yield from recreated(pair.was, pair.now, pair.then, pair.current)


def _publication_parameters(pair: Pair) -> Iterator[Statement]:
    new = dict.fromkeys(replication.parameters(pair.now)) | replication.parameters(pair.was)
    usual = {
        "publish": f"'{replication.ALL}'",
        "publish_via_partition_root": "false",
        "publish_generated_columns": "none",
    }
    yield Statement(
        f"{pair.alter} SET ({', '.join(f'{name} = {value or usual[name]}' for name, value in new.items())})"
    )


def _default_privileges(pair: Pair) -> Iterator[Statement]:
    yield from map(Statement, rights.changed_default_privileges(pair.now, pair.was))


def _event_trigger(pair: Pair) -> Iterator[Statement]:
    yield Statement(rare.event_trigger_state(pair.was))


def _wrapper(pair: Pair) -> Iterator[Statement]:
    for word in ("HANDLER", "VALIDATOR"):
        if not pair.are_same(word.lower()):
            function = pair.old(word.lower())
            yield Statement(f"{pair.alter} " + (f"{word} {function}" if function else f"NO {word}"))


def _options(pair: Pair) -> Iterator[Statement]:
    yield from foreign_options(pair, pair.alter)


def _server_version(pair: Pair) -> Iterator[Statement]:
    version = pair.old("version")
    yield Statement(f"{pair.alter} VERSION {'NULL' if version is None else literal(version)}")


def _mapping(pair: Pair) -> Iterator[Statement]:
    """Yield the statements for the dictionaries of a text search configuration."""
    old, new = search.by_dictionaries(pair.was), search.by_dictionaries(pair.now)
    if gone := [token for token in new if token not in old]:
        yield Statement(f"{pair.alter} DROP MAPPING FOR {', '.join(gone)}")
    for token, dictionaries in old.items():
        if new.get(token) != dictionaries:
            yield Statement(
                f"{pair.alter} {'ALTER' if token in new else 'ADD'} MAPPING FOR {token} WITH {dictionaries}"
            )


def _dictionary(pair: Pair) -> Iterator[Statement]:
    """Yield the statement for the options of a dictionary; an option without a value is removed."""
    old, new = (dict(_OPTION.findall(text or "")) for text in (pair.old("options"), pair.new("options")))
    words = [f"{name} = {value}" for name, value in old.items() if new.get(name) != value]
    words += [name for name in new if name not in old]
    yield Statement(f"{pair.alter} ({', '.join(words)})")


_OPTION = re.compile(r"((?:[\w$]+|\"(?:[^\"]|\"\")+\")) = (E?'(?:[^'\\]|''|\\.)*'|[\w.+-]+)")


def _operator(pair: Pair) -> Iterator[Statement]:
    old, new = (dict(_ESTIMATE.findall(text or "")) for text in (pair.old("estimates"), pair.new("estimates")))
    words = [f"{name} = {old.get(name, 'NONE')}" for name in {**old, **new} if old.get(name) != new.get(name)]
    yield Statement(f"{pair.alter} SET ({', '.join(words)})")


_ESTIMATE = re.compile(r"(RESTRICT|JOIN) = ([^,]+)")


def _family(pair: Pair) -> Iterator[Statement]:
    """Yield the statements for what a family holds, except what comes and goes with its classes."""
    old, new = operators.members_of_family(pair.was), operators.members_of_family(pair.now)
    with_classes = operators.in_classes(pair.was, pair.then, pair.current) | operators.in_classes(
        pair.now, pair.current, pair.then
    )
    added = [each for each in new if each not in old and each not in with_classes]
    tied = [
        one for one in operators.classes(pair.now, pair.current) if {*added} & {*operators.members(one, pair.current)}
    ]
    for one in tied:  # its operators cannot be dropped, and those of its indexes stay as they are
        yield from recreated(pair.then.objects[one.kind, one.name], one, pair.then, pair.current)
    in_classes = {each for one in tied for each in operators.members(one, pair.current)}
    if loose := [operators.named(each) for each in added if each not in in_classes]:
        yield Statement(f"{pair.alter} DROP {', '.join(loose)}")
    if missing := [each for each in old if each not in new and each not in with_classes]:
        yield Statement(operators.added_to_family(pair.was, missing))


def _connections(pair: Pair) -> Iterator[Statement]:
    limit = pair.old("connection limit") or "-1"
    yield Statement(on_this_database(f"ALTER DATABASE {DATABASE} CONNECTION LIMIT {limit}"))


def _setting(pair: Pair) -> Iterator[Statement]:
    if foreign.hidden(pair.was):
        yield impossible(pair.was, "its value may be a secret, and was not kept")
    else:
        yield from map(Statement, rare.RARE["setting"](pair.was, pair.then))


def _subscription(pair: Pair) -> Iterator[Statement]:
    yield impossible(pair.was, f"see {target(pair.was)} on the other server")


_SUBSCRIPTIONS = ("enabled", "publications", "slot", "synchronous commit")
RARE_ATTRIBUTES: Mapping[str, Mapping[str, Handler]] = {
    "function": {"definition": _routine},
    "procedure": {"definition": _routine},
    "aggregate": {"definition": _aggregate},
    "enum": {"labels": _labels},
    "domain": {"default": _domain_default, "not null": _domain_not_null},
    "extension": {"version": _extension_version, "schema": _extension_schema},
    "publication": {
        **dict.fromkeys(("all tables", "tables", "schemas"), _published),
        **dict.fromkeys(("publishes", "via root", "generated columns"), _publication_parameters),
    },
    "default privileges": {"acl": _default_privileges, "owner maintains": _default_privileges},
    "event trigger": {"enabled": _event_trigger},
    "foreign data wrapper": {"handler": _wrapper, "validator": _wrapper, "options": _options},
    "foreign server": {"version": _server_version, "options": _options},
    "user mapping": {"options": _options},
    "text search configuration": {"mapping": _mapping},
    "text search dictionary": {"options": _dictionary},
    "operator": {"estimates": _operator},
    "operator class": {"holds": nothing},
    "operator family": {"holds": _family},
    "database": {"connection limit": _connections},
    "setting": {"value": _setting},
    "subscription": dict.fromkeys(_SUBSCRIPTIONS, _subscription),
}
