"""What the running application leans on, word for word: lost guarantees, swaps, rights, functions, types.

Each file in changes/ has a setup and cases. A case is the text of an up file, or of several, and the findings that
belong to the rules in the head of the file. A case without `told` has none of them. What is before
`new` in a case belongs to its setup.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from sqlmigrate.errors import ServerError
from sqlmigrate.files.migration import Migration
from sqlmigrate.review import pipeline
from sqlmigrate.review.new.subjects import Subjects
from sqlmigrate.review.rules.all_rules import RULES
from sqlmigrate.shadow import databases
from sqlmigrate.source import Source

CHANGES = Path(__file__).parent / "changes"
NEXT = "-- next migration\n"


@dataclass(frozen=True)
class Case:
    """One case of a file: its new migrations, and what is expected of them.

    Attributes:
        setup: the merged migration
        new: the new ones
        expected: rule and message of each finding
        rules: the names of the rules that the file is about
        since: the oldest major version that understands it
    """

    setup: str
    new: tuple[str, ...]
    expected: list[str]
    rules: frozenset[str]
    since: int


def cases() -> Iterator[tuple[str, Case]]:
    for path in sorted(CHANGES.glob("*.sql")):
        setup, *texts = path.read_text(encoding="utf-8").split("-- case: ")
        rules = frozenset(re.findall(r"^-- rules?: (.+)$", setup, re.MULTILINE)[0].split(", "))
        for text in texts:
            name, _, body = text.partition("\n")
            expected = re.findall(r"^-- told: (.+)$", body, re.MULTILINE)
            since = int("".join(re.findall(r"^-- since: (.+)$", body, re.MULTILINE)) or "0")
            own, _, new = body.rpartition("-- new\n")
            yield f"{path.stem}: {name}", Case(setup + own, tuple(new.split(NEXT)), expected, rules, since)


CASES = dict(cases())


def migration(version: int, up: str) -> Migration:
    return Migration(f"{version:03}", "case", Source(f"sql/{version:03}_case.up.sql", up), None)


@pytest.mark.sampled(12)
@pytest.mark.parametrize("name", CASES)
def test_what_the_running_application_leans_on(name: str, server: databases.Shadow) -> None:
    """Each loss is reported once; what another object does now is not reported."""
    case = CASES[name]
    new = tuple(migration(number, text) for number, text in enumerate(case.new, start=2))
    subjects = Subjects("main", (migration(1, case.setup),), new)
    if case.since > server.version // 10_000:
        with pytest.raises(ServerError):
            pipeline.review_on(server, subjects, pipeline.Settings(Path(), limit=5.0))
        return

    result = pipeline.review_on(server, subjects, pipeline.Settings(Path(), limit=5.0))

    assert [each.trip.up.error for each in result.migrations if each.trip] == [None] * len(new)
    found = [finding for each in result.migrations for finding in each.findings if finding.rule.name in case.rules]
    assert [f"{finding.severity} {finding.rule.name}: {finding.message}" for finding in found] == case.expected


def test_every_rule_of_the_files_exists() -> None:
    """The heads name rules of the review."""
    assert {rule for case in CASES.values() for rule in case.rules} <= set(RULES)
