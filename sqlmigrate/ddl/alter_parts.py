"""What puts constraints, indexes, triggers, rules, policies, statistics and sequences back.

https://www.postgresql.org/docs/current/sql-altertable.html
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from . import sequences
from .alter_tables import tablespace
from .created import Statement, impossible, recreated
from .pairs import Handler, Pair, nothing
from .parts import is_of_constraint, trigger_state
from .targets import target

_WITH = re.compile(r" WITH \((.*?)\)(?= WHERE |$| TABLESPACE )")
_DEFERRABLE = re.compile(r"( DEFERRABLE| INITIALLY DEFERRED)*( NOT ENFORCED)?$")
_NOT_VALID = " NOT VALID"


def _constraint(pair: Pair) -> Iterator[Statement]:
    """Yield the statements for a constraint: validated, altered if it is a foreign key, or created again."""
    if pair.old("inherited") or pair.old("parent"):
        return
    own, old, new = pair.was.path[-1], pair.was.definition, pair.now.definition
    table = f"DOMAIN {pair.was.table}" if pair.was.kind.startswith("domain") else target(pair.relation)
    if old == new.removesuffix(_NOT_VALID):
        yield Statement(f"ALTER {table} VALIDATE CONSTRAINT {own}")
    elif pair.was.is_foreign_key and _DEFERRABLE.sub("", old) == _DEFERRABLE.sub("", new) and not _enforced(pair):
        deferred = "INITIALLY DEFERRED" if "INITIALLY DEFERRED" in old else "INITIALLY IMMEDIATE"
        how = f"DEFERRABLE {deferred}" if " DEFERRABLE" in old else "NOT DEFERRABLE"
        yield Statement(f"ALTER {table} ALTER CONSTRAINT {own} {how}")
    else:
        yield from recreated(pair.was, pair.now, pair.then, pair.current)


def _enforced(pair: Pair) -> bool:
    """Return whether a constraint began or ceased to be enforced."""
    return ("NOT ENFORCED" in pair.was.definition) != ("NOT ENFORCED" in pair.now.definition)


def _index(pair: Pair) -> Iterator[Statement]:
    """Yield the statements for the definition of an index: its options, or the index as it was."""
    old, new = pair.was.definition, pair.now.definition
    if _WITH.sub("", old) == _WITH.sub("", new):
        before, after = (_options(each) for each in (old, new))
        if changed := [f"{name}={value}" for name, value in before.items() if after.get(name) != value]:
            yield Statement(f"{pair.alter} SET ({', '.join(changed)})")
        if added := [name for name in after if name not in before]:
            yield Statement(f"{pair.alter} RESET ({', '.join(added)})")
    elif not is_of_constraint(pair.was, pair.then):
        yield from recreated(pair.was, pair.now, pair.then, pair.current)


def _options(definition: str) -> dict[str, str]:
    found = _WITH.search(definition)
    pairs = (each.partition("=") for each in (found[1].split(", ") if found else ()))
    return {name: value for name, _, value in pairs}


def _valid(pair: Pair) -> Iterator[Statement]:
    if pair.old("valid") == "true":
        yield Statement(f"REINDEX {target(pair.was)}")
    else:
        yield impossible(pair.was, "that it is not valid")


def _clustered(pair: Pair) -> Iterator[Statement]:
    relation = f"ALTER {target(pair.relation)}"
    if pair.old("clustered"):
        yield Statement(f"{relation} CLUSTER ON {pair.was.path[-1]}")
    elif not any(each.attributes.get("clustered") for each in pair.then.parts_of(pair.relation, "index")):
        yield Statement(f"{relation} SET WITHOUT CLUSTER")


def _replica_identity(pair: Pair) -> Iterator[Statement]:
    if pair.old("replica identity"):
        yield Statement(f"ALTER {target(pair.relation)} REPLICA IDENTITY USING INDEX {pair.was.path[-1]}")


def _index_statistics(pair: Pair) -> Iterator[Statement]:
    old, new = (dict(each.split(" ") for each in (text or "").split(", ") if each) for text in
                (pair.old("statistics"), pair.new("statistics")))  # fmt: skip
    for number in {**old, **new}:
        if old.get(number) != new.get(number):
            yield Statement(f"{pair.alter} ALTER COLUMN {number} SET STATISTICS {old.get(number, '-1')}")


def _enabled(pair: Pair) -> Iterator[Statement]:
    what, state = pair.was.kind.upper(), trigger_state(pair.old("enabled"))
    yield Statement(f"ALTER {target(pair.relation)} {state} {what} {pair.was.path[-1]}")


def _policy(pair: Pair) -> Iterator[Statement]:
    """Yield the statement for a policy; ALTER POLICY cannot remove an expression."""
    if not pair.are_same("command", "permissive") or any(pair.old(each) is None and pair.new(each) for each in _BOTH):
        yield from recreated(pair.was, pair.now, pair.then, pair.current)
        return
    words = [f"TO {pair.old('roles')}"] if not pair.are_same("roles") else []
    words += [f"USING ({pair.old('using')})"] if not pair.are_same("using") else []
    words += [f"WITH CHECK ({pair.old('check')})"] if not pair.are_same("check") else []
    yield Statement(f"{pair.alter} {' '.join(words)}")


_BOTH = ("using", "check")


def _target(pair: Pair) -> Iterator[Statement]:
    yield Statement(f"{pair.alter} SET STATISTICS {pair.old('target') or '-1'}")


def _sequence(pair: Pair) -> Iterator[Statement]:
    yield Statement(f"{pair.alter} {sequences.all_options(pair.was)}", holds_data=True)


def _owned_by(pair: Pair) -> Iterator[Statement]:
    """Yield the statement that ties a sequence to its column again; identity columns have their own."""
    keys = (("column", pair.old("owned by") or ""), ("column", pair.new("owned by") or ""))
    columns = pair.then.objects.get(keys[0]), pair.current.objects.get(keys[1])
    if not any(column and column.attributes.get("identity") for column in columns):
        yield Statement(f"{pair.alter} OWNED BY {pair.old('owned by') or 'NONE'}", holds_data=True)


def _persistence(pair: Pair) -> Iterator[Statement]:
    yield Statement(f"{pair.alter} SET {'UNLOGGED' if pair.old('persistence') else 'LOGGED'}", holds_data=True)


_OF_SEQUENCES = ("type", "start", "increment", "minimum", "maximum", "cache", "cycle")
_OF_CONSTRAINTS: Mapping[str, Handler] = {
    "definition": _constraint,
    "validated": _constraint,
    "inherited": nothing,
    "parent": nothing,
}
PARTS: Mapping[str, Mapping[str, Handler]] = {
    "constraint": _OF_CONSTRAINTS,
    "domain constraint": _OF_CONSTRAINTS,
    "index": {
        "definition": _index,
        "valid": _valid,
        "clustered": _clustered,
        "replica identity": _replica_identity,
        "tablespace": tablespace,
        "parent": nothing,
        "statistics": _index_statistics,
    },
    "trigger": {"enabled": _enabled, "parent": nothing},
    "rule": {"enabled": _enabled},
    "policy": dict.fromkeys(("command", "permissive", "roles", "using", "check"), _policy),
    "statistics": {"target": _target},
    "sequence": {
        **dict.fromkeys(_OF_SEQUENCES, _sequence),
        "owned by": _owned_by,
        "persistence": _persistence,
    },
}
