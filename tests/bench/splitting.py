"""MB/s of split, sqlparse.split and pglast.split, in one run: ``make bench``.

Statements are objects, and each is asked for its text and its line. A figure is the best of several runs; the peers,
being slower, get less of the same.
"""

from __future__ import annotations

import random
import sys
import time
import tracemalloc
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain

import pglast
import sqlparse
from pglast.parser import ParseError
from slow_texts import HOSTILE

from sqlmigrate.errors import MigrationError
from sqlmigrate.parsing.splitter import split

MB = 1_000_000


def _filled(size: int, unit: Callable[[int], str], head: str = "", tail: str = "", between: str = "") -> str:
    units, length, number = [], 0, 0
    while length < size:
        units.append(unit(number))
        length += len(units[-1]) + len(between)
        number += 1
    return head + between.join(units) + tail


def inserts(size: int) -> str:
    names = ["Ann", "Bob O''Hara", "Zoë", "Charlotte Example; Ltd", "名前"]
    prices = random.Random(1)
    return _filled(
        size,
        lambda number: (
            "INSERT INTO public.customers (id, name, email, created_at, balance) VALUES "
            f"({number}, '{names[number % 5]}', 'user{number}@example.com', "
            f"'2024-03-{number % 28 + 1:02d} 12:00:00+00', {prices.random() * 1000:.2f});\n"
        ),
    )


def migrations(size: int) -> str:
    return _filled(size, lambda number: MIGRATION.replace("N#", str(number)))


def one_line(size: int) -> str:
    rows = _filled(size, lambda n: f"({n}, 'user{n}@example.com', {n % 7 - 3}, NULL, now())", between=", ")
    return f"INSERT INTO t VALUES {rows};"


def dump(size: int) -> str:
    return _filled(
        size,
        lambda number: f'{number}\tuser{number}@example.com\tit\'s; a "note"\t\\N\t2024-01-01 00:00:00+00\n',
        "SET standard_conforming_strings = on;\n\nCREATE TABLE public.t (\n    a integer\n);\n\n"
        "COPY public.t (id, email, note, gone, at) FROM stdin;\n",
        "\\.\n\nSELECT pg_catalog.setval('public.s', 3, true);\n",
    )


def atomic(size: int) -> str:
    return _filled(size, lambda number: ATOMIC.replace("N#", str(number)))


MIGRATION = """\
-- N#: orders; and what belongs to them

CREATE TABLE IF NOT EXISTS shop.orders_N# (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    customer_id bigint NOT NULL REFERENCES shop.customers (id) ON DELETE CASCADE, -- who; pays
    status text NOT NULL DEFAULT 'new' CHECK (status IN ('new', 'paid', 'sent')),
    total numeric(12, 2) NOT NULL DEFAULT 0.00,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT orders_N#_sent CHECK (total >= 0 AND (status <> 'sent' OR total > 0))
);
COMMENT ON TABLE shop.orders_N# IS 'What customers bought; it''s a lot';
CREATE INDEX orders_N#_status_idx ON shop.orders_N# (status, date_trunc('day', created_at)) WHERE status <> 'sent';

CREATE OR REPLACE FUNCTION shop.touch_N#() RETURNS trigger AS $$
BEGIN
    -- it's touched
    NEW.updated_at := now();
    IF NEW.status = 'sent' THEN
        RAISE NOTICE 'sent %', NEW.id;
    END IF;
    RETURN NEW;
END;
$$ LANGUAGE plpgsql;
CREATE TRIGGER touch BEFORE UPDATE ON shop.orders_N# FOR EACH ROW EXECUTE FUNCTION shop.touch_N#();

ALTER TABLE shop.orders_N# ADD COLUMN note text;
UPDATE shop.orders_N# SET note = 'x' || E'\\n' || coalesce(note, '') WHERE id = 1;

/*
 * The old view goes.
 */
DROP VIEW IF EXISTS shop.open_orders_N#;
GRANT SELECT, INSERT ON shop.orders_N# TO app;

"""

