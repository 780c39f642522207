"""The HTML page of a migration that puts a new table in the place of an old one."""

from __future__ import annotations

import re
from html import unescape
from pathlib import Path

from sqlmigrate.files.migration import Migration
from sqlmigrate.review import pipeline
from sqlmigrate.review.formats import FORMATS
from sqlmigrate.review.new.subjects import Subjects
from sqlmigrate.shadow import databases
from sqlmigrate.source import Source

BASE = "create table products (id bigint primary key, sku text not null);\n"
UP = """\
alter table products rename to products_old;
create table products (id bigint primary key, sku text not null, currency text, amount numeric);
"""
DOWN = "drop table products;\nalter table products_old rename to products;\n"


def migration(version: str, up: str, down: str) -> Migration:
    return Migration(version, "m", Source(f"sql/{version}_m.up.sql", up), Source(f"sql/{version}_m.down.sql", down))


def page(server: databases.Shadow) -> str:
    subjects = Subjects("main", (migration("001", BASE, "select 1;"),), (migration("002", UP, DOWN),))
    review = pipeline.review_on(server, subjects, pipeline.Settings(Path(), limit=5.0))
    return FORMATS["html"](review)


def test_the_page_shows_the_columns_of_a_table_in_their_order(server: databases.Shadow) -> None:
    """New columns stand in the order of the table."""
    found = re.findall(r'<span class="tag fine">new</span><div>column <code>([^<]+)</code>', page(server))

    assert found == ["products.id", "products.sku", "products.currency", "products.amount"]


def test_the_page_shows_both_names_of_a_renamed_table(server: databases.Shadow) -> None:
    """The lock on the old table is not taken for one on the new table of its name."""
    rows = [unescape(re.sub("<[^>]+>", "", each)) for each in re.findall(r'<th scope="row">(.*?)</th>', page(server))]

    assert rows == ["products (now products_old)", "products_old (now products)"]
