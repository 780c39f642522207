"""A catalog as text: the same from every process, and read back it is the same catalog."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import children
import pytest

from sqlmigrate.catalog import stored
from sqlmigrate.catalog.compare import differences
from sqlmigrate.catalog.read import read, read_in_one_turn
from sqlmigrate.catalog.sql_definitions import sorts
from sqlmigrate.catalog.sql_relations import FIELD, RECORD, SETTINGS
from sqlmigrate.database.session import Session, connect

BASE = (Path(__file__).parent / "databases" / "base.sql").read_text(encoding="utf-8")
WITHOUT_ROLES = "\n".join(line for line in BASE.splitlines() if "catalog_" not in line)
_OF_ANOTHER_PROCESS = """\
import sys
from sqlmigrate.catalog import stored
from sqlmigrate.catalog.read import read
from sqlmigrate.database.session import connect
with connect(sys.argv[1]) as session:
    print(stored.digest_of(stored.text_of(read(session))))
"""


@pytest.fixture
def session(every_database: str) -> Iterator[Session]:
    with connect(every_database) as session:
        session.conn.execute(WITHOUT_ROLES)
        yield session


def test_it_is_read_back_as_it_was(session: Session) -> None:
    catalog = read(session)
    text = stored.text_of(catalog)

    back = stored.catalog_of(stored.unpacked(stored.packed(text)))

    assert stored.text_of(back) == text
    assert [each for each in differences(catalog, back) if "hidden" not in str(each.attributes)] == []
    assert {key for key in catalog.objects if key[0] != "enum label"} == set(back.objects)
    assert back.orders == catalog.orders
    orders = back.tables["app.orders"]
    assert {each.name for each in back.parts_of(orders, "index")} == {
        "app.orders_lower", "app.orders_note", "app.orders_pkey",
    }  # fmt: skip
    assert {each.whole for each in back.parts_of(orders, "column", "index")} == {orders.identity}


def test_two_processes_write_the_same_text(session: Session, every_database: str) -> None:
    """Secrets are hidden with a hash that differs from process to process: it is left out."""
    ours = stored.digest_of(stored.text_of(read(session)))

    theirs = children.run(
        [sys.executable, "-c", _OF_ANOTHER_PROCESS, every_database], stdout=subprocess.PIPE, check=True
    ).stdout.decode()

    assert theirs.strip() == ours


def test_a_secret_is_not_in_it(session: Session) -> None:
    text = stored.text_of(read(session))

    assert "Planted" not in text
    assert "password (hidden)" in text


def test_one_turn_reads_the_same(session: Session) -> None:
    """So does a session whose settings are others."""
    session.conn.execute("set search_path = app; set timezone = 'Asia/Tokyo'; set quote_all_identifiers = on")

    catalog, answers = read_in_one_turn(session, ())

    assert answers == []
    assert stored.text_of(catalog) == stored.text_of(read(session))


def test_another_text_has_another_format() -> None:
    """If the queries of a catalog say something else, a snapshot that is stored somewhere cannot be compared any more.

    After a release that has `FORMAT`: raise it, and write the new digest here. Before it, the digest alone.
    """
    queries = [each.sql() for version in range(13, 19) for each in sorts(version * 10000)]
    text = "\n".join([*queries, *(each.sql for each in SETTINGS)]).replace(FIELD, "").replace(RECORD, "")
    salted = hashlib.sha256(_without_salt(text).encode()).hexdigest()

    assert (stored.FORMAT, salted[:16]) == (1, "2b495b8c3abb23bf")


def _without_salt(text: str) -> str:
    from sqlmigrate.catalog import sql_relations  # noqa: PLC0415 - its salt is private

    return text.replace(sql_relations._SALT, "")
