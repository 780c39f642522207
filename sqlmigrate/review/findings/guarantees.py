"""Findings of what a table no longer guarantees: uniqueness, foreign keys, checks, triggers.

Compared is the relation that has the name before and after the file, so a swap of two tables is seen like an ALTER
TABLE. What another object still guarantees is not lost: an equal constraint under another name, an index with the same
columns. What goes with a dropped table or column is reported as that.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import replace

from sqlmigrate.catalog.objects import Object
from sqlmigrate.identifiers import IDENTIFIER, displayed, last_part
from sqlmigrate.review.rules import guarantees
from sqlmigrate.review.rules.rule import Finding, Rule
from sqlmigrate.source import Span

from .definitions import ForeignKey, TriggerEvents, UniqueKey, foreign_key, rule_of_check, trigger_events, unique_key
from .removed import is_cascaded_part
from .subject import Subject
from .successors import VIEWS, Successor

_WORD = re.compile(IDENTIFIER)
_LONG = 240  # characters of definitions in one sentence


def find(subject: Subject) -> Iterator[Finding]:
    """Return these findings of an up file."""
    for each in subject.successors:
        if each.after.kind in VIEWS and each.before.kind not in VIEWS:
            continue  # the table under the view still guarantees it
        yield from _unique_keys(subject, each)
        yield from _foreign_keys(subject, each)
        yield from _checks(subject, each)
        yield from _triggers(subject, each)
        yield from _rules(subject, each)


def _old_parts(pair: Successor, kind: str) -> Iterator[Object]:
    """Return the parts that the running application knows, without those that a partition has from its parent."""
    base = pair.base.by_identity.get(pair.before.identity)
    known = {_meaning(each) for each in pair.base.parts_of(base, kind)} if base else set()
    above = pair.was.tables.get(pair.before.attributes.get("parents") or "")
    inherited = {_meaning(each) for each in pair.was.parts_of(above, kind)} if above else set()
    for each in pair.was.parts_of(pair.before, kind):
        meaning = _meaning(each)
        if (each.identity in pair.base.by_identity or meaning in known) and meaning not in inherited:
            yield each


def _meaning(part: Object) -> Hashable:
    """Return what a part guarantees, independent of its name and its table."""
    text = part.definition
    found: Hashable = unique_key(text) if part.kind == "index" else trigger_events(text)
    return found or foreign_key(text) or (part.kind, rule_of_check(text))


def _kept(pair: Successor, part: Object) -> Object | None:
    """Return the same part after the file; None if it is gone, or remains with the old relation or column."""
    now = pair.now.by_identity.get(part.identity)
    if now is None or now.table != pair.after.name:
        return None
    swapped = {before.path[-1] for before, _ in pair.columns}
    return None if swapped.intersection(_WORD.findall(part.definition)) else now


def _shown(pair: Successor, part: Object) -> str:
    return f"{displayed(pair.before.name)}.{part.path[-1]}"


def _finding(subject: Subject, pair: Successor, rule: Rule, part: Object, message: str) -> Finding:
    """Make a finding at the statement that changed the part, or that gave its table's name to another one."""
    left = pair.now.by_identity.get(part.identity) if pair.is_other else None
    where = f"; it remains with `{displayed(left.table)}`" if left is not None and left.table else ""
    return subject.finding(rule, _place(subject, pair, part), message + where)


def _place(subject: Subject, pair: Successor, part: Object) -> Span:
    return subject.place_of_name(pair.after) if pair.is_other else subject.place_of_first(part, pair.before)


def _is_reported(subject: Subject, pair: Successor, part: Object) -> bool:
    """Return whether the part is reported as dropped by CASCADE."""
    return not pair.is_other and part.identity not in pair.now.by_identity and is_cascaded_part(subject, part)


# unique keys


