"""Every rule of the review by its name, and the page that `sqlmigrate explain` prints for one."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping
from types import MappingProxyType

from sqlmigrate.errors import ConfigError
from sqlmigrate.spelling import did_you_mean

from . import (
    altered,
    constraints,
    down,
    failures,
    guarantees,
    indexes,
    locks,
    merged_files,
    partitions,
    removed,
    replaced,
    rewrites,
    session_settings,
    squashed,
)
from .rule import EXAMPLE_HEADING, Example, Rule

# The subjects in the order in which lists and pages show them.
SUBJECTS: Mapping[str, tuple[Rule, ...]] = MappingProxyType(
    {
        "Locks": locks.RULES,
        "Indexes": indexes.RULES,
        "Constraints": constraints.RULES,
        "Rewritten tables": rewrites.RULES,
        "Partitions": partitions.RULES,
        "Settings of the session": session_settings.RULES,
        "Failing statements": failures.RULES,
        "Dropped and renamed objects": removed.RULES,
        "Replaced tables and columns": replaced.RULES,
        "Lost guarantees": guarantees.RULES,
        "Changed objects": altered.RULES,
        "Down files": down.RULES,
        "Squashed migrations": squashed.RULES,
        "Merged files and exceptions": merged_files.RULES,
    }
)
RULES: Mapping[str, Rule] = MappingProxyType({rule.name: rule for rules in SUBJECTS.values() for rule in rules})
_WIDTH = 96


def explain(name: str, width: int | None = None) -> str:
    """Return the page of a rule as plain text: why, an example of what to write instead, how to allow it.

    Sentences are wrapped at `width` cells, or at 96 if it is None or larger; SQL stays as it is. Raises `ConfigError`
    if there is no such rule.
    """
    rule = RULES.get(name)
    if rule is None:
        hint = did_you_mean(name, RULES, most=3)
        raise ConfigError(f"unknown rule `{name}`", hint=hint, next_steps=["sqlmigrate explain"])
    return "\n".join(_page(rule, min(width or _WIDTH, _WIDTH)))


def _page(rule: Rule, width: int) -> Iterator[str]:
    yield f"{rule.name} ({rule.severity})"
    yield from textwrap.wrap(rule.title, width)
    yield ""
    yield from textwrap.wrap(rule.why, width)
    for example in rule.examples:
        yield ""
        yield f"{_heading(example)}:"
        yield from (f"    {line}".rstrip() for line in example.sql.strip().splitlines())
    yield ""
    if rule.can_be_allowed:
        yield "to allow it, above the statement or at the head of the file:"
        yield f"    -- sqlmigrate: allow {rule.name} (why)"
    else:
        yield "it cannot be allowed"
    if rule.page:
        yield ""
        yield f"PostgreSQL: {rule.page}"


def _heading(example: Example) -> str:
    return f"{EXAMPLE_HEADING}, from PostgreSQL {example.version} on" if example.version else EXAMPLE_HEADING
