"""Findings of what depends on settings of the session: the review's sessions have TimeZone UTC, production's may not.

Which conversions a setting decides is known: https://www.postgresql.org/docs/current/sql-altertable.html#SQL-ALTERTABLE-NOTES
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from sqlmigrate.catalog.objects import ROUTINES, Change, Object
from sqlmigrate.identifiers import displayed, is_same, plain
from sqlmigrate.parsing.statement import Statement
from sqlmigrate.parsing.tokens import tokens
from sqlmigrate.review.measure import offending_rows
from sqlmigrate.review.rules import session_settings
from sqlmigrate.review.rules.rule import Finding

from . import written_values
from .subject import MeasuredStatement, Subject
from .written_values import DAY_OR_MONTH, is_set

_WITH_ZONE, _WITHOUT_ZONE = "timestamp with time zone", "timestamp without time zone"
_TEXTS = ("text", "character", "citext")
_DATES = ("date", _WITHOUT_ZONE)
_PRECISION = re.compile(r"^(time(?:stamp)?)\(\d\)")

# A time in a definition as the catalog shows it, and a date or time without an offset as a file writes it.
_INSTANT = re.compile(
    r"'[^']*'::timestamp(?:\(\d\))? with time zone|[(, ]'\d{4,}-\d\d-\d\d \d\d:\d\d:[\d.]+[+-]\d\d[\d:]*'[,)]"
)
_NO_OFFSET = re.compile(r"^'\d{4}-\d\d?-\d\d?(?:[ T]\d\d?(?::\d\d){0,2}(?:\.\d+)?)?'$")
# What a block of code executes is in a string between dollars.
_BODY = re.compile(r"\$(\w*)\$(?P<code>.*?)\$\1\$", re.DOTALL)
_DATE = re.compile(r"'\d{4}-\d\d-\d\d[^']*'::(?:date|timestamp)|[(, ]'\d{4}-\d\d-\d\d'[,)]")
# What a definition has, what a file writes, and the setting that decides.
_DECIDED = ((_DATE, DAY_OR_MONTH, "DateStyle"), (_INSTANT, DAY_OR_MONTH, "DateStyle"),
            (_INSTANT, _NO_OFFSET, "TimeZone"))  # fmt: skip
_DEFINING = ("default", "definition", "partition bound")


def find(subject: Subject) -> Iterator[Finding]:
    """Return these findings of an up file."""
    yield from _needed_paths(subject)
    yield from written_values.find(subject)
    for change in subject.trip.changes:
        if change.kind == "column" and change.change == "altered" and change.before and change.after:
            yield from _retyped(subject, change, change.before, change.after)
        if change.after is not None and change.kind not in ROUTINES:  # their text is evaluated later
            yield from _defined(subject, change, change.after)


def _needed_paths(subject: Subject) -> Iterator[Finding]:
    """Return the findings of what fails where the search_path has only system schemas."""
    kinds = {"constraint": "CHECK"}
    for each in subject.trip.needed_paths:
        thing = each.thing
        place = subject.place_of(Change(thing.kind, None, thing, "new"))
        message = (
            f"the {kinds.get(thing.kind, thing.kind)} `{displayed(thing.name)}` depends on the session's search_path"
        )
        message += f": as pg_restore and ANALYZE set it, {each.error}"
        found = subject.finding(session_settings.DEPENDS_ON_SETTING, place, message)
        advice = "write the schema of each name in the body of the function, or give it a path: alter function ... set"
        yield replace(found, severity="warning", what_now=f"{advice} search_path", has_example=False)


def _retyped(subject: Subject, change: Change, before: Object, after: Object) -> Iterator[Finding]:
    old, new = (_base_type(subject, each) for each in (before, after))
    maker = subject.maker_of(change, "type")
    if old == new or not subject.is_old(before.identity.oid) or _is_partition(subject, before.table):
        return
    if is_set(subject, "TimeZone", maker) and _WITH_ZONE in (old, new):
        return
    name, place = displayed(before.name), subject.place_of(change, "type")
    if {old, new} == {_WITH_ZONE, _WITHOUT_ZONE} and not _is_rewritten(maker, before.table):
        message = (
            f"`{name}` changes its type in an instant only if the session's TimeZone is UTC: otherwise"
            f" `{displayed(before.table)}` is rewritten under ACCESS EXCLUSIVE"
        )
        finding = subject.finding(session_settings.REWRITE_OUTSIDE_UTC, place, message)
        yield replace(finding, about=displayed(before.table), relation=displayed(before.table))
    elif (setting := _deciding(old, new)) and not is_set(subject, setting, maker) and _is_plain(maker, before):
        message = f"the new values of `{name}` depend on the session's {setting}"
        yield replace(subject.finding(session_settings.DEPENDS_ON_SETTING, place, message), about=name)


def _base_type(subject: Subject, column: Object) -> str:
    """Return the type of a column without a precision; of a domain that which it is based on."""
    name = column.attributes.get("type") or ""
    array = "[]" if name.endswith("[]") else ""
    domain = subject.trip.before.objects.get(("domain", name.removesuffix("[]")))
    based_on = (domain.attributes.get("base") if domain else "") or name.removesuffix("[]")
    return _PRECISION.sub(r"\1", based_on) + array


def _deciding(old: str, new: str) -> str:
    """Return the setting that decides how values are converted; empty for none."""
    old, new = old.removesuffix("[]"), new.removesuffix("[]")
    if (old == _WITH_ZONE) != (new == _WITH_ZONE):
        return "TimeZone"
    if (old, new) == ("time without time zone", "time with time zone"):
        return "TimeZone"
    if (old == "money") != (new == "money"):
        return "lc_monetary"
    if old.startswith(_TEXTS) and new in _DATES:
        return "DateStyle"
    if new.startswith(_TEXTS):
        return {"interval": "IntervalStyle", "bytea": "bytea_output"}.get(old, "DateStyle" if old in _DATES else "")
    return ""


def _is_plain(maker: MeasuredStatement | None, column: Object) -> bool:
    """Return whether a statement converts a column by a cast alone, not by an expression of its own."""
    name = plain(column.path[-1])
    retyped = offending_rows.retyped_columns_of(maker.statement) if maker else ()
    return any(plain(own).lower() == name.lower() and re.fullmatch(r'[\w\s".:()]+', using) is not None
               and "time zone '" not in using.lower() and not re.search(r"\w\(\s*[\"\w]", using)
               for _, own, _, using in retyped)  # fmt: skip


def _is_rewritten(maker: MeasuredStatement | None, table: str) -> bool:
    touches = maker.facts.touches if maker else ()
    return any(
        touch.rewritten and any(is_same(table, name) for name in (touch.relation.name, touch.relation.parent or ""))
        for touch in touches
    )


def _is_partition(subject: Subject, table: str) -> bool:
    known = subject.trip.before.tables.get(table)
    return known is not None and bool(known.attributes.get("partition bound"))


def _defined(subject: Subject, change: Change, after: Object) -> Iterator[Finding]:
    """Return the finding of a definition with a date or time that a setting decides."""
    before = change.before.attributes if change.before else {}
    for attribute in _DEFINING:
        now = after.attributes.get(attribute) or ""
        if now == before.get(attribute):
            continue
        maker = subject.maker_of(change, attribute if change.before else "")
        statements = [maker.statement] if maker else subject.up.statements
        for kept, written, setting in _DECIDED:
            if not kept.search(now) or not _says(written, statements) or is_set(subject, setting, maker):
                continue
            what = {"partition bound": "the bounds of", "default": "the default of"}.get(attribute, "the definition of")
            name = displayed(after.name)
            message = f"{what} `{name}` depend{'s' * (attribute != 'partition bound')} on the session's {setting}"
            place = subject.place_of(change, attribute if change.before else "")
            yield replace(subject.finding(session_settings.DEPENDS_ON_SETTING, place, message), about=name)
            return


def _says(written: re.Pattern[str], statements: Sequence[Statement]) -> bool:
    """Return whether statements write a string like this, also in a block of code."""
    return any(
        any(written.match(text) for kind, _, text in tokens(inside) if kind == "string")
        for each in statements
        for inside in (each.text, *(found["code"] for found in _BODY.finditer(each.text)))
    )