def _unique_keys(subject: Subject, pair: Successor) -> Iterator[Finding]:
    current = [(each, key) for each in pair.now.parts_of(pair.after, "index") if (key := _valid_key(each))]
    for index in _old_parts(pair, "index"):
        key = _valid_key(index)
        if key is None or _kept(pair, index) or pair.uses_gone_column(" ".join((*key.columns, key.where))):
            continue
        constraint = _constraint(pair.was.parts_of(pair.before, "constraint"), index)
        is_deferrable = " DEFERRABLE" in constraint
        covering = [each for each, now in current if now.covers(key)]
        after = pair.now.parts_of(pair.after, "constraint")
        if any(is_deferrable or " DEFERRABLE" not in _constraint(after, each) for each in covering):
            continue
        if _is_reported(subject, pair, index):
            continue
        kind = _kind_of_key(constraint)
        message = f"the {kind} `{_shown(pair, index)}` "
        message += _deferred(covering) or _what_replaces(key, current)
        is_unique = bool(covering) or any(set(now.columns) < set(key.columns) and not now.where for _, now in current)
        message += _consequence(pair, key, has_duplicates=not is_unique)
        yield _finding(subject, pair, guarantees.UNIQUE_REMOVED, index, message)


def _valid_key(index: Object) -> UniqueKey | None:
    return unique_key(index.definition) if index.attributes.get("valid") != "false" else None


def _constraint(constraints: Sequence[Object], index: Object) -> str:
    """Return the definition of the constraint that an index is for; empty if there is none."""
    return next((each.definition for each in constraints if each.path[-1] == index.path[-1]), "")


def _kind_of_key(constraint: str) -> str:
    if constraint.startswith("PRIMARY KEY"):
        return "primary key"
    return "unique constraint" if constraint else "unique index"


def _deferred(covering: Sequence[Object]) -> str:
    return f"is now deferrable, as `{last_part(covering[0].name)}`" if covering else ""


def _what_replaces(key: UniqueKey, current: Sequence[tuple[Object, UniqueKey]]) -> str:
    """Describe an index with the same columns that guarantees less."""
    for each, now in current:
        if set(now.columns) == set(key.columns) and now.where not in ("", key.where):
            return f"is replaced by the partial index `{last_part(each.name)}`, only for rows with {now.where}"
        if set(now.columns) == set(key.columns):
            return f"is replaced by `{last_part(each.name)}`, which permits several NULLs"
    return "is gone"


def _consequence(pair: Successor, key: UniqueKey, *, has_duplicates: bool) -> str:
    if pair.before.kind == "materialized view":
        return ": REFRESH MATERIALIZED VIEW CONCURRENTLY fails if no other unique index covers every row"
    more = ", and duplicates can be inserted" if has_duplicates else ""
    where = f" WHERE {key.where}" if key.where else ""
    return f": INSERT ... ON CONFLICT ({', '.join(key.columns)}){where} of the running application fails{more}"


# foreign keys


def _foreign_keys(subject: Subject, pair: Successor) -> Iterator[Finding]:
    was, now = pair.was.parts_of(pair.before, "constraint"), pair.now.parts_of(pair.after, "constraint")
    old = [key for each in was if (key := foreign_key(each.definition))]
    for constraint in _old_parts(pair, "constraint"):
        key = foreign_key(constraint.definition)
        if key is None or _is_of_partition(pair, key, old) or pair.uses_gone_column(key.columns):
            continue
        kept = _kept(pair, constraint)
        similar = [kept] if kept else [each for each in now if _is_same_key(pair, key, foreign_key(each.definition))]
        enforced = [each for each in similar if " NOT ENFORCED" not in each.definition]
        same = [each for each in enforced if (other := foreign_key(each.definition)) and other.actions == key.actions]
        if same or _is_reported(subject, pair, constraint) or " NOT ENFORCED" in constraint.definition:
            continue
        if enforced or _has_referenced_table(pair, key):
            message = f"the foreign key `{_shown(pair, constraint)}` {_lost_key(key, similar, enforced)}"
            yield _finding(subject, pair, guarantees.FOREIGN_KEY_REMOVED, constraint, message)


