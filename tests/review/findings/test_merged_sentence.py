"""The sentence of findings that were merged: for one, two, three and many things, for partitions, counts and kinds."""

from __future__ import annotations

from collections.abc import Mapping

from sqlmigrate.review.findings.merged_sentence import merged_sentence
from sqlmigrate.review.rules.all_rules import RULES
from sqlmigrate.review.rules.rule import Finding


def said(rule: str, *messages: str, parents: Mapping[str, str] | None = None) -> str:
    return merged_sentence([Finding(RULES[rule], "danger", message) for message in messages], parents or {})


def dropped(*columns: str) -> str:
    return said(
        "drop-column", *(f"the column `{each}` is dropped: statements that still use it fail" for each in columns)
    )


def test_the_names_are_listed() -> None:
    """Up to three things are named, of more the first two and a number; verb and noun follow the number."""
    assert dropped("a.x") == "the column `a.x` is dropped: statements that still use it fail"
    assert dropped("a.x", "b.x") == "the columns `a.x` and `b.x` are dropped: statements that still use them fail"
    assert dropped("a.x", "b.x", "c.x").startswith("the columns `a.x`, `b.x` and `c.x` are dropped: ")
    assert dropped(*(f"{each}.x" for each in "abcdefg")).startswith("the columns `a.x`, `b.x` and 5 more are dropped: ")


def test_a_name_in_the_middle_of_a_sentence_leaves_its_verb_alone() -> None:
    """What is built is an index, whatever the tables are."""
    told = (f"an index on `{each}` is built under SHARE" for each in ("orders", "customers"))

    assert said("create-index-blocking", *told) == "an index on `orders` and `customers` is built under SHARE"


def test_two_names_in_a_sentence_are_two_lists() -> None:
    """Old and new names stay in the same order; a name that all sentences have is told once."""
    renamed = (
        f"the column `{table}.at` is renamed to `{new}`: the running application still uses the old name"
        for table, new in (("a", "published"), ("b", "posted"))
    )
    read = (f"`{each}` is read while `orders` is locked in ACCESS EXCLUSIVE mode" for each in "abc")

    assert said("rename-column", *renamed) == (
        "the columns `a.at` and `b.at` are renamed to `published` and `posted`"
        ": the running application still uses the old names"
    )
    assert said("work-under-lock", *read) == (
        "`a`, `b` and `c` are read while `orders` is locked in ACCESS EXCLUSIVE mode"
    )


PARTITIONS = {f"events_{year}": "events" for year in range(2020, 2026)}


def built(*tables: str) -> str:
    told = (f"an index on `{each}` is built under SHARE" for each in tables)
    return said("create-index-blocking", *told, parents=PARTITIONS)


def test_partitions_stand_under_their_table() -> None:
    """They are counted, with the first and the last; one of them has its name."""
    assert built(*PARTITIONS) == (
        "an index on 6 partitions of `events` (`events_2020` to `events_2025`) is built under SHARE"
    )
    assert built("events_2021", "events_2020") == (
        "an index on 2 partitions of `events` (`events_2020` and `events_2021`) is built under SHARE"
    )
    assert built("events_2021") == "an index on `events_2021` is built under SHARE"
    assert built("orders", *PARTITIONS) == (
        "an index on `orders` and 6 partitions of `events` (`events_2020` to `events_2025`) is built under SHARE"
    )
    assert built("events", *PARTITIONS) == "an index on `events` and its 6 partitions is built under SHARE"
    assert built("events", "events_2021") == "an index on `events` and its partition `events_2021` is built under SHARE"


def test_a_column_of_a_table_stands_for_those_of_its_partitions() -> None:
    """It cannot be dropped in one of them alone."""
    columns = [f"{table}.id" for table in ("events", *PARTITIONS)]
    told = (f"the column `{each}` is dropped: statements that still use it fail" for each in columns)

    assert said("drop-column", *told, parents=PARTITIONS) == (
        "the column `events.id` is dropped: statements that still use it fail"
    )


