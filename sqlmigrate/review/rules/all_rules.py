"""Every rule of the review by its name, and the page that explains one."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping
from types import MappingProxyType

from sqlmigrate.errors import ConfigError
from sqlmigrate.spelling import did_you_mean

from . import altered, constraints, down, failures, indexes, locks, merged_files, partitions, removed, rewrites
from .rule import Instead, Rule

RULES: Mapping[str, Rule] = MappingProxyType(
    {
        rule.name: rule
        for rules in (
            locks.RULES,
            indexes.RULES,
            constraints.RULES,
            rewrites.RULES,
            partitions.RULES,
            failures.RULES,
            removed.RULES,
            altered.RULES,
            down.RULES,
            merged_files.RULES,
        )
        for rule in rules
    }
)
_WIDTH = 96


def explain(name: str) -> str:
    """Give the page of a rule as plain text: why, what instead, how to say that it is meant."""
    rule = RULES.get(name)
    if rule is None:
        hint = did_you_mean(name, RULES, most=3)
        raise ConfigError(f"there is no rule `{name}`", hint=hint, next_steps=["sqlmigrate explain"])
    return "\n".join(_page(rule))


def _page(rule: Rule) -> Iterator[str]:
    yield f"{rule.name} ({rule.severity})"
    yield from textwrap.wrap(rule.title, _WIDTH)
    yield ""
    yield from textwrap.wrap(rule.why, _WIDTH)
    for way in rule.instead:
        yield ""
        yield _heading(way)
        yield from (f"    {line}".rstrip() for line in way.sql.strip().splitlines())
    yield ""
    yield from _meaning(rule)
    if rule.facts:
        yield ""
        yield from textwrap.wrap(f"measured: {', '.join(rule.facts)}", _WIDTH, break_on_hyphens=False)
    if rule.page:
        yield f"read: {rule.page}"


def _heading(way: Instead) -> str:
    return f"instead, from PostgreSQL {way.version} on:" if way.version else "instead:"


def _meaning(rule: Rule) -> Iterator[str]:
    if not rule.can_be_allowed:
        yield "There is no way to say that it is meant."
        return
    yield "if it is meant, above the statement or at the file's head:"
    yield f"    -- sqlmigrate: allow {rule.name} (why it is meant)"