def _is_of_partition(pair: Successor, key: ForeignKey, others: Sequence[ForeignKey]) -> bool:
    """Return whether a key to a partition exists only because of the key to its partitioned table."""
    table = pair.was.tables.get(key.table)
    above = table.attributes.get("parents") if table and table.attributes.get("partition bound") else None
    return bool(above) and any(each.columns == key.columns and each.table == above for each in others)


def _is_same_key(pair: Successor, old: ForeignKey, new: ForeignKey | None) -> bool:
    if new is None or (new.columns, new.key) != (old.columns, old.key):
        return False
    before, after = pair.was.tables.get(old.table), pair.now.tables.get(new.table)
    return old.table == new.table or (before is not None and after is not None and before.identity == after.identity)


def _has_referenced_table(pair: Successor, key: ForeignKey) -> bool:
    """Return whether the referenced table still exists; if it is dropped, that is reported."""
    table = pair.was.tables.get(key.table)
    return key.table in pair.now.tables or (table is not None and table.identity in pair.now.by_identity)


def _differing(old: str, new: str) -> tuple[str, str]:
    """Return two definitions; of long ones only the words from the first to the last that differ."""
    if len(old) + len(new) <= _LONG:
        return old, new
    was, now = old.split(" "), new.split(" ")
    shorter = min(len(was), len(now))
    head = next((at for at in range(shorter) if was[at] != now[at]), shorter)
    tail = next((at for at in range(shorter - head) if was[-1 - at] != now[-1 - at]), shorter - head)
    was, now = was[head : len(was) - tail], now[head : len(now) - tail]
    return (_start(f"… {' '.join(was)} …"), _start(f"… {' '.join(now)} …"))


def _start(text: str) -> str:
    return text if len(text) <= _LONG else f"{text[: _LONG - 2].rstrip()} …"


def _lost_key(key: ForeignKey, similar: Sequence[Object], enforced: Sequence[Object]) -> str:
    table = displayed(key.table)
    if not enforced:
        done = "".join(f", and {each} from `{table}` no longer happens" for each in key.actions[:1])
        state = "is no longer enforced" if similar else "is gone"
        return f"{state}: rows that reference nothing can be inserted{done}"
    now = foreign_key(enforced[0].definition)
    actions = now.actions if now else ()
    lost = [each for each in key.actions if each not in actions]
    new = [each for each in actions if each not in key.actions]
    if not lost:
        return f"is {' and '.join(new)} now"
    return f"is no longer {' and '.join(lost)}" + (f", but {' and '.join(new)}" if new else "")


# checks


def _checks(subject: Subject, pair: Successor) -> Iterator[Finding]:
    if pair.after.attributes.get("partition bound"):
        return  # its bound is checked, and so is what its parent checks
    now = [each for each in pair.now.parts_of(pair.after, "constraint") if "NOT ENFORCED" not in each.definition]
    for constraint in _old_parts(pair, "constraint"):
        text = rule_of_check(constraint.definition)
        if not text.startswith(("CHECK ", "EXCLUDE ")) or _is_enforced(pair, constraint, text, now):
            continue
        if pair.uses_gone_column(text) or _is_reported(subject, pair, constraint) or text.endswith(" NOT ENFORCED"):
            continue
        kind = "CHECK" if text.startswith("CHECK ") else "exclusion constraint"
        head = f"the {kind} `{_shown(pair, constraint)}`"
        if other := _replacement(pair, constraint, now):
            was, now_is = _differing(text, rule_of_check(other.definition))
            message = f"{head} is replaced: it was {was}, and is now {now_is}"
            yield _finding(subject, pair, guarantees.CHECK_REPLACED, constraint, message)
        else:
            yield _finding(
                subject,
                pair,
                guarantees.CHECK_REMOVED,
                constraint,
                f"{head} is gone: {_start(text)} is no longer enforced",
            )


_NOT_NULL = re.compile(rf"CHECK \(\(({IDENTIFIER}) IS NOT NULL\)\)$")