def test_partitions_of_partitions_stand_under_the_table_on_top() -> None:
    """They have one table in the end; numbers in names are ordered as numbers."""
    parents = {"events_new": "events", **{f"p{number}": "events_new" for number in (9, 10, 11)}}
    told = (f"`{each}` is scanned under ACCESS EXCLUSIVE" for each in ("p10", "p9", "p11"))

    assert said("set-not-null-scan", *told, parents=parents) == (
        "3 partitions of `events` (`p9` to `p11`) are scanned under ACCESS EXCLUSIVE"
    )


def test_rows_are_added() -> None:
    """Rows that are written or lost are those of all the tables; two statements on one table are not added."""
    written = (
        f"{rows} rows are written in `{table}`, which the statement does not name"
        for rows, table in (("1,200", "a"), ("1", "b"), ("40", "c"), ("2", "d"))
    )
    lost = (f"`{table}` had {rows}, and has 0 after up" for rows, table in (("1 row", "a"), ("60 rows", "b")))
    again = (f"{rows} of 60 rows of `a` are written in one transaction" for rows in (30, 60, 20))

    assert said("hidden-writes", *written) == (
        "1,243 rows are written in `a`, `b` and 2 more, which the statement does not name"
    )
    assert said("rows-lost", *lost) == "`a` and `b` had 61 rows, and have 0 after up"
    assert said("bulk-dml", *again) == "60 of 60 rows of `a` are written in one transaction"


def test_other_numbers_are_never_added() -> None:
    """Sentences whose numbers differ stand one after the other, three at most."""
    late = [f"the largest value of `{each}.id` is {top}, its sequence is at 1" for top, each in enumerate("abcde")]

    assert said("sequence-behind-data", *late[:2]) == f"{late[0]}; {late[1]}"
    assert said("sequence-behind-data", *late) == f"{late[0]}; {late[1]}; {late[2]}; 2 more cases"
    assert said("sequence-behind-data", *late[:4]).endswith("; 1 more case")


def test_objects_of_several_kinds_are_listed_by_kind() -> None:
    """Each kind has its noun once."""
    told = (
        f"the {kind} `{name}` is dropped too, although the file does not name it"
        for kind, name in (
            ("view", "v"),
            ("constraint", "c.b"),
            ("constraint", "c.d"),
            ("policy", "p"),
            ("policy", "q"),
        )
    )

    assert said("cascade-drops-dependents", *told) == (
        "the view `v`, the constraints `c.b` and `c.d` and the policies `p` and `q` are dropped too"
        ", although the file does not name them"
    )


def test_sentences_of_other_words_stand_one_after_the_other() -> None:
    """Nothing is left out for a milder one; that an earlier statement took the lock is told only if all say it."""
    assert said("work-under-lock", "`a` is read while `o` is locked", "30 rows are written while `o` is locked") == (
        "`a` is read while `o` is locked; 30 rows are written while `o` is locked"
    )
    built = "an index on `a` is built under SHARE"
    assert said("create-index-blocking", built, f"{built}, which an earlier statement took") == built
    assert said("create-index-blocking", f"{built}, which an earlier statement took").endswith(" took")


def test_what_all_sentences_begin_with_is_said_once() -> None:
    """Up to a colon, unless it names an object, which the next sentence would miss."""
    told = [f'it fails on generated rows: column "{each}" of relation "shops" contains null values' for each in "ab"]
    named = [f"the owner of `shops` changed: it is now {each}" for each in ("one", "two")]

    assert said("fails-on-data", *told) == f"{told[0]}; {told[1].removeprefix('it fails on generated rows: ')}"
    assert said("owner-changed", *named) == "; ".join(named)


def test_function_bodies_are_plural_too() -> None:
    """The noun in front of `of` follows the number."""
    told = (f"the body of `{each}()` no longer works: it names `x`, which no longer exists" for each in "fg")

    assert said("function-body-broken", *told) == (
        "the bodies of `f()` and `g()` no longer work: they name `x`, which no longer exists"
    )
    told = (f"the default of `{each}` depends on the session's TimeZone" for each in ("a.x", "a.y"))
    assert said("depends-on-setting", *told) == "the defaults of `a.x` and `a.y` depend on the session's TimeZone"
