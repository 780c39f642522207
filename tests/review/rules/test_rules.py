"""Every rule on a real server: its bad case is found, its good case is not, and no rule lacks them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sqlmigrate.files.migration import Migration
from sqlmigrate.review import pipeline
from sqlmigrate.review.new.subjects import Subjects
from sqlmigrate.review.results import Review
from sqlmigrate.review.rules.all_rules import RULES
from sqlmigrate.shadow import databases
from sqlmigrate.source import Source

pytestmark = pytest.mark.sampled(3)

CASES = Path(__file__).parent / "cases"
NAMES = sorted(path.name for path in CASES.iterdir())

# Those of git have their cases in test_base.py; what another server decides stands below.
ELSEWHERE = {name for name in RULES if name.startswith(("merged-migration-", "version-"))}
ELSEWHERE |= {"needs-newer-server", "missing-extension", "missing-role", "needs-more-rights"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[databases.Shadow]:
    """The embedded PostgreSQL 18, as a shadow."""
    with databases.server(tmp_path_factory.mktemp("shadow"), postgres=18) as found:
        yield found


def migrations(text: str, first: int) -> tuple[Migration, ...]:
    """Read the migrations of a case: cut by `-- next migration`, each with its down file behind `-- down`."""
    found = []
    for number, part in enumerate(text.split("-- next migration\n"), start=first):
        up, is_there, down = part.partition("-- down\n")
        sources = [Source(f"sql/{number:03}_case.{way}.sql", each) for way, each in (("up", up), ("down", down))]
        found.append(Migration(f"{number:03}", "case", sources[0], sources[1] if is_there else None))
    return tuple(found)


def reviewed(server: databases.Shadow, name: str, case: str) -> Review:
    """Review one case of a rule on the tables of its setup."""
    setup = migrations((CASES / name / "setup.sql").read_text(encoding="utf-8"), 1)
    new = migrations((CASES / name / f"{case}.sql").read_text(encoding="utf-8"), len(setup) + 1)
    settings = pipeline.Settings(CASES, limit=1.0)
    return pipeline.on(server, Subjects("main", setup, new), settings)


def found(result: Review) -> set[str]:
    return {finding.rule.name for each in result.migrations for finding in each.findings if finding.allowed is None}


@pytest.mark.parametrize("name", NAMES)
def test_a_rule_tells_of_what_it_is_for_alone(name: str, server: databases.Shadow) -> None:
    """It finds the bad case, and has nothing to say about the recommended way; nor has any rule of danger."""
    assert name in found(reviewed(server, name, "bad"))
    result = reviewed(server, name, "good")
    assert name not in found(result)
    assert [
        (finding.rule.name, finding.message)
        for each in result.migrations
        for finding in each.findings
        if finding.severity == "danger" and finding.allowed is None
    ] == []


def test_no_rule_lacks_a_case() -> None:
    """Every rule has a bad and a good case, or stands in the list of those that are shown elsewhere."""
    assert {name for name in RULES if name not in ELSEWHERE} <= set(NAMES)