def _is_enforced(pair: Successor, constraint: Object, text: str, now: Sequence[Object]) -> bool:
    """Return whether a CHECK still applies: it is still there, or an equal one, or the column is NOT NULL."""
    kept = _kept(pair, constraint)
    if kept in now or any(rule_of_check(each.definition) == text for each in now):
        return True
    column = _NOT_NULL.match(text)
    columns = pair.now.parts_of(pair.after, "column")
    return column is not None and column[1] in [each.path[-1] for each in columns if each.attributes.get("not null")]


def _replacement(pair: Successor, constraint: Object, now: Sequence[Object]) -> Object | None:
    """Return a new constraint of the same kind that has the same name, or is about the same columns."""
    kind = constraint.definition[:5]
    columns = {each.path[-1] for each in pair.was.parts_of(pair.before, "column")}
    about = columns.intersection(_WORD.findall(constraint.definition))
    for each in now:
        is_new = each.identity not in pair.was.by_identity and each.definition.startswith(kind)
        names = columns.intersection(_WORD.findall(each.definition))
        if is_new and (each.path[-1] == constraint.path[-1] or names == about):
            return each
    return None


# triggers and rules


def _triggers(subject: Subject, pair: Successor) -> Iterator[Finding]:
    altered = {each.before.identity for each in subject.changes("trigger", "altered") if each.before}
    now = [
        (each, events)
        for each in pair.now.parts_of(pair.after, "trigger")
        if each.attributes.get("enabled") != "disabled" and (events := trigger_events(each.definition))
    ]
    for trigger in _old_parts(pair, "trigger"):
        old = trigger_events(trigger.definition)
        if old is None or trigger.attributes.get("enabled") == "disabled" or _is_reported(subject, pair, trigger):
            continue
        kept = _kept(pair, trigger)
        if kept and (kept.identity not in altered or kept.attributes.get("enabled") == "disabled"):
            continue  # it is unchanged, or reported as disabled
        similar = [events for each, events in now if events.calls == old.calls or each.path[-1] == trigger.path[-1]]
        lost = _lost_events(old, similar)
        if lost and (new := _new_trigger(pair, old, now)):
            message = f"the trigger `{_shown(pair, trigger)}` is replaced by `{last_part(new.name)}`, which calls "
            message += next(events.calls for each, events in now if each is new)
            yield replace(_finding(subject, pair, guarantees.TRIGGER_REMOVED, trigger, message), severity="note")
        elif lost:
            message = f"the trigger `{_shown(pair, trigger)}` no longer fires {lost}"
            yield _finding(subject, pair, guarantees.TRIGGER_REMOVED, trigger, message)


def _new_trigger(pair: Successor, old: TriggerEvents, now: Sequence[tuple[Object, TriggerEvents]]) -> Object | None:
    """Return a new trigger of the same table that fires whenever an old one fired, and calls another function."""
    new = ((each, events) for each, events in now if each.identity not in pair.was.by_identity)
    return next((each for each, events in new if not _lost_events(old, [events])), None)


def _lost_events(old: TriggerEvents, now: Sequence[TriggerEvents]) -> str:
    """Describe the events that no similar trigger has any more; empty if there are none."""
    unconditional = [each for each in now if each.condition in ("", old.condition)]
    lost = [event for event in sorted(old.events) if all(event in old.lost(each) for each in unconditional)]
    if not lost:
        return ""
    conditions = [each.condition for each in now if each not in unconditional]
    if conditions:
        return f"for every row: only where {conditions[0]}"
    return f"on {' or '.join(lost)}"


def _rules(subject: Subject, pair: Successor) -> Iterator[Finding]:
    now = {(each.path[-1], _action(each)) for each in pair.now.parts_of(pair.after, "rule")}
    for rule in _old_parts(pair, "rule"):
        if not _kept(pair, rule) and (rule.path[-1], _action(rule)) not in now:
            message = f"the rule `{_shown(pair, rule)}` is gone"
            yield _finding(subject, pair, guarantees.TRIGGER_REMOVED, rule, message)


def _action(rule: Object) -> str:
    return rule.definition.partition(" DO ")[2]
