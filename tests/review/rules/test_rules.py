"""Every rule on a real server: it finds its bad case and not its good case, and every rule has both."""

from __future__ import annotations

from types import ModuleType

import pytest
import rule_cases
from rule_cases import CASES, NAMES

from sqlmigrate.review import pipeline
from sqlmigrate.review.new.subjects import Subjects
from sqlmigrate.review.results import Review
from sqlmigrate.review.rules import (
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
)
from sqlmigrate.review.rules.all_rules import RULES
from sqlmigrate.review.rules.rule import Rule
from sqlmigrate.shadow import databases

pytestmark = pytest.mark.sampled(24)

IN_CODE = sorted(path.parent.name for path in CASES.glob("*/bad_in_code.sql"))

# The rules of merged and squashed files are tested in review/new and test_review.py; those that depend on the server in
# test_rules_elsewhere.py.
ELSEWHERE = {name for name in RULES if name.startswith(("merged-migration-", "version-", "squash"))}
ELSEWHERE |= {"needs-newer-server", "missing-extension", "missing-role", "needs-more-rights", "schema-file-outdated"}

# The good case of these is written for this version; an older server does not know its syntax.
SINCE = {
    "add-column-stored-generated": 18,
    "attach-partition-scan": 14,
    "detach-partition-blocking": 14,
    "drop-partition-locks-parent": 14,
    "fails-on-data": 18,
    "set-tablespace": 14,
    "trigger-disabled": 14,
}


def reviewed(server: databases.Shadow, name: str, case: str) -> Review:
    """Review one case of a rule on the tables of its setup."""
    setup, new = rule_cases.of_rule(name, case)
    settings = pipeline.Settings(CASES, limit=1.0)
    return pipeline.review_on(server, Subjects("main", setup, new), settings)


def found(result: Review) -> set[str]:
    return {finding.rule.name for each in result.migrations for finding in each.findings if finding.allowed is None}


@pytest.mark.parametrize("name", NAMES)
def test_a_rule_finds_its_bad_case_only(name: str, server: databases.Shadow) -> None:
    """It finds the bad case and not the good one; and no rule finds a danger in the good one."""
    assert name in found(reviewed(server, name, "bad"))
    result = reviewed(server, name, "good")
    if SINCE.get(name, 0) > server.version // 10_000:
        assert found(result) & {"needs-newer-server", "down-fails"}
        return
    assert name not in found(result)
    assert [
        (finding.rule.name, finding.message)
        for each in result.migrations
        for finding in each.findings
        if finding.severity == "danger" and finding.allowed is None
    ] == []


@pytest.mark.parametrize("name", IN_CODE)
def test_a_rule_finds_what_code_does(name: str, server: databases.Shadow) -> None:
    """A statement is found in a DO block and in a function too, where the text of the file may not show it."""
    assert name in found(reviewed(server, name, "bad_in_code"))


MODULES = [
    locks, indexes, constraints, rewrites, partitions, session_settings, failures, removed, replaced, guarantees,
    altered, down, merged_files,
]  # fmt: skip


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__.rpartition(".")[2])
def test_a_module_lists_its_rules(module: ModuleType) -> None:
    """Every rule is a constant that is named after it, and is in the list of its module."""
    constants = {name: value for name, value in vars(module).items() if isinstance(value, Rule)}

    assert list(constants.values()) == list(module.RULES)
    assert list(constants) == [rule.name.upper().replace("-", "_") for rule in module.RULES]


def test_no_rule_lacks_a_case() -> None:
    """Every rule has a bad and a good case, or is listed as tested elsewhere."""
    assert {name for name in RULES if name not in ELSEWHERE} <= set(NAMES)
