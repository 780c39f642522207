"""Whoever follows an advice to the letter gets no finding that the advice does not announce.

The bad case of each rule is reviewed, the files of the advice are written in its place, and reviewed again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest
import rule_cases
import shadow_servers
from pasted_advice import files_of, paste
from rule_cases import CASES, NAMES

from sqlmigrate.files.migration import Migration
from sqlmigrate.review import pipeline
from sqlmigrate.review.advice.all_advice import ADVICE
from sqlmigrate.review.new.subjects import Subjects
from sqlmigrate.review.results import Review
from sqlmigrate.review.rules.all_rules import RULES
from sqlmigrate.shadow import databases

pytestmark = pytest.mark.sampled(24)

# Rules without an advice for the case at hand: the statement is a mistake, or the choice is not that of a program.
WITHOUT = {
    "column-not-writable": "only a person knows what the two columns are for",
    "column-type-differs": "only a person knows what the two columns are for",
    "column-values-lost": "only a person knows what the two columns are for",
    "column-widened": "a note about what cannot be changed",
    "enum-label-removed": "only a person knows which label takes its place",
    "execute-revoked": "only a person knows which roles need it",
    "function-behaves-differently": "only a person knows which properties are right",
    "no-longer-published": "the subscribers have to be changed as well",
    "overload-ambiguous": "only a person knows a better name",
    "overload-takes-calls": "only a person knows a better name",
    "depends-on-setting": "only a person knows which setting production has",
    "commits-inside": "a block has no other form; batches are to be allowed",
    "down-column-order": "a note about what cannot be changed",
    "exclusion-constraint": "PostgreSQL has no way that does not block",
    "frozen-time": "only a person knows which function is meant",
    "fails-on-data": "the query for production is the advice",
    "function-body-broken": "only a person knows what the function is to do now",
    "hangs": "what hangs is a mistake",
    "no-effect": "only a person knows which of the two definitions is right",
    "policy-removed": "only a person knows who is to see which rows",
    "reapply-fails": "the rows that stay are those of the file",
    "rls-disabled": "only a person knows who is to see which rows",
    "rls-without-policy": "only a person knows who is to see which rows",
    "set-logged": "PostgreSQL has no way that does not block",
    "set-tablespace": "PostgreSQL has no way that does not block",
    "set-unlogged": "PostgreSQL has no way that does not block",
    "statement-fails": "PostgreSQL says what is wrong",
    "trigger-disabled": "only a person knows whether the trigger is needed",
    "truncate": "rows are deleted outside of migrations",
}
# An older server has no way that does not block.
SINCE = {"detach-partition-blocking": 14, "drop-partition-locks-parent": 14}
# Findings that remain, and that the advice announces in words.
ANNOUNCED = {
    "cascade-drops-dependents": {"drop-view"},
    "refers-to-old-table": {"two-exclusive-tables"},
}
# The reviewed files stay as they are, and others follow.
UNCHANGED = {"fk-without-index"}


def review(server: databases.Shadow, setup: Sequence[Migration], new: Sequence[Migration]) -> Review:
    return pipeline.review_on(server, Subjects("main", tuple(setup), tuple(new)), pipeline.Settings(CASES, limit=1.0))


def open_findings(result: Review) -> list[tuple[str, str, str, str]]:
    """Return rule, severity, file and message of what is a warning or a danger."""
    return [
        (each.rule.name, each.severity, each.path, each.message)
        for reviewed in result.migrations
        for each in reviewed.findings
        if each.allowed is None and each.severity != "note"
    ]


@pytest.mark.parametrize("name", NAMES)
def test_an_advice_gives_no_finding_that_it_does_not_announce(name: str, server: databases.Shadow) -> None:
    """The files of the advice can be executed up, down and up, and have no warning or danger of their own."""
    setup, bad = rule_cases.of_rule(name, "bad")
    found = [each for reviewed in review(server, setup, bad).migrations for each in reviewed.findings]
    instead = next((each.instead for each in found if each.rule.name == name and each.instead), "")
    assert bool(instead) == (name not in WITHOUT and server.version // 10_000 >= SINCE.get(name, 0))
    if not instead:
        return
    named = files_of(instead)
    if not named:
        assert instead.startswith("-- ")  # words without a file: nothing is left to execute
        return
    labels = tuple(f"sql/{each.partition('.')[0]}." for each in named)
    assert labels[0].startswith(tuple(f"sql/{each.label}." for each in bad)) or name in UNCHANGED
    after = open_findings(review(server, setup, paste(instead, bad)))
    reported = {each.rule.name for each in found} - {name} | ANNOUNCED.get(name, set())
    assert [each for each in after if each[2].startswith(labels) and each[0] not in reported] == [], instead


@pytest.fixture(scope="module")
def older_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[databases.Shadow]:
    """PostgreSQL 16, on which NOT NULL is no constraint yet, and generated columns are stored."""
    with shadow_servers.of_tests(tmp_path_factory, 16) as found:
        yield found


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES[::3])  # each takes two reviews, and few rules depend on the version
def test_an_advice_is_right_on_an_older_server(name: str, older_server: databases.Shadow) -> None:
    """The advice is written for the version of the server."""
    test_an_advice_gives_no_finding_that_it_does_not_announce(name, older_server)


def test_every_rule_with_a_case_has_an_advice() -> None:
    """A rule has an advice, or is listed with the reason why none can be written; the lists name rules that exist."""
    announced = {each for rules in ANNOUNCED.values() for each in rules}

    assert set(NAMES) - WITHOUT.keys() <= ADVICE.keys()
    assert not WITHOUT.keys() & ADVICE.keys()
    assert ADVICE.keys() | ANNOUNCED.keys() | WITHOUT.keys() | announced <= RULES.keys()
