"""Findings of functions, views and policies that stay, but behave differently."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

from sqlmigrate.catalog.objects import Object
from sqlmigrate.identifiers import displayed, last_part, parent
from sqlmigrate.review.measure.calls import UNTYPED
from sqlmigrate.review.rules import altered
from sqlmigrate.review.rules.rule import SEVERITIES, Finding, Severity
from sqlmigrate.source import Span

from .definitions import list_in_brackets
from .schema_changes import SchemaChanges
from .subject import Subject

_AMBIGUOUS = "42725"
_FUNCTIONS = ("function", "procedure")
_VOLATILITY = ("VOLATILE", "STABLE", "IMMUTABLE")
_BODY = re.compile(r"\n(?:AS |BEGIN ATOMIC|RETURN )")
_RETURNS = re.compile(r"\n RETURNS (.+)\n")
_SETTING = re.compile(r"\n SET (.+)(?=\n|$)")
_VIEW_OPTIONS = {
    "security_invoker": "reads with the rights of its owner, so policies no longer apply to the role that asks",
    "security_barrier": "lets functions in WHERE see rows that it hides",
    "check_option": "accepts rows that it does not show",
}


def find(subject: Subject, changes: SchemaChanges) -> Iterator[Finding]:
    """Return these findings of an up file."""
    for before, after in _pairs(changes):
        if before.kind in _FUNCTIONS:
            yield from _function(subject, before, after)
        elif before.kind == after.kind == "view":
            yield from _view(subject, before, after)
        elif before.kind == "policy":
            yield from _policy(subject, before, after)
    yield from _overloads(subject)


def _pairs(changes: SchemaChanges) -> Iterator[tuple[Object, Object]]:
    """Return what was altered, and what another object of the same name has replaced: before, after."""
    for each in changes.all("altered"):
        if each.before and each.after:
            yield each.before, each.after
    yield from changes.replaced()


# functions


@dataclass(frozen=True)
class _Head:
    """What is in the definition of a function before its body.

    Attributes:
        arguments: its arguments
        returns: its type
        volatility: VOLATILE, STABLE or IMMUTABLE
        is_strict: whether it returns NULL for NULL
        is_definer: whether it runs with the rights of its owner
        settings: its SET clauses
    """

    arguments: tuple[str, ...]
    returns: str
    volatility: str
    is_strict: bool
    is_definer: bool
    settings: tuple[str, ...]


def _head(function: Object) -> _Head:
    text = _BODY.split(function.definition)[0]
    *arguments, rest = list_in_brackets(text.partition("(")[2])
    returns = _RETURNS.search(rest)
    words = set(rest.split())
    return _Head(
        tuple(arguments),
        returns[1] if returns else "",
        next((each for each in _VOLATILITY if each in words), "VOLATILE"),
        "STRICT" in words,
        "SECURITY DEFINER" in rest,
        tuple(_SETTING.findall(rest)),
    )


def _function(subject: Subject, before: Object, after: Object) -> Iterator[Finding]:
    found = [*_differences(_head(before), _head(after))]
    if found:
        message = f"the {after.kind} `{displayed(after.name)}` {'; it '.join(what for what, _ in found)}"
        finding = subject.finding(altered.FUNCTION_BEHAVES_DIFFERENTLY, subject.place_of_first(after), message)
        yield replace(finding, severity=min((severity for _, severity in found), key=SEVERITIES.index))


def _differences(old: _Head, new: _Head) -> Iterator[tuple[str, Severity]]:
    if _optional(new) < _optional(old):
        yield "has fewer arguments with a default: calls that leave them out fail", "danger"
    if old.returns != new.returns:
        yield f"returns {new.returns}, no longer {old.returns}", "warning"
    if old.volatility != new.volatility:
        is_weaker = _VOLATILITY.index(new.volatility) < _VOLATILITY.index(old.volatility)
        effect = "queries that call it may become slow" if is_weaker else "PostgreSQL calls it less often"
        grade: Literal["warning", "note"] = "warning" if is_weaker else "note"
        yield f"is {new.volatility}, no longer {old.volatility}: {effect}", grade
    if new.is_strict and not old.is_strict:
        yield "is STRICT now: it returns NULL if an argument is NULL", "warning"
    if old.is_strict and not new.is_strict:
        yield "is no longer STRICT: it is called with NULL as well", "warning"
    if old.is_definer != new.is_definer:
        whose = "its owner" if new.is_definer else "the role that calls it"
        yield f"runs with the rights of {whose} now", "warning"
    for setting in old.settings:
        if setting not in new.settings:
            yield f"no longer has SET {setting}", "warning"


def _overloads(subject: Subject) -> Iterator[Finding]:
    """Return a finding for each old function of whose calls some mean another function now, or none."""
    known = subject.trip.base.identities if subject.trip.base else frozenset()
    left = subject.trip.after.identities if subject.trip.after else frozenset()
    reported = set()
    calls = subject.trip.changed_calls
    for each in (*(call for call in calls if call.sqlstate), *(call for call in calls if not call.sqlstate)):
        old = each.function
        if old.identity in reported or old.identity not in known or old.identity not in left:
            continue
        reported.add(old.identity)
        place, name = _place_of_overload(subject, old), displayed(old.name)
        is_typed = UNTYPED not in each.call
        if each.sqlstate == _AMBIGUOUS:
            message = f"`{name}` has a new overload: the call {each.call} is ambiguous now, and fails"
            finding = subject.finding(altered.OVERLOAD_AMBIGUOUS, place, message)
            yield finding if is_typed else replace(finding, severity="warning")
        elif each.now:
            message = f"`{name}` has a new overload: {each.call} calls `{displayed(each.now)}` now"
            finding = subject.finding(altered.OVERLOAD_TAKES_CALLS, place, message)
            yield finding if is_typed else replace(finding, severity="note")


def _place_of_overload(subject: Subject, old: Object) -> Span:
    """Return the place of the statement that created the first function of the same name."""
    new = (each for each in subject.trip.changes if each.change == "new")
    same = (each for each in new if each.after and each.after.called == old.called)
    return next(map(subject.place_of, same), subject.statement_naming(old.name))


def _optional(head: _Head) -> int:
    return sum(" DEFAULT " in each for each in head.arguments)


# views


def _view(subject: Subject, before: Object, after: Object) -> Iterator[Finding]:
    old, new = _options(before), _options(after)
    for option, consequence in _VIEW_OPTIONS.items():
        if _is_set(old.get(option)) and not _is_set(new.get(option)):
            message = f"the view `{displayed(after.name)}` has no {option} any more: it {consequence}"
            finding = subject.finding(altered.VIEW_SECURITY_CHANGED, subject.place_of_first(after), message)
            yield finding if option == "security_invoker" else replace(finding, severity="warning")
    if _is_set(new.get("security_invoker")) and not _is_set(old.get("security_invoker")):
        message = f"the view `{displayed(after.name)}` reads with the rights of the role that asks now"
        message += ": a role without rights on its tables gets an error"
        finding = subject.finding(altered.VIEW_SECURITY_CHANGED, subject.place_of_first(after), message)
        yield replace(finding, severity="warning")


def _options(view: Object) -> dict[str, str]:
    pairs = (each.partition("=") for each in (view.attributes.get("options") or "").split(", "))
    return {name: value for name, _, value in pairs}


def _is_set(value: str | None) -> bool:
    return value not in (None, "", "false", "off", "no", "0")


# policies


def _policy(subject: Subject, before: Object, after: Object) -> Iterator[Finding]:
    table = displayed(parent(after.name))
    for name in ("command", "permissive", "roles", "using", "check"):
        old, new = before.attributes.get(name), after.attributes.get(name)
        if old != new:
            message = f"the policy `{last_part(after.name)}` of `{table}` is changed"
            message += f": {name} was {old or 'nothing'}, and is {new or 'nothing'} now"
            yield subject.finding(altered.POLICY_CHANGED, subject.place_of_first(after), message)
            return
