"""What the rules advise: the page of each, and the ways out, which are tried on a real server."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from sqlmigrate.errors import ConfigError
from sqlmigrate.files.migration import Migration
from sqlmigrate.review import pipeline
from sqlmigrate.review.new.subjects import Subjects
from sqlmigrate.review.rules import constraints, indexes, locks, partitions, rewrites
from sqlmigrate.review.rules.all_rules import RULES, explain
from sqlmigrate.review.rules.rule import Rule
from sqlmigrate.shadow import databases
from sqlmigrate.source import Source

pytestmark = pytest.mark.sampled(3)

CASES = Path(__file__).parent / "cases"
MODULES = (locks, indexes, constraints, rewrites, partitions)
ADVISING = [rule for module in MODULES for rule in module.RULES]
_FILE = re.compile(r"^-- (?:\d+\.|for an index:) (\d+)_(\w+)\.up\.sql.*\n", re.MULTILINE)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[databases.Shadow]:
    """The embedded PostgreSQL 18, as a shadow."""
    with databases.server(tmp_path_factory.mktemp("shadow"), postgres=18) as found:
        yield found


def way_out(rule: Rule) -> tuple[Migration, ...]:
    """Read the files of what a rule advises for PostgreSQL 18; a tablespace is the one that every server has."""
    before, *parts = _FILE.split(rule.way_out(18).replace("tablespace fast", "tablespace pg_default"))
    assert before == ""
    return tuple(
        Migration(version, name, Source(f"sql/{version}_{name}.up.sql", text), None)
        for version, name, text in zip(parts[::3], parts[1::3], parts[2::3], strict=True)
    )


@pytest.mark.parametrize("rule", ADVISING, ids=[rule.name for rule in ADVISING])
def test_the_way_out_is_one(rule: Rule, server: databases.Shadow) -> None:
    """What a rule advises can be executed on the tables of its bad case, and is no danger itself."""
    setup = Source("sql/001_setup.up.sql", (CASES / rule.name / "setup.sql").read_text(encoding="utf-8"))
    subjects = Subjects("main", (Migration("001", "setup", setup, None),), way_out(rule))
    found = [
        (finding.rule.name, finding.message)
        for each in pipeline.on(server, subjects, pipeline.Settings(CASES, limit=5.0)).migrations
        for finding in each.findings
        if finding.allowed is None and (finding.severity == "danger" or finding.rule.name == rule.name)
    ]
    is_meant = rule.name == "locks-other-table"  # alone in its file is all that can be done
    assert [each for each in found if not (is_meant and each[0] == rule.name)] == []


@pytest.mark.parametrize("rule", ADVISING, ids=[rule.name for rule in ADVISING])
def test_there_is_a_way_out(rule: Rule) -> None:
    """A rule about locks says what to write instead."""
    assert way_out(rule) != ()


@pytest.mark.parametrize("name", list(RULES))
def test_a_page_fits_a_screen(name: str) -> None:
    """A page is as wide as a terminal is wide: its first line names the rule, and no line is cut."""
    page = explain(name).splitlines()
    assert page[0].startswith(f"{name} (")
    assert [line for line in page if len(line) > 110 and "https://" not in line] == []


def test_a_page() -> None:
    """A page says why, what instead on which server, and how to say that it is meant."""
    assert explain("drop-index-blocking") == (
        "drop-index-blocking (warning)\n"
        "an index is dropped under a lock on its table that keeps everyone out\n"
        "\n"
        "DROP INDEX holds ACCESS EXCLUSIVE on the index and on its table until the file ends. It is over\n"
        "in an instant, but it waits for every running query of the table, and all that come later wait\n"
        "behind it. CONCURRENTLY keeps nobody out.\n"
        "\n"
        "instead:\n"
        "    -- 1. 005_drop_orders_state_index.up.sql\n"
        "    -- sqlmigrate: no-transaction\n"
        "    drop index concurrently orders_state_index;\n"
        "\n"
        "if it is meant, above the statement or at the file's head:\n"
        "    -- sqlmigrate: allow drop-index-blocking (why it is meant)\n"
        "\n"
        "measured: drop-index, drop-index-conc, lock_queue\n"
        "read: https://www.postgresql.org/docs/current/sql-dropindex.html"
    )


def test_a_name_that_is_no_rule() -> None:
    """A name that is none is a fault of the call, with those that are like it."""
    with pytest.raises(ConfigError) as caught:
        explain("set-not-null")
    assert caught.value.message == "there is no rule `set-not-null`"
    assert caught.value.hint == "did you mean `set-not-null-scan`?"
