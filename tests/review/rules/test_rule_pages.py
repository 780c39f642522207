"""What the rules advise: the page of each, and the examples, which are executed on a real server."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
import rule_pages
import shadow_servers
from rule_cases import CASES

from sqlmigrate.errors import ConfigError
from sqlmigrate.files.migration import Migration
from sqlmigrate.parsing.script import read
from sqlmigrate.review import pipeline
from sqlmigrate.review.new.subjects import Subjects
from sqlmigrate.review.rules import constraints, indexes, locks, partitions, rewrites
from sqlmigrate.review.rules.all_rules import RULES, explain
from sqlmigrate.review.rules.rule import Rule
from sqlmigrate.shadow import databases
from sqlmigrate.source import Source

pytestmark = pytest.mark.sampled(6)

MODULES = (locks, indexes, constraints, rewrites, partitions)
ADVISING = [rule for module in MODULES for rule in module.RULES]
_FILE = re.compile(r"^-- (?:\d+\.|for an index:) (\d+)_(\w+)\.up\.sql.*\n", re.MULTILINE)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[databases.Shadow]:
    """The embedded PostgreSQL 18, as a shadow."""
    with shadow_servers.of_tests(tmp_path_factory, 18) as found:
        yield found


def example(rule: Rule) -> tuple[Migration, ...]:
    """Read the files of a rule's example for PostgreSQL 18; its tablespace is replaced by one of every server."""
    before, *parts = _FILE.split(rule.example(18).replace("tablespace fast", "tablespace pg_default"))
    assert before == ""
    return tuple(
        Migration(version, name, Source(f"sql/{version}_{name}.up.sql", text), None)
        for version, name, text in zip(parts[::3], parts[1::3], parts[2::3], strict=True)
    )


@pytest.mark.parametrize("rule", ADVISING, ids=[rule.name for rule in ADVISING])
def test_the_example_is_safe(rule: Rule, server: databases.Shadow) -> None:
    """The example of a rule can be executed on the tables of its bad case, and has no dangerous finding itself."""
    setup = Source("sql/001_setup.up.sql", (CASES / rule.name / "setup.sql").read_text(encoding="utf-8"))
    subjects = Subjects("main", (Migration("001", "setup", setup, None),), example(rule))
    found = [
        (finding.rule.name, finding.message)
        for each in pipeline.review_on(server, subjects, pipeline.Settings(CASES, limit=5.0)).migrations
        for finding in each.findings
        if finding.allowed is None and (finding.severity == "danger" or finding.rule.name == rule.name)
    ]
    is_intended = rule.name == "locks-other-table"  # alone in its file is all that can be done
    assert [each for each in found if not (is_intended and each[0] == rule.name)] == []


@pytest.mark.parametrize("rule", ADVISING, ids=[rule.name for rule in ADVISING])
def test_there_is_an_example(rule: Rule) -> None:
    """A rule about locks has an example of what to write instead."""
    assert example(rule) != ()


FILES = [
    pytest.param(part, id=f"{rule.name}-{shown.version}-{number}")
    for rule in RULES.values()
    for shown in rule.examples
    for number, part in enumerate(re.split(r"(?m)^(?=-- (?:\d+\. |for an index: )?\w+\.(?:up|down)\.sql)", shown.sql))
    if part
]


@pytest.mark.parametrize("text", [each for each in FILES if "-- sqlmigrate: no-transaction" in str(each.values[0])])
def test_no_transaction_is_written_only_where_it_is_needed(text: str) -> None:
    """A statement alone in its file needs the directive only if it is a block that commits."""
    script = read(Source("sql/001_a.up.sql", text))
    is_block = any(each.text.startswith("do ") for each in script.statements)
    assert is_block or len(script.statements) > 1


@pytest.mark.parametrize("text", [each for each in FILES if "up.sql: in batches" in str(each.values[0])])
def test_an_example_in_batches_is_a_loop_that_commits(text: str) -> None:
    """The example writes every row if it is used as it is."""
    assert "-- sqlmigrate: no-transaction\ndo $$\n" in text
    assert "loop\n" in text
    assert "        commit;\n" in text
    assert text.endswith("    end loop;\nend\n$$;\n")


@pytest.mark.parametrize("name", list(RULES))
def test_a_page_fits_a_screen(name: str) -> None:
    """The first line of a page names the rule, and no line is wider than a terminal."""
    page = explain(name).splitlines()
    assert page[0].startswith(f"{name} (")
    assert [line for line in page if len(line) > 110 and "https://" not in line] == []


def test_a_page() -> None:
    """A page says why, shows an example of what to write instead, and says how to allow the finding."""
    assert explain("drop-index-blocking") == (
        "drop-index-blocking (warning)\n"
        "DROP INDEX blocks reads and writes of its table\n"
        "\n"
        "DROP INDEX holds ACCESS EXCLUSIVE on the index and on its table until the file ends. The drop\n"
        "itself takes an instant, but it first waits for every running query on the table, and every\n"
        "later query waits behind it. With CONCURRENTLY reads and writes go on.\n"
        "\n"
        "example of what to write instead:\n"
        "    -- 1. 005_drop_orders_state_index.up.sql\n"
        "    drop index concurrently orders_state_index;\n"
        "\n"
        "to allow it, above the statement or at the head of the file:\n"
        "    -- sqlmigrate: allow drop-index-blocking (why)\n"
        "\n"
        "PostgreSQL: https://www.postgresql.org/docs/current/sql-dropindex.html"
    )


@pytest.mark.parametrize("name", rule_pages.pages())
def test_a_page_of_the_documents_is_fresh(name: str) -> None:
    """The pages of docs/rules/ are what `make docs` makes from the records of the rules and their cases."""
    assert (rule_pages.FOLDER / name).read_text(encoding="utf-8") == rule_pages.pages()[name]


def test_every_page_of_the_documents_is_of_a_rule() -> None:
    """docs/rules/ has the page of each rule, the index, and no other file."""
    assert {path.name for path in rule_pages.FOLDER.iterdir()} == {"README.md", *(f"{name}.md" for name in RULES)}


def test_an_unknown_rule() -> None:
    """An unknown name is a usage error that offers the nearest rules."""
    with pytest.raises(ConfigError) as caught:
        explain("set-not-null")
    assert caught.value.message == "unknown rule `set-not-null`"
    assert caught.value.hint == "did you mean `set-not-null-scan`?"
