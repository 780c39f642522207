"""The part of a review that remains without a server: what the words of the files show."""

from __future__ import annotations

from pathlib import Path

import pytest

from sqlmigrate.files.migration import Migration
from sqlmigrate.review import pipeline
from sqlmigrate.review.new.subjects import Subjects
from sqlmigrate.review.results import Review
from sqlmigrate.source import Source


def migration(version: str, up: str, down: str | None = "select 1;\n") -> Migration:
    back = None if down is None else Source(f"sql/{version}_case.down.sql", down)
    return Migration(version, "case", Source(f"sql/{version}_case.up.sql", up), back)


def reviewed(*new: Migration) -> Review:
    """Review migrations by their text."""
    return pipeline.review(Subjects("main", (), new), pipeline.Settings(Path(), is_static=True))


def found(*new: Migration) -> list[str]:
    return [finding.rule.name for each in reviewed(*new).migrations for finding in each.findings]


SHOWN = {
    "create index i on orders (id)": ["create-index-blocking"],
    "create unique index if not exists i on orders (id)": ["create-index-blocking"],
    "drop index i": ["drop-index-blocking"],
    "reindex table orders": ["reindex-blocking"],
    "cluster orders using i": ["vacuum-full-cluster"],
    "lock table orders": ["lock-table"],
    "truncate orders": ["truncate"],
    "drop table if exists orders": ["drop-table"],
    "drop materialized view totals": ["drop-view"],
    "drop function total(int)": ["drop-function"],
    "drop type state": ["drop-type"],
    "alter table orders drop note": ["drop-column"],
    "alter table only orders\n    drop column if exists note cascade": ["drop-column"],
    "alter table orders rename column note to remark": ["rename-column"],
    "alter table orders rename note to remark": ["rename-column"],
    "alter table orders rename to purchases": ["rename-table"],
    "alter schema shop rename to store": ["rename-schema"],
    "alter type state rename value 'a' to 'b'": ["rename-enum-value"],
    "alter table orders set schema shop": ["set-schema"],
    "alter table orders alter column note set not null": ["set-not-null-scan"],
    "alter table orders add constraint c check (total > 0)": ["constraint-without-not-valid"],
    "alter table orders add check (total > 0)": ["constraint-without-not-valid"],
    "alter table orders add foreign key (customer) references customers": ["foreign-key-without-not-valid"],
    "alter table orders add constraint u unique (note)": ["unique-constraint-builds-index"],
    "alter table orders add primary key (id)": ["unique-constraint-builds-index"],
    "alter table orders add exclude using gist (during with &&)": ["exclusion-constraint"],
    "alter table orders alter total type bigint": ["type-change-rewrite"],
    "alter table orders alter column total set data type bigint": ["type-change-rewrite"],
    "alter table orders add column note text not null": ["add-column-not-null-no-default"],
    "alter table orders add column id bigserial": ["add-column-serial"],
    "alter table events detach partition events_2020": ["detach-partition-blocking"],
    "refresh materialized view totals": ["refresh-matview-blocking"],
}

NOT_SHOWN = [
    "create table orders (id bigint primary key, total numeric not null check (total > 0))",
    "alter table orders add column note text",
    "alter table orders add column note text not null default ''",
    "alter table orders add constraint c check (total > 0) not valid",
    "alter table orders add constraint c foreign key (customer) references customers not valid",
    "alter table orders validate constraint c",
    "alter table orders add constraint u unique using index orders_note",
    "alter table orders alter column note drop not null",
    "alter table orders alter note drop default",
    "alter table orders drop constraint c",
    "alter table orders rename constraint c to d",
    "refresh materialized view concurrently totals",
    "alter table events detach partition events_2020 concurrently",
    "create function f() returns void language sql as $$ truncate orders; drop table orders; $$",
    "comment on table orders is 'drop table orders; alter table orders drop column note'",
    "alter table orders /* drop column note */ add column -- rename to x\n remark text",
    "insert into orders values (1, 'drop table')",
    "alter table orders /* a /* b */ drop column note */ add column remark text",
    r"alter table orders add column remark text default E'it\'s drop column note'",
    "drop trigger t on orders",
]


@pytest.mark.parametrize("statement", SHOWN)
def test_what_the_words_show(statement: str) -> None:
    """A dangerous statement is told by its words, once."""
    assert found(migration("002", f"{statement};\n")) == SHOWN[statement]


@pytest.mark.parametrize("statement", NOT_SHOWN)
def test_what_is_harmless_by_its_words(statement: str) -> None:
    """The safe forms are silent, and so is what stands in quotes, bodies and comments."""
    assert found(migration("002", f"{statement};\n")) == []


def test_what_runs_alone_is_not_in_a_transaction() -> None:
    """CONCURRENTLY is silent in a file of its own, and with other statements in its file it is not."""
    alone = "create index concurrently i on orders (id);\n"

    assert found(migration("002", alone)) == []
    assert found(migration("002", f"select 1;\n{alone}")) == ["not-in-transaction"]
    assert found(migration("002", "select 1;\ncommit;\nselect 2;\n")) == ["transaction-control-in-file"]
    assert found(migration("002", "-- sqlmigrate: no-transaction\nbegin;\n")) == ["transaction-control-in-file"]


def test_not_valid_and_validate_belong_in_two_files() -> None:
    """The pair in one transaction holds the first lock over the scan; in two files it does not."""
    add = "alter table orders add constraint c check (total > 0) not valid;\n"
    validate = "alter table orders validate constraint c;\n"

    assert found(migration("002", add + validate)) == ["validate-same-transaction"]
    assert found(migration("002", add), migration("003", validate)) == []
    assert found(migration("002", f"-- sqlmigrate: no-transaction\n{add}{validate}")) == []


def test_a_table_of_the_new_files_is_nobodys() -> None:
    """A table that one of the new migrations makes may be altered by it and by the next ones."""
    first = migration("002", "create table orders (id bigint);\ncreate index i on orders (id);\n")
    second = migration("003", "alter table orders add column note text not null;\ndrop table orders;\n")

    assert found(first, second) == []
    assert found(second) == ["add-column-not-null-no-default", "drop-table"]


def test_a_way_back_is_missed() -> None:
    """No down file is told, unless the up file says that there is no way back."""
    assert found(migration("002", "select 1;\n", None)) == ["down-missing"]
    assert found(migration("002", "-- sqlmigrate: irreversible (why not)\nselect 1;\n", None)) == []


def test_exceptions_hold_and_are_not_called_needless() -> None:
    """A finding is allowed as after an execution; what only an execution shows may be allowed without being found."""
    allowed = "-- sqlmigrate: allow drop-table (nobody reads it)\n-- sqlmigrate: allow rows-lost (nor its rows)\n"
    (each,) = reviewed(migration("002", f"{allowed}drop table orders;\n")).migrations

    assert [(finding.rule.name, finding.allowed) for finding in each.findings] == [("drop-table", "nobody reads it")]
    assert found(migration("002", "-- sqlmigrate: allow drop-tabel (a typing error)\nselect 1;\n")) == [
        "allow-without-need"
    ]


def test_the_report_says_that_it_was_so() -> None:
    """The basis of the review has no server, and says why; each finding says what it is judged by."""
    result = reviewed(migration("002", "drop table orders;\n"))
    (finding,) = result.migrations[0].findings

    assert (result.basis.server, result.basis.why_static, result.migrations[0].trip) == (
        None,
        "--static was given",
        None,
    )
    assert finding.message == "a table is dropped: found in the text, not by executing it"
    assert (finding.path, finding.span and finding.span.line, finding.relation) == ("sql/002_case.up.sql", 1, "orders")
