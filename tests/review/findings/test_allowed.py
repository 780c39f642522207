"""Exceptions of a review: what a line `-- sqlmigrate: allow RULE (why)` silences, and when it is a finding itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from sqlmigrate.files.migration import Migration
from sqlmigrate.review import pipeline
from sqlmigrate.review.new.subjects import Subjects
from sqlmigrate.review.results import Review
from sqlmigrate.shadow import databases
from sqlmigrate.source import Source

SETUP = """\
create table customers (id bigint generated always as identity primary key, name text not null, fax text, telex text);
insert into customers (name, fax, telex) select 'Customer ' || i, '0' || i, '1' || i from generate_series(1, 200) i;
create view named as select id, name from customers;
"""
IRREVERSIBLE = "-- sqlmigrate: irreversible (nobody needs them)\n"
FAX, TELEX = "alter table customers drop column fax;\n", "alter table customers drop column telex;\n"


def migration(version: str, up: str, down: str | None = None) -> Migration:
    back = None if down is None else Source(f"sql/{version}_case.down.sql", down)
    return Migration(version, "case", Source(f"sql/{version}_case.up.sql", up), back)


def reviewed(server: databases.Shadow, *new: Migration) -> Review:
    """Review migrations on the table of customers."""
    subjects = Subjects("main", (migration("001", SETUP),), new)
    return pipeline.review_on(server, subjects, pipeline.Settings(Path(), limit=2.0))


def told(result: Review) -> list[str]:
    """Give each finding in a line: the rule, its lines, the reason if it is allowed."""
    return [
        f"{finding.rule.name} {finding.path.removeprefix('sql/')}:{finding.span.line if finding.span else 0}"
        + "".join(f", {span.line}" for span in finding.places)
        + (f" ({finding.allowed})" if finding.allowed else "")
        for each in result.migrations
        for finding in each.findings
    ]


@pytest.mark.sampled(2)
def test_above_a_statement_it_holds_for_that_statement(server: databases.Shadow) -> None:
    """The finding of the statement below it has the reason; the same one of another statement has none."""
    up = IRREVERSIBLE + FAX + "-- sqlmigrate: allow drop-column (nobody has a telex)\n" + TELEX

    assert told(reviewed(server, migration("002", up))) == [
        "drop-column 002_case.up.sql:2",
        "drop-column 002_case.up.sql:4 (nobody has a telex)",
    ]


def test_at_the_head_it_holds_for_the_file(server: databases.Shadow) -> None:
    """Every finding of the rule has the reason, whichever statement it is of: they are one finding."""
    up = IRREVERSIBLE + "-- sqlmigrate: allow drop-column (nobody has them)\n" + FAX + TELEX

    assert told(reviewed(server, migration("002", up))) == ["drop-column 002_case.up.sql:3, 4 (nobody has them)"]


def test_it_does_not_hold_for_another_migration(server: databases.Shadow) -> None:
    """What one file allows, the next one does not."""
    first = migration("002", IRREVERSIBLE + "-- sqlmigrate: allow drop-column (nobody has a fax)\n" + FAX)
    second = migration("003", IRREVERSIBLE + TELEX)

    assert told(reviewed(server, first, second)) == [
        "drop-column 002_case.up.sql:3 (nobody has a fax)",
        "drop-column 003_case.up.sql:2",
    ]


def test_in_the_down_file_it_holds_for_the_way_back(server: databases.Shadow) -> None:
    """A finding of the down file is allowed there."""
    up = "-- sqlmigrate: allow drop-column (nobody has a telex)\n" + TELEX
    down = "-- sqlmigrate: allow data-not-restored (kept in the backup)\nalter table customers add column telex text;\n"

    assert told(reviewed(server, migration("002", up, down))) == [
        "drop-column 002_case.up.sql:2 (nobody has a telex)",
        "data-not-restored 002_case.down.sql:2 (kept in the backup)",
    ]


def test_two_rules_above_one_statement(server: databases.Shadow) -> None:
    """Each line allows its own rule."""
    up = (
        "select 1;\n"
        "-- sqlmigrate: allow drop-table (a service of its own has them)\n"
        "-- sqlmigrate: allow cascade-drops-dependents (it was the only view)\n"
        "drop table customers cascade;\n"
    )

    assert told(reviewed(server, migration("002", IRREVERSIBLE + up))) == [
        "cascade-drops-dependents 002_case.up.sql:5 (it was the only view)",
        "drop-table 002_case.up.sql:5 (a service of its own has them)",
    ]


def test_in_the_up_file_it_does_not_hold_for_the_way_back(server: databases.Shadow) -> None:
    """Above a statement of the up file, what the down file does not restore is not allowed."""
    up = "select 1;\n-- sqlmigrate: allow data-not-restored (kept in the backup)\n" + TELEX
    found = reviewed(server, migration("002", up, "alter table customers add column telex text;\n"))

    assert told(found) == [
        "allow-without-need 002_case.up.sql:2",
        "drop-column 002_case.up.sql:3",
        "data-not-restored 002_case.down.sql:1",
    ]


NEEDLESS = {
    "nothing to allow": (
        "-- sqlmigrate: allow drop-column (nobody has a fax)\nalter table customers add column phone text;\n",
        ("unused `allow drop-column`", "remove the line"),
    ),
    "said twice": (
        "-- sqlmigrate: allow drop-column (nobody has a fax)\n-- sqlmigrate: allow drop-column (nobody at all)\n" + FAX,
        ("unused `allow drop-column`", "remove the line"),
    ),
    "a rule misspelt": (
        "-- sqlmigrate: allow drop-colum (nobody has a fax)\nselect 1;\n",
        ("unknown rule `drop-colum`", "did you mean `drop-column`?"),
    ),
    "no rule at all": (
        "-- sqlmigrate: allow zzz (nobody has a fax)\nselect 1;\n",
        ("unknown rule `zzz`", "sqlmigrate explain lists the rules"),
    ),
    "what cannot be meant": (
        "-- sqlmigrate: allow statement-fails (it will not)\nalter table nowhere add column phone text;\n",
        ("`statement-fails` cannot be allowed", "remove the line; why: sqlmigrate explain statement-fails"),
    ),
}


@pytest.mark.parametrize("name", NEEDLESS)
def test_an_exception_that_nothing_needs(name: str, server: databases.Shadow) -> None:
    """An exception that allows nothing is a finding, which says what to do."""
    up, expected = NEEDLESS[name]
    (each,) = reviewed(server, migration("002", IRREVERSIBLE + up)).migrations

    needless = [found for found in each.findings if found.rule.name == "allow-without-need"]
    assert [(found.message, found.what_now) for found in needless] == [expected]


def test_what_was_not_executed_needs_what_nobody_knows(server: databases.Shadow) -> None:
    """Where a statement fails, an exception for a later one is not called needless."""
    up = (
        IRREVERSIBLE + "alter table nowhere add column phone text;\n"
        "-- sqlmigrate: allow drop-column (nobody has a fax)\n" + FAX
    )

    assert told(reviewed(server, migration("002", up))) == ["statement-fails 002_case.up.sql:2"]


def test_a_reason_is_required(server: databases.Shadow) -> None:
    """An exception without a reason is refused as a directive, with its place."""
    (each,) = reviewed(server, migration("002", "-- sqlmigrate: allow drop-column\n" + FAX, FAX)).migrations

    assert [(found.rule.name, found.message, found.what_now) for found in each.findings] == [
        (
            "statement-fails",
            "the directive `allow` needs one rule and a reason",
            "-- sqlmigrate: allow RULE (why it is intended)",
        )
    ]


def test_only_what_nobody_allows_fails_a_review(server: databases.Shadow) -> None:
    """A review whose dangers are all allowed does not fail; one exception fewer, and it does."""
    allowed = IRREVERSIBLE + "-- sqlmigrate: allow drop-column (nobody has a fax)\n" + FAX

    assert not pipeline.has_failed(reviewed(server, migration("002", allowed)), "warning")
    assert pipeline.has_failed(reviewed(server, migration("002", allowed + TELEX)), "danger") is False
    assert pipeline.has_failed(reviewed(server, migration("002", IRREVERSIBLE + FAX)), "danger")
