"""What is added to a relation after it is created: indexes, triggers, rules, policies, statistics."""

from __future__ import annotations

from collections.abc import Iterator

from sqlmigrate.catalog.objects import Catalog, Object

from .partitions import is_made_by_parent, is_partition
from .pieces import Piece, role_of
from .targets import target

_STATES = {"disabled": "DISABLE", "always": "ENABLE ALWAYS", "replica": "ENABLE REPLICA"}  # except the usual one


def of(relation: Object, catalog: Catalog) -> Iterator[Piece]:
    """Yield the statements for the parts of a table or view, except its columns, constraints and indexes."""
    alter = f"ALTER {target(relation)}"
    yield from _identity(relation, alter)
    for trigger in catalog.parts_of(relation, "trigger"):
        if not trigger.attributes.get("parent"):
            yield Piece(trigger.definition, (trigger.identity,))
        if state := _STATES.get(trigger.attributes.get("enabled") or ""):
            yield Piece(f"{alter} {state} TRIGGER {trigger.path[-1]}", (trigger.identity,))
    for rule in catalog.parts_of(relation, "rule"):
        yield Piece(rule.definition.rstrip(";"), (rule.identity,))
        if state := _STATES.get(rule.attributes.get("enabled") or ""):
            yield Piece(f"{alter} {state} RULE {rule.path[-1]}", (rule.identity,))
    yield from _row_level_security(relation, catalog, alter)
    for statistics in catalog.parts_of(relation, "statistics"):
        yield Piece(statistics.definition, (statistics.identity,))
        if most := statistics.attributes.get("target"):
            yield Piece(f"ALTER {target(statistics)} SET STATISTICS {most}", (statistics.identity,))


def indexes(relation: Object, catalog: Catalog) -> Iterator[Piece]:
    """Yield the statements for the indexes of a table or materialized view, except those of its constraints."""
    made = is_partition(relation) and is_made_by_parent(relation, catalog)
    for index in catalog.parts_of(relation, "index"):
        if not is_of_constraint(index, catalog) and not (made and _has_whole_parent(index, catalog)):
            role = role_of(index, relation)
            sql = index.definition if role == "last" else index.definition.replace(" ON ONLY ", " ON ", 1)
            yield Piece(sql, (index.identity,), role)
            for each in _attached(index, catalog) if role == "last" else ():
                yield Piece(f"ALTER INDEX {index.name} ATTACH PARTITION {each.name}", (index.identity,), "attach")
        for statistics in (index.attributes.get("statistics") or "").split(", "):
            if statistics:
                column, _, most = statistics.rpartition(" ")
                yield Piece(f"ALTER INDEX {index.name} ALTER COLUMN {column} SET STATISTICS {most}", (index.identity,))
        if index.attributes.get("clustered"):
            yield Piece(f"ALTER {target(relation)} CLUSTER ON {index.path[-1]}", (index.identity,))
        if index.attributes.get("replica identity"):
            yield Piece(f"ALTER TABLE {relation.name} REPLICA IDENTITY USING INDEX {index.path[-1]}", (index.identity,))


def _has_whole_parent(index: Object, catalog: Catalog) -> bool:
    """Return whether the index of a partition comes with that of its parent; one that lacks partitions comes last."""
    parent = catalog.objects.get(("index", index.attributes.get("parent") or ""))
    return parent is not None and parent.attributes.get("valid") != "false"


def _attached(index: Object, catalog: Catalog) -> list[Object]:
    """Return the indexes of partitions that are attached to an index which some partition lacks, sorted by name."""
    partitions = filter(is_partition, catalog.tables.values())
    found = (each for table in partitions for each in catalog.parts_of(table, "index"))
    return sorted((each for each in found if each.attributes.get("parent") == index.name), key=lambda each: each.name)


def is_of_constraint(index: Object, catalog: Catalog) -> bool:
    """Return whether an index comes and goes with a constraint."""
    return ("constraint", f"{index.table}.{index.path[-1]}") in catalog.objects


def trigger_state(enabled: str | None) -> str:
    """Return what ALTER says to bring a trigger, a rule or an event trigger into a state."""
    return _STATES.get(enabled or "", "ENABLE")


def _identity(relation: Object, alter: str) -> Iterator[Piece]:
    if (identity := relation.attributes.get("replica identity")) in ("nothing", "full"):
        yield Piece(f"{alter} REPLICA IDENTITY {identity.upper()}")


def _row_level_security(relation: Object, catalog: Catalog, alter: str) -> Iterator[Piece]:
    if relation.attributes.get("rls"):
        yield Piece(f"{alter} ENABLE ROW LEVEL SECURITY")
    if relation.attributes.get("rls forced"):
        yield Piece(f"{alter} FORCE ROW LEVEL SECURITY")
    for policy in catalog.parts_of(relation, "policy"):
        have = policy.attributes
        words = [f"CREATE POLICY {policy.path[-1]} ON {relation.name}"]
        words += [] if have.get("permissive") == "true" else ["AS RESTRICTIVE"]
        words += [f"FOR {(have.get('command') or 'all').upper()}"] if have.get("command") != "all" else []
        words += [f"TO {have['roles']}"] if have.get("roles") != "public" else []
        words += [f"\n    USING ({have['using']})"] if have.get("using") else []
        words += [f"\n    WITH CHECK ({have['check']})"] if have.get("check") else []
        yield Piece(" ".join(words).replace(" \n", "\n"), (policy.identity,))