ATOMIC = """\
CREATE OR REPLACE FUNCTION shop.count_N#(a integer, b text DEFAULT 'x;y') RETURNS integer
    LANGUAGE sql
BEGIN ATOMIC
    INSERT INTO shop.seen_N# (id, begin) VALUES (a, 1);
    UPDATE shop.seen_N# SET id = CASE WHEN id > 3 THEN 1 ELSE 2 END WHERE begin = a;
    SELECT count(*) AS "end" FROM shop.seen_N# WHERE id = a;
END;

CREATE PROCEDURE shop.add_N#(a integer) LANGUAGE sql
    BEGIN ATOMIC
 INSERT INTO shop.seen_N# (id)
   VALUES (add_N#.a);
END;

COMMENT ON PROCEDURE shop.add_N# IS 'adds';
"""


@dataclass(frozen=True)
class Workload:
    """A text to be cut, and how many MB/s are asked of split."""

    name: str
    make: Callable[[int], str]
    size: int
    asked: int


WORKLOADS = (
    Workload("INSERTs", inserts, 50 * MB, 60),
    Workload("migrations", migrations, 10 * MB, 50),
    Workload("one line", one_line, 5 * MB, 70),
    Workload("dump with COPY", dump, 20 * MB, 400),
    Workload("BEGIN ATOMIC", atomic, 10 * MB, 20),
)


def ours(text: str) -> None:
    for statement in split(text):
        _ = statement.text, statement.line


def sqlparses(text: str) -> None:
    sqlparse.split(text)


def pglasts(text: str) -> None:
    pglast.split(text)


def speed(cut: Callable[[str], None], text: str, runs: int) -> float:
    """Give the best of several runs in MB/s."""
    best = float("inf")
    for _ in range(runs):
        started = time.perf_counter()
        cut(text)
        best = min(best, time.perf_counter() - started)
    return len(text.encode()) / MB / best


def peer(cut: Callable[[str], None], text: str) -> str:
    try:
        return f"{speed(cut, text, 1):.2f}"
    except (ParseError, sqlparse.exceptions.SQLParseError, RecursionError):
        return "refused"


def memory(text: str) -> float:
    """Give what all statements take, held at once, in lengths of the text."""
    tracemalloc.start()
    statements = list(split(text))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert statements
    return peak / len(text.encode())


COLUMNS = ("MB/s", "size", "statements", "asked", "split", "memory", "pglast", "sqlparse")


def row(load: Workload) -> tuple[str, ...]:
    """Measure one workload."""
    text = load.make(load.size)
    count = sum(1 for _ in split(text))
    speeds = (f"{speed(ours, text, 5):.1f}", f"{memory(load.make(min(load.size, 10 * MB))):.2f}x")
    peers = (peer(pglasts, load.make(2 * MB)), peer(sqlparses, load.make(MB // 5)))
    return (load.name, f"{len(text) / MB:.0f} MB", f"{count:,}", f"{load.asked}", *speeds, *peers)


def growing(length: int = 200_000, most: int = 5) -> list[tuple[str, str, str]]:
    """Measure the texts that are made to be slow; gives the slowest, and those that grow most, in the processor's time.

    Twice the length should take twice as long.
    """
    found = []
    for name, make in HOSTILE.items():
        single, double = make(length), make(2 * length)
        runs = [(_used(single), _used(double)) for _ in range(3)]
        found.append((name, min(used for used, _ in runs), min(used for _, used in runs)))
    slowest = sorted(found, key=lambda each: each[1], reverse=True)[:most]
    growing_most = sorted(found, key=lambda each: each[2] / each[1], reverse=True)[:most]
    return [(name, f"{used:.0f}", f"{twice / used:.1f}") for name, used, twice in (*slowest, *growing_most)]


def _used(text: str) -> float:
    started = time.process_time()
    with suppress(MigrationError):
        ours(text)
    return (time.process_time() - started) * 1000


def main() -> None:
    """Print the table, a line as soon as it is measured."""
    for name, *cells in chain([COLUMNS], map(row, WORKLOADS)):
        sys.stdout.write(f"{name:16}" + "".join(f"{cell:>12}" for cell in cells) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
