"""The advices of one review together: one set of files a migration, numbers of their own, and long files in part."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from pasted_advice import files_of, paste
from rule_cases import migrations

from sqlmigrate.files.migration import Migration
from sqlmigrate.review.formats import text
from sqlmigrate.review.results import Review
from sqlmigrate.shadow import databases

from .test_own_advice import open_findings, review

STORED = Path(__file__).parent / "stored"
TABLES = """\
create table customers (id bigint primary key, name text, city text);
create table orders (id bigint primary key, customer_id bigint references customers, total integer, note text);
create index orders_customer on orders (customer_id);
insert into customers select n, 'c' || n, 'x' from generate_series(1, 300) n;
insert into orders select n, n, n, 'x' from generate_series(1, 300) n;
"""
TWO_STATEMENTS = """\
alter table orders add constraint orders_total check (total >= 0);
create index orders_note on orders (note);
-- down
alter table orders drop constraint orders_total;
drop index orders_note;
"""
UNFINISHED = """\
create index customers_city on customers (city);
alter table customers add column is_guest boolean;
-- down
drop index customers_city;
"""
SAME_STATEMENT = """\
alter table customers add column vat text, add constraint customers_name check (name <> '');
alter table orders add column vat text;
-- down
alter table orders drop column vat;
alter table customers drop constraint customers_name, drop column vat;
"""
COMMENTS = "".join(
    f"comment on column orders.{name} is 'part {part}';\n\n" for part in range(10) for name in ("id", "note")
)
LONG = f"""\
{COMMENTS}-- the index of the report
create index orders_note
    on orders (note);

{COMMENTS}alter table orders
    add constraint orders_total
    check (total >= 0);
-- down
alter table orders drop constraint orders_total;
drop index orders_note;
"""


def _advices(result: Review) -> list[str]:
    """Return the different advices of a review."""
    found = (each.instead for reviewed in result.migrations for each in reviewed.findings if each.instead)
    return list(dict.fromkeys(found))


def _new(*texts: str) -> tuple[Migration, ...]:
    return tuple(migrations(each, number)[0] for number, each in enumerate(texts, 2))


def test_the_screen_has_one_advice_for_a_migration(server: databases.Shadow) -> None:
    """Rules about different statements have one set of files; the numbers go on in the next migration."""
    result = review(server, migrations(TABLES, 1), _new(TWO_STATEMENTS, UNFINISHED))

    screen = text.draw(result).partition("Executed on")[0]
    assert screen == (STORED / "two_migrations.txt").read_text(encoding="utf-8")


def test_all_advices_can_be_followed_together(server: databases.Shadow) -> None:
    """Whoever pastes every advice of a review at once gets no clash of versions, and has no findings left."""
    setup, new = migrations(TABLES, 1), _new(TWO_STATEMENTS, UNFINISHED, LONG.replace("orders_", "long_"))
    result = review(server, setup, new)
    known = {f"{each.label}.{way}.sql" for each in new for way in ("up", "down")}
    further = [name for each in _advices(result) for name in files_of(each) if name not in known]
    for each in _advices(result):
        new = paste(each, new)

    assert len(further) == len(set(further)) == 10
    assert [each.version for each in new] == [f"{number:03}" for number in range(2, 10)]
    assert open_findings(review(server, setup, new)) == []


def test_an_advice_says_that_another_one_changes_the_same_file(server: databases.Shadow) -> None:
    """Advices that change the same statement stay apart: the later one says which other changes the file as well."""
    result = review(server, migrations(TABLES, 1), _new(SAME_STATEMENT))
    not_valid, one_table = _advices(result)

    assert files_of(not_valid) == ["002_case.up.sql", "003_validate_customers_name.up.sql",
                                   "003_validate_customers_name.down.sql"]  # fmt: skip
    assert one_table.splitlines()[0] == (
        "-- the advice for constraint-without-not-valid changes 002_case.up.sql too: follow one of the two, "
        "then review again"
    )
    assert files_of(one_table)[2:] == ["004_alter_table_orders.up.sql", "004_alter_table_orders.down.sql"]


def test_a_long_file_is_not_shown_whole(server: databases.Shadow) -> None:
    """Only the statements that change are shown, with their lines, from the last one to the first."""
    (advice,) = _advices(review(server, migrations(TABLES, 1), _new(LONG)))

    assert advice == (STORED / "long_file.txt").read_text(encoding="utf-8")


@pytest.mark.parametrize("ends", ["\n", "\r\n"])
def test_the_places_of_a_long_file_can_be_pasted(ends: str, server: databases.Shadow) -> None:
    """The numbers are those of the lines in the file; all else stays as it is, to the letter."""
    new = _new(LONG)
    new = (replace(new[0], up=replace(new[0].up, text=new[0].up.text.replace("\n", ends))),)
    (advice,) = _advices(review(server, migrations(TABLES, 1), new))
    first, *_ = paste(advice, new)

    assert first.up.text == (
        f"{COMMENTS}\n{COMMENTS}alter table orders add constraint orders_total check (total >= 0) not valid;\n"
    )
