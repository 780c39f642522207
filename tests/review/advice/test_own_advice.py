"""Whoever follows an advice to the letter gets no finding that the advice does not announce.

The bad case of each rule is reviewed, the files of the advice are written in its place, and reviewed again.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from sqlmigrate.files.migration import Migration
from sqlmigrate.review import pipeline
from sqlmigrate.review.advice.all_advice import ADVICE
from sqlmigrate.review.new.subjects import Subjects
from sqlmigrate.review.results import Review
from sqlmigrate.review.rules.all_rules import RULES
from sqlmigrate.shadow import databases
from sqlmigrate.source import Source

pytestmark = pytest.mark.sampled(8)

CASES = Path(__file__).parents[1] / "rules" / "cases"
_FILE = re.compile(r"^-- (\w+)\.(up|down)\.sql\n", re.MULTILINE)

# Rules without an advice for their case: there is nothing to write, or no other way to write it.
WITHOUT: frozenset[str] = frozenset()
# Findings that remain, and that the advice announces in words.
ANNOUNCED: dict[str, set[str]] = {}

NAMES = sorted(path.name for path in CASES.iterdir() if path.name in ADVICE)


def migrations(text: str, first: int) -> tuple[Migration, ...]:
    """Read the migrations of a case: separated by `-- next migration`, each with its down file after `-- down`."""
    found = []
    for number, part in enumerate(text.split("-- next migration\n"), start=first):
        up, is_there, down = part.partition("-- down\n")
        sources = [Source(f"sql/{number:03}_case.{way}.sql", each) for way, each in (("up", up), ("down", down))]
        found.append(Migration(f"{number:03}", "case", sources[0], sources[1] if is_there else None))
    return tuple(found)


def read_advice(text: str) -> tuple[Migration, ...]:
    """Read the files of an advice, each under the line with its name."""
    _, *parts = _FILE.split(text)
    found: dict[str, Migration] = {}
    for label, way, sql in zip(parts[::3], parts[1::3], parts[2::3], strict=True):
        version, _, name = label.partition("_")
        source = Source(f"sql/{label}.{way}.sql", sql)
        migration = found.get(label, Migration(version, name, source))
        found[label] = replace(migration, up=source) if way == "up" else replace(migration, down=source)
    return tuple(found.values())


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
    setup = migrations((CASES / name / "setup.sql").read_text(encoding="utf-8"), 1)
    bad = migrations((CASES / name / "bad.sql").read_text(encoding="utf-8"), len(setup) + 1)
    found = [each for reviewed in review(server, setup, bad).migrations for each in reviewed.findings]
    instead = next((each.instead for each in found if each.rule.name == name), "")
    assert bool(instead) != (name in WITHOUT)
    if not instead:
        return
    advised = read_advice(instead)
    assert advised[0].label == next(each.path for each in found if each.rule.name == name)[4:].split(".")[0]
    kept = tuple(each for each in bad if each.label not in {file.label for file in advised})
    after = open_findings(review(server, setup, (*kept, *advised)))
    assert [each for each in after if each[0] not in ANNOUNCED.get(name, ())] == [], instead


def test_what_is_announced_is_a_rule() -> None:
    """The exceptions name rules that exist."""
    assert ANNOUNCED.keys() | WITHOUT | {each for rules in ANNOUNCED.values() for each in rules} <= RULES.keys()
