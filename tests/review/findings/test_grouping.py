"""Findings of one cause become one: which ones are merged, and what the merged finding has of each of them."""

from __future__ import annotations

from sqlmigrate.files.migration import Migration
from sqlmigrate.parsing.script import read
from sqlmigrate.review.findings.grouping import group
from sqlmigrate.review.results import Reviewed
from sqlmigrate.review.rules.all_rules import RULES
from sqlmigrate.review.rules.rule import Finding, Severity
from sqlmigrate.source import Source, Span

UP = Source("sql/002_case.up.sql", "".join(f"alter table t{number} drop column x;\n" for number in range(1, 40)))
DOWN = Source("sql/002_case.down.sql", "select 1;\n")


def place(line: int, source: Source = UP) -> Span:
    return source.span(source.text.index(f"t{line} ") - len("alter table ") if source is UP else 0, None)


def built(
    table: str, line: int = 1, severity: Severity = "danger", seconds: float | None = None, **more: str
) -> Finding:
    return Finding(
        RULES["create-index-blocking"],
        severity,
        f"an index on `{table}` is built under SHARE",
        place(line),
        UP.path,
        more.pop("waits", "writers"),
        table,
        seconds,
        about=table,
        **more,
    )


def grouped(*findings: Finding) -> tuple[Finding, ...]:
    migration = Migration("002", "case", UP, None)
    return group(Reviewed(migration, None, None, None, findings)).findings


def told(*findings: Finding) -> list[tuple[str, str]]:
    return [(each.severity, each.message.removeprefix("an index on ")) for each in grouped(*findings)]


def test_one_rule_at_one_statement_is_one_finding() -> None:
    """It names what all of them are about, and has one place."""
    (finding,) = grouped(built("a"), built("b"))

    assert finding.message == "an index on `a` and `b` is built under SHARE"
    assert (finding.objects, finding.places, finding.relation) == (("a", "b"), (), "a")


def test_one_rule_in_one_file_is_one_finding_with_its_places() -> None:
    """The place is the first one; the others follow, each once."""
    (finding,) = grouped(built("a", 3), built("b", 7), built("c", 7), built("a", 12))

    assert finding.span == place(3)
    assert [span.line for span in finding.places] == [7, 12]
    assert finding.objects == ("a", "b", "c")


def test_lists_of_two_statements_become_one_list() -> None:
    """A table that both statements name is named once."""
    (finding,) = grouped(built("bills"), built("merchants"), built("bills", 2), built("payments", 2))

    assert finding.message == "an index on `bills`, `merchants` and `payments` is built under SHARE"


def test_what_the_statement_names_comes_first() -> None:
    """What a cascade does to other tables follows from it."""
    up = read(Source("sql/002_case.up.sql", "delete from users where id > 7;\n"))
    lost = [
        Finding(RULES["rows-lost"], "danger", f"`{each}` had 60 rows, and has 0 after up", up.source.span(0),
                up.source.path, about=each)
        for each in ("likes", "posts", "seen", "users")
    ]  # fmt: skip
    reviewed = Reviewed(Migration("002", "case", up.source, None), up, None, None, tuple(lost))

    (finding,) = group(reviewed).findings
    assert finding.message == "`users`, `likes` and 2 more had 240 rows, and have 0 after up"


def test_a_single_finding_stays_as_it_is() -> None:
    """It has no list."""
    alone = built("a")

    assert grouped(alone) == (alone,)


def test_rules_and_files_stay_apart() -> None:
    """Two rules are two causes, and what down does is not what up does."""
    other = Finding(RULES["drop-column"], "danger", "the column `a.x` is dropped", place(1), UP.path)
    down = Finding(RULES["create-index-blocking"], "danger", "an index on `a` is built", DOWN.span(0), DOWN.path)

    assert len(grouped(built("a"), other, down)) == 3


def test_a_danger_is_never_part_of_a_note() -> None:
    """Another severity at another statement is another finding."""
    assert told(built("a", 1, "note"), built("b", 2, "danger"), built("c", 3, "danger")) == [
        ("note", "`a` is built under SHARE"),
        ("danger", "`b` and `c` is built under SHARE"),
    ]


def test_the_times_of_one_statement_are_added() -> None:
    """Sixty partitions that take a tenth of a second each are six seconds, which is a danger."""
    (finding,) = grouped(
        *(built(f"p{number}", 1, "note", 0.1, waits="writers, for under a second") for number in range(60))
    )

    assert (finding.severity, round(finding.seconds or 0, 3)) == ("danger", 6.0)
    assert finding.waits == "writers, for under a second"


def test_who_waits_is_told_of_all_of_them() -> None:
    """Everyone is more than writers; the time is that of all."""
    short = built("a", seconds=60.0, waits="writers, for about 60 s at 1 GB (estimate)")
    long = built("b", seconds=120.0, waits="everyone, for about 2 min at 2 GB (estimate)")

    (finding,) = grouped(short, long)
    assert finding.waits == "everyone, for about 3 min in all (estimate)"
    assert grouped(built("a", waits="nobody"), built("b", waits="writers"))[0].waits == "writers"


def test_what_is_allowed_stays_apart() -> None:
    """A directive above one statement does not allow the other; each reason is told."""
    findings = grouped(built("a", 1, allowed="small"), built("b", 2), built("c", 3, allowed="empty"), built("d", 4))

    assert [(each.allowed, each.objects) for each in findings] == [("small", ()), (None, ("b", "d")), ("empty", ())]


def test_findings_about_nothing_are_merged_if_they_say_the_same() -> None:
    """They are told once, with their places."""
    rule = RULES["commits-inside"]
    same = [Finding(rule, "warning", "it commits by itself", place(line), UP.path) for line in (1, 5)]

    (finding,) = grouped(*same)
    assert (finding.message, [span.line for span in finding.places]) == ("it commits by itself", [5])
