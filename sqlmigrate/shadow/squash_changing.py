"""What migrations cannot make twice: times, random numbers, and what depends on the day.

Migrations are executed a second time, in a time zone in which it is another day. What differs between both is not
compared with a squashed migration, which was written on a day of its own. Two executions cannot show what changes with
the month or the year: there the types of the columns, and the statements that fill them, tell.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from sqlmigrate.catalog import compare
from sqlmigrate.catalog.objects import Catalog, Difference
from sqlmigrate.errors import MigrationError
from sqlmigrate.files.migration import Migration
from sqlmigrate.parsing.splitter import split

from .squash_rows import ByColumn, Rows

# https://www.postgresql.org/docs/current/functions-datetime.html#FUNCTIONS-DATETIME-CURRENT, functions-uuid.html
_CLOCK = re.compile(
    r"(?i)\b(?:current_(?:date|time|timestamp)|localtime(?:stamp)?)\b|'\s*(?:now|today|tomorrow|yesterday)\s*'|"
    r"\b(?:now|timeofday|(?:clock|statement|transaction)_timestamp|random\w*|gen_random_\w+|uuid_generate_\w+|uuidv[47])"
    r"\s*\("
)
_TYPES = re.compile(r"(?:date|time\b.*|timestamp\b.*|uuid|tsrange|tstzrange|daterange|interval\b.*)(?:\[\])*\Z")
_DATE = re.compile(r"(?<!\d)(?:19|20)\d\d(?:[-_]?\d\d){0,2}(?!\d)")


@dataclass(frozen=True)
class Clock:
    """A statement that uses the time or random numbers.

    Attributes:
        label: the migration
        line: its line in the up file
        words: how it begins to use them: ``current_date``
        text: the statement
    """

    label: str
    line: int
    words: str
    text: str


@dataclass(frozen=True)
class Changing:
    """What is not the same each time that the same migrations are executed.

    Attributes:
        columns: the table and the name of each column with other values
        tables: the tables with another number of rows
        sequences: the sequences with another value
        views: the materialized views with other rows
        objects: kind and name of the objects that differ
        clocks: the statements that use the time or random numbers
        timed: the columns that these statements may fill, by their types and defaults
    """

    columns: frozenset[tuple[str, str]] = frozenset()
    tables: frozenset[str] = frozenset()
    sequences: frozenset[str] = frozenset()
    views: frozenset[str] = frozenset()
    objects: frozenset[tuple[str, str]] = frozenset()
    clocks: tuple[Clock, ...] = ()
    timed: frozenset[tuple[str, str]] = frozenset()

    @property
    def said(self) -> tuple[str, ...]:
        """What was seen to change: ``public.t.created``, ``the number of rows of public.t``."""
        return (
            *sorted(f"{table}.{column}" for table, column in self.columns if table not in self.tables),
            *(f"the number of rows of {table}" for table in sorted(self.tables)),
            *(f"the value of the sequence {name}" for name in sorted(self.sequences)),
            *(f"the rows of the materialized view {name}" for name in sorted(self.views)),
            *sorted(f"{kind} {name}" for kind, name in self.objects),
        )

    def steady(self, rows: Rows) -> dict[str, list[str]]:
        """Return the columns of each table with rows that have to be the same each time."""
        loose = self.columns | self.timed
        return {
            each.table: [column for column in each.columns if (each.table, column) not in loose]
            for each in rows.filled
            if any((each.table, column) in loose for column in each.columns)
        }


@dataclass(frozen=True)
class Execution:
    """What one execution of migrations has made."""

    catalog: Catalog
    rows: Rows
    columns: ByColumn


def changing(first: Execution, second: Execution, migrations: Sequence[Migration]) -> Changing:
    """Return what differs between two executions of the same migrations, and what may differ on another day."""
    counts = _differing(*({name: each.count for name, each in one.rows.sums.items()} for one in (first, second)))
    values = ({each.sequence: each for each in one.rows.values} for one in (first, second))
    clocks = tuple(_clocks(migrations))
    return Changing(
        columns=frozenset(_differing(first.columns, second.columns)),
        tables=frozenset(counts),
        sequences=frozenset(_differing(*values)),
        views=frozenset(_differing(first.rows.views, second.rows.views)),
        objects=frozenset(
            (each.kind, each.name)
            for each in compare.differences(first.catalog, second.catalog)
            if (each.kind, each.name) != ("setting", "TimeZone")
        ),
        clocks=clocks,
        timed=frozenset(_timed(first.catalog, clocks)) if clocks else frozenset(),
    )


def _differing(first: Mapping, second: Mapping) -> Iterable:  # type: ignore[type-arg]
    return [key for key in first.keys() | second.keys() if first.get(key) != second.get(key)]


def _clocks(migrations: Iterable[Migration]) -> Iterable[Clock]:
    for migration in migrations:
        with suppress(MigrationError):  # what cannot be split is left out by the shadow, and told
            for each in split(migration.up):
                if found := _CLOCK.search(each.text):
                    words = found[0].removesuffix("(").strip()
                    yield Clock(
                        migration.label, each.span.line + each.text.count("\n", 0, found.start()), words, each.text
                    )


def _timed(catalog: Catalog, clocks: Sequence[Clock]) -> Iterable[tuple[str, str]]:
    """Yield the columns of a time or a UUID, or with such a default, of the tables that these statements name."""
    texts = "\n".join(each.text for each in clocks).lower()
    for name, table in catalog.tables.items():
        bare = table.path[-1].strip('"').lower()
        if not re.search(rf"(?<!\w){re.escape(bare)}(?!\w)", texts):
            continue
        for column in catalog.parts_of(table, "column"):
            default = column.attributes.get("default") or ""
            if _TYPES.match(column.attributes.get("type") or "") or _CLOCK.search(default):
                yield name, _plain(column.path[-1])


def _plain(name: str) -> str:
    return name[1:-1].replace('""', '"') if name.startswith('"') else name


def without_dates(differences: Sequence[Difference], changing: Changing) -> tuple[list[Difference], list[str]]:
    """Return the differences that are no matter of the day, and what the others are about.

    An object whose name has a date, such as the partition of a month, has another name on another day. It is taken for
    the same one only if the migrations use the time, and as many of a kind are missing as are left over.
    """
    if not changing.clocks:
        return list(differences), []
    missing, left_over = (Counter(_undated(each) for each in differences if each.change == change)
                          for change in ("missing", "left over"))  # fmt: skip
    kept, told = list[Difference](), list[Difference]()
    for each in differences:
        key = _undated(each)
        is_pair = each.name != key[1] and 0 < missing[key] == left_over[key]
        (told if is_pair or _has_other_dates(each) else kept).append(each)
    return kept, [f"{each.kind} {each.name}" for each in told if each.change != "left over"]


def _undated(difference: Difference) -> tuple[str, str]:
    return difference.kind, _DATE.sub("#", difference.name)


def _has_other_dates(difference: Difference) -> bool:
    """Tell whether only dates differ: in the bound of a partition."""
    return difference.change == "different" and all(
        old and new and _DATE.sub("#", old) == _DATE.sub("#", new) for _, old, new in difference.attributes
    )
