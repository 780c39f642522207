"""What a review looks like in each format: whole outputs, designed by hand and stored in the folder `stored`."""

from __future__ import annotations

import io
import json
import re
import sys
from collections.abc import Mapping
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import children
import handmade_reviews
import jsonschema
import pytest
from handmade_reviews import REVIEWS, hostile, many
from markdown_it import MarkdownIt
from markdown_it.token import Token
from rich.cells import cell_len
from rich.console import Console
from rich.style import Style
from rich.text import Text

from sqlmigrate.review.formats import FORMATS, markdown, text, wording
from sqlmigrate.review.formats.lock_timeline import timeline
from sqlmigrate.review.formats.waiting import waits_words
from sqlmigrate.review.measure.facts import Relation, RelationEffect
from sqlmigrate.review.new.checkout import Checkout
from sqlmigrate.review.results import Review
from sqlmigrate.review.rules.all_rules import RULES
from sqlmigrate.review.rules.rule import Finding
from sqlmigrate.source import Source

STORED = Path(__file__).parent / "stored"
SCHEMA = json.loads((Path(__file__).parent / "schemas" / "sarif-2.1.0.json").read_text(encoding="utf-8"))
EVERY = {
    **REVIEWS,
    "hostile": hostile(),
    "nothing new": Review(handmade_reviews.BASIS, ()),
    "held": handmade_reviews.held(),
}


def _stored(name: str) -> str:
    return (STORED / name).read_text(encoding="utf-8")


# -- whole outputs -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", REVIEWS)
def test_the_screen_is_the_designed_one(name: str) -> None:
    """At 80 columns the screen is the stored one. In a pipe nothing is cut."""
    drawn = "".join("".join(piece for _, piece in line).rstrip() + "\n" for line in text.lines(REVIEWS[name], 80))

    assert drawn == _stored(f"{name}.txt")
    assert FORMATS["text"](REVIEWS[name]).splitlines()[-1] == drawn.splitlines()[-1]


@pytest.mark.parametrize("name", REVIEWS)
def test_the_comment_is_the_designed_one(name: str) -> None:
    """The comment of a pull request is the stored one."""
    assert FORMATS["markdown"](REVIEWS[name]) == _stored(f"{name}.md")


@pytest.mark.parametrize("name", REVIEWS)
def test_the_commands_for_github_are_the_designed_ones(name: str) -> None:
    """What a GitHub workflow prints is the stored text."""
    assert FORMATS["github"](REVIEWS[name]) == _stored(f"{name}.github")


@pytest.mark.parametrize("name", ["danger.json", "git.json", "allowed.sarif", "danger.sarif", "danger.gitlab"])
def test_the_values_for_machines_are_the_designed_ones(name: str) -> None:
    """JSON, SARIF and the code quality report hold the stored values, on one line."""
    review, _, form = name.partition(".")
    drawn = FORMATS[form](REVIEWS[review])

    assert json.loads(drawn) == json.loads(_stored(name))
    assert drawn.count("\n") == 1


# -- the screen --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", REVIEWS)
@pytest.mark.parametrize("width", [60, 80, 120])
def test_the_screen_fits(name: str, width: int) -> None:
    """No line is wider than the screen, except those to be pasted, and every style is known to rich."""
    to_paste = re.compile(r"^ {5}|──▶")
    for line in text.lines(REVIEWS[name], width):
        whole = "".join(piece for _, piece in line)
        assert to_paste.search(whole) or cell_len(whole) <= width, whole
        assert all(Style.parse(style) is not None for style, _ in line)


@pytest.mark.parametrize("name", ["text", "github", "json", "sarif", "gitlab", "markdown", "html"])
def test_nothing_acts_on_a_terminal(name: str) -> None:
    """No format passes on an escape sequence or a change of writing direction."""
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]", FORMATS[name](hostile()))


def test_colours_change_no_word() -> None:
    """On a terminal the screen has colours, with the same words in the same lines."""
    drawn = io.StringIO()
    console = Console(file=drawn, force_terminal=True, color_system="standard", highlight=False, soft_wrap=True)
    for line in text.lines(REVIEWS["danger"], 80):
        console.print(Text.assemble(*((piece, style) for style, piece in line)))

    assert "\x1b[1;31mdanger type-change-rewrite" in drawn.getvalue()
    assert re.sub(r"\x1b\[[\d;]*m", "", drawn.getvalue()) == _stored("danger.txt")


def test_a_safe_file_is_one_line() -> None:
    """A safe file is shown on one line: who waits, what down does, and the strongest lock if no one waits for it."""
    lines = text.draw(REVIEWS["safe"]).splitlines()

    assert lines[2] == (
        "✅ 004_add_order_currency      for an instant: everyone on `orders` · down restores everything"
    )
    assert lines[3] == (
        "✅ 005_index_orders_customer   no one waits · down restores everything · SHARE UPDATE EXCLUSIVE on `orders`"
    )


# -- words -------------------------------------------------------------------------------------------------------------

ORDERS, CUSTOMERS = handmade_reviews.ORDERS, handmade_reviews.CUSTOMERS
LOCKED = RelationEffect(ORDERS, "ACCESS EXCLUSIVE")
INDEX = Relation(16401, "public.orders_pkey", "index", table="public.orders")
SCANNED = RelationEffect(CUSTOMERS, "SHARE", scanned=300)

LOCKS: dict[str, tuple[list[tuple[RelationEffect, ...]], str, str]] = {
    "instant": ([(LOCKED,)], "ACCESS EXCLUSIVE on `orders`, for an instant", "nobody"),
    "rewritten": (
        [(replace(LOCKED, rewritten=True, scanned=3),)],
        "ACCESS EXCLUSIVE on `orders` while it is rewritten",
        "everyone",
    ),
    "scanned": ([(replace(LOCKED, scanned=3),)], "ACCESS EXCLUSIVE on `orders` while it is scanned", "everyone"),
    "built": (
        [(RelationEffect(ORDERS, "SHARE", scanned=3, built=("public.i",)),)],
        "SHARE on `orders` while an index is built",
        "writers",
    ),
    "index rebuilt": (
        [(LOCKED, RelationEffect(INDEX, "ACCESS EXCLUSIVE", rewritten=True))],
        "ACCESS EXCLUSIVE on `orders` while an index is rebuilt",
        "everyone",
    ),
    "held over another's work": (
        [(LOCKED,), (SCANNED,)],
        "ACCESS EXCLUSIVE on `orders` while `customers` is scanned",
        "everyone",
    ),
    "work before the lock": ([(SCANNED,), (LOCKED,)], "ACCESS EXCLUSIVE on `orders`, for an instant", "nobody"),
    "rows written": (
        [(RelationEffect(ORDERS, "ROW EXCLUSIVE", updated=300),)],
        "ROW EXCLUSIVE on `orders` while rows are written",
        "nobody",
    ),
    "without blocking": (
        [(RelationEffect(ORDERS, "SHARE UPDATE EXCLUSIVE", built=("public.i",)),)],
        "SHARE UPDATE EXCLUSIVE on `orders`",
        "nobody",
    ),
    "nothing": ([()], "no lock on existing tables", "nobody"),
}


@pytest.mark.parametrize("name", LOCKS)
def test_the_strongest_lock_is_said(name: str) -> None:
    """The strongest lock of the file is named, with the work done while it is held, and who waits."""
    touches, lock, waits = LOCKS[name]
    made, way, back = handmade_reviews.migration("001", "a", "select 1;\n" * len(touches), "select 1;\n")
    reviewed = handmade_reviews.Reviewed(
        made, way, back, handmade_reviews.RoundTrip(handmade_reviews.EMPTY, handmade_reviews.passed(way, *touches))
    )

    assert (wording.strongest_words(reviewed), wording.who_waits(reviewed)) == (lock, waits)


@pytest.mark.parametrize(
    ("mode", "waits"), [("ACCESS EXCLUSIVE", "everyone"), ("SHARE", "writers")], ids=["everyone", "writers"]
)
def test_a_lock_of_a_lock_statement_is_held_until_the_end(mode: str, waits: str) -> None:
    """It is not a lock for an instant, although no work is measured: the finding below says the same."""
    made, way, back = handmade_reviews.migration(
        "001", "a", f"lock table orders in {mode.lower()} mode;\n", "select 1;\n"
    )
    run = handmade_reviews.passed(way, (RelationEffect(ORDERS, mode),))
    reviewed = handmade_reviews.Reviewed(made, way, back, handmade_reviews.RoundTrip(handmade_reviews.EMPTY, run))

    assert wording.strongest_words(reviewed) == f"{mode} on `orders` until the file's end"
    assert (wording.who_waits(reviewed), waits_words(reviewed)) == (waits, f"{waits} on `orders`")


@pytest.mark.parametrize("waits", ["everyone", "writers"])
def test_who_waits_agrees_with_the_findings(waits: str) -> None:
    """A short lock is said to be short, whatever a finding says of it; the down file has its own finding."""
    made, way, back = handmade_reviews.migration("001", "a", "select 1;\n", "select 1;\n")
    run = handmade_reviews.passed(way, (LOCKED,))
    trip = handmade_reviews.RoundTrip(handmade_reviews.EMPTY, run)
    of_up = Finding(RULES["locks-other-table"], "warning", "`customers` is locked", waits=waits)
    of_down = Finding(RULES["down-blocks"], "danger", "the down file blocks production", waits=waits, seconds=3.0)

    assert [
        waits_words(handmade_reviews.Reviewed(made, way, back, trip, findings))
        for findings in ((), (of_up,), (of_down,), (of_down, of_up))
    ] == ["for an instant: everyone on `orders`"] * 4
    assert wording.who_waits(handmade_reviews.Reviewed(made, way, back, trip, (of_up,))) == waits


def _waits(*statements: tuple[RelationEffect, ...], findings: tuple[Finding, ...] = ()) -> str:
    made, way, back = handmade_reviews.migration("001", "a", "select 1;\n" * len(statements), "select 1;\n")
    trip = handmade_reviews.RoundTrip(handmade_reviews.EMPTY, handmade_reviews.passed(way, *statements))
    return waits_words(handmade_reviews.Reviewed(made, way, back, trip, findings))


def _locked(number: int, mode: str = "ACCESS EXCLUSIVE", **work: int) -> RelationEffect:
    return RelationEffect(Relation(17000 + number, f"t{number}", "table"), mode, **work)


def test_every_table_that_is_locked_is_named() -> None:
    """The head says for whom, and of many tables the first three and how many more."""
    both = (_locked(1, "SHARE ROW EXCLUSIVE"), _locked(2, "SHARE ROW EXCLUSIVE"))

    assert _waits(both) == "for an instant: writers on `t1` and `t2`"
    assert _waits((*both, _locked(3))) == "for an instant: everyone on `t3`, writers on `t1` and `t2`"
    assert _waits(tuple(map(_locked, range(1, 5)))) == "for an instant: everyone on `t1`, `t2`, `t3` and `t4`"
    assert _waits(tuple(map(_locked, range(1, 9)))) == "for an instant: everyone on `t1`, `t2`, `t3` and 5 more"
    assert _waits((_locked(1, "ROW EXCLUSIVE"),)) == "no one"


def test_a_lock_during_work_and_one_for_an_instant_are_told_apart() -> None:
    """Writers wait while an index is built; then a later statement locks the table for everyone, for an instant."""
    built = replace(_locked(1, "SHARE"), built=("i",))
    slow = Finding(
        RULES["create-index-blocking"], "danger", "an index on `t1` is built", waits="writers, for 9 s", seconds=9.0
    )

    assert _waits((built,), (_locked(1),)) == "writers on `t1`; for an instant: everyone on `t1`"
    assert _waits((built,), findings=(slow,)) == "writers on `t1`, for 9 s"
    assert _waits((_locked(1),), (_locked(2, scanned=9),)) == "everyone on `t1` and `t2`"
    assert _waits((_locked(2, scanned=9),), (_locked(1),)) == "everyone on `t2`; for an instant: everyone on `t1`"


def test_the_verdict_counts_notes() -> None:
    """A review with a note has findings, so the verdict does not say that it has none."""
    safe = REVIEWS["safe"]
    place = safe.migrations[0].migration.up
    note = Finding(handmade_reviews.LOSES_NEW, "note", "the new values are lost", place.span(0, 5), place.path)
    noted = replace(safe.migrations[0], findings=(note,))

    assert wording.verdict(replace(safe, migrations=(noted, *safe.migrations[1:]))) == (
        None,
        "2 new migrations: no warnings, 1 note",
    )


@pytest.mark.parametrize(
    ("base", "count", "said"),
    [
        ("main", 1, "The base, `main`, has 1 migration."),
        ("the migrations with lower numbers", 2, "The base is the migrations with lower numbers: 2 migrations."),
        (
            "a repository without commits",
            0,
            "There are no migrations before the new ones (a repository without commits).",
        ),
    ],
    ids=["a branch", "named files", "no commits"],
)
def test_the_base_is_described(base: str, count: int, said: str) -> None:
    """A base that is not a branch is described in words."""
    basis = replace(handmade_reviews.BASIS, base=base, base_migrations=count)

    assert said in next(iter(wording.basis(replace(REVIEWS["safe"], basis=basis))))


@pytest.mark.parametrize(
    ("touches", "lock"),
    [([], "unknown: statement 1 fails"), ([(LOCKED,)], "ACCESS EXCLUSIVE on `orders`, then statement 2 fails")],
    ids=["before any lock", "while the lock is held"],
)
def test_a_failing_file_blocks_for_an_unknown_time(touches: list[tuple[RelationEffect, ...]], lock: str) -> None:
    """How long a lock is held is unknown if a later statement fails or hits the timeout."""
    made, way, back = handmade_reviews.migration("001", "a", "select 1;\n" * 2, "select 1;\n")
    failed = replace(
        handmade_reviews.passed(way, *touches),
        error=handmade_reviews.StatementError("no"),
        failed_at=len(touches) + 1,
    )
    reviewed = handmade_reviews.Reviewed(made, way, back, handmade_reviews.RoundTrip(handmade_reviews.EMPTY, failed))

    assert (wording.strongest_words(reviewed), wording.who_waits(reviewed)) == (lock, "unknown")


def _rows(count: int, checksum: str) -> Mapping[str, Any]:
    return {"public.orders": handmade_reviews.TableRows("public.orders", 1, count, checksum, ("id",))}


DOWNS: dict[str, tuple[dict[str, Any], str]] = {
    "restores everything": ({}, "restores everything"),
    "left over": (
        {"left": (handmade_reviews.Difference("table", "public.a", "left over", ()),)},
        "leaves `a` behind",
    ),
    "three left over": (
        {"left": tuple(handmade_reviews.Difference("index", f"public.{name}", "left over", ()) for name in "abc")},
        "leaves `a` behind and 2 more",
    ),
    "missing": (
        {"left": (handmade_reviews.Difference("column", "public.a.b", "missing", ()),)},
        "does not restore `a.b`",
    ),
    "different": ({"left": (handmade_reviews.Difference("view", "x.v", "different", ()),)}, "leaves `x.v` changed"),
    "column order": (
        {"left": (handmade_reviews.Difference("table", "public.a", "column order", ()),)},
        "restores all but the column order",
    ),
    "rows lost": ({"rows_before": _rows(3, "a"), "rows_back": _rows(2, "b")}, "loses rows of `orders`"),
    "rows changed": ({"rows_before": _rows(3, "a"), "rows_back": _rows(3, "b")}, "changes rows of `orders`"),
    "fails again": (
        {"again_error": handmade_reviews.StatementError("no")},
        "restores everything, but a second up fails",
    ),
}


@pytest.mark.parametrize("name", DOWNS)
def test_the_way_down_is_said(name: str) -> None:
    """The gravest difference after up and down is named."""
    fields, said = DOWNS[name]
    made, way, back = handmade_reviews.migration("001", "a", "select 1;\n", "select 1;\n")
    trip = handmade_reviews.RoundTrip(
        handmade_reviews.EMPTY,
        handmade_reviews.passed(way, ()),
        handmade_reviews.EMPTY,
        down=handmade_reviews.passed(back, ()),
        **fields,
    )

    assert wording.down_words(handmade_reviews.Reviewed(made, way, back, trip)) == said


def test_a_failing_or_missing_down_is_described() -> None:
    """A failing down and a missing down file are named; an irreversible migration gives its reason."""
    failed = hostile().migrations[0]
    without = handmade_reviews.static()[1]

    assert wording.down_words(failed) == "fails"
    assert wording.down_words(without) == "no down file"
    assert wording.down_words(handmade_reviews.allowed()) == "irreversible: the column was empty"


def test_a_lock_is_held_until_the_end_of_the_transaction() -> None:
    """In the time line a lock lasts from the statement that takes it to the last one; all but the first are held."""
    review = handmade_reviews.held()
    trip = review.migrations[0].trip
    assert trip
    drawn = timeline(trip.up)

    assert [[each.name for each in row.relations] for row in drawn.rows] == [["public.orders"], ["public.customers"]]
    assert [(bool(cell), cell.held if cell else None) for cell in drawn.rows[0].cells] == (
        [(False, None)] * 2 + [(True, False)] + [(True, True)] * 27
    )
    assert [(cell.mode if cell else None, width) for cell, width in drawn.rows[0].bars()] == [
        (None, 2),
        ("ACCESS EXCLUSIVE", 28),
    ]


def test_partitions_with_the_same_locks_share_a_row() -> None:
    """Sixty partitions are one row of the time line."""
    made = handmade_reviews.script("sql/001_a.up.sql", "alter table events add check (true);\n")
    parts = [Relation(17000 + number, f"public.events_{number:02}", "table") for number in range(60)]
    parent = RelationEffect(Relation(16999, "public.events", "partitioned table"), "SHARE UPDATE EXCLUSIVE")
    touches = (parent, *(RelationEffect(each, "ACCESS EXCLUSIVE", scanned=9) for each in parts))

    rows = timeline(handmade_reviews.passed(made, touches)).rows

    assert [(len(row.relations), row.relations[0].name) for row in rows] == [
        (60, "public.events_00"),
        (1, "public.events"),
    ]


# -- markdown ----------------------------------------------------------------------------------------------------------


def _tokens(source: str) -> list[Token]:
    parser = MarkdownIt("commonmark", {"html": True}).enable("table")
    return [token for block in parser.parse(source) for token in (block, *(block.children or ()))]


def test_nothing_escapes_from_the_comment() -> None:
    """A Markdown parser finds in a hostile review only our own HTML, no mention and no link."""
    tokens = _tokens(FORMATS["markdown"](hostile()))
    html = [token.content.strip() for token in tokens if token.type in ("html_inline", "html_block")]
    plain = " ".join(token.content for token in tokens if token.type == "text")
    rule = handmade_reviews.TYPE_CHANGE
    folded = [f"<details><summary>❗ {rule.name}: {rule.title}</summary>", "</details>"]
    folded += ["<details><summary>1 note</summary>", "</details>"]
    folded += ["<details><summary>1 finding allowed by the files</summary>", "</details>"]

    assert html == [markdown.MARKER, *folded, "<sub>", "</sub>"]
    assert not re.search(r"[@#]\w", plain)
    assert "image" not in {token.type for token in tokens}
    links = {token.attrGet("href") for token in tokens if token.type == "link_open"}
    assert links == {RULES["type-change-rewrite"].documentation}
    assert sum(token.type == "td_open" for token in tokens) == 13  # two findings and one migration


def test_sql_cannot_leave_its_fence() -> None:
    """A statement that contains a fence and a tag stays one code block, unchanged."""
    sql = 'select "```";\n</pre>\n~~~~\n````x'
    fences = [token for token in _tokens(markdown.fence(sql) + "\n\nafter") if token.type == "fence"]

    assert [token.content for token in fences] == [sql + "\n"]


@pytest.mark.parametrize(
    "name", ["a|b", "a\\|b", "a\\\\|b", "`", "a`b``c", "``", "plain", "\\"], ids=lambda name: f"name {name}"
)
def test_a_name_stays_in_its_cell(name: str) -> None:
    """A name with bars, backslashes and backticks is one cell of a row, and is shown unchanged."""
    row = markdown._cell(markdown.code(name))
    tokens = _tokens(f"| a | b |\n|---|---|\n| {row} | last |\n")
    shown = [token.content for token in tokens if token.type in ("code_inline", "text")]

    assert sum(token.type == "td_open" for token in tokens) == 2
    assert shown[-2:] == [name, "last"] or "\\" in name


@pytest.mark.sampled(2)
@pytest.mark.parametrize("is_safe", [True, False], ids=["safe", "dangerous"])
@pytest.mark.parametrize("count", [3, 100, 500, 1000])
def test_the_comment_stays_below_the_limit(count: int, is_safe: bool) -> None:  # noqa: FBT001
    """With any number of migrations the comment fits, begins with its marker and says what it leaves out."""
    drawn = FORMATS["markdown"](many(count, "select 1;\n", is_safe=is_safe))

    assert drawn.startswith(markdown.MARKER + "\n### ")
    assert len(drawn) <= 65_000
    assert drawn.rstrip().endswith("</sub>")
    if count == 1000:
        left = r"1,000 safe migrations left out to keep this short" if is_safe else r"… and [789]\d\d findings more"
        assert re.search(left, drawn)


def test_sql_goes_before_rows_and_rows_before_findings() -> None:
    """The SQL is left out first, then the safe rows: 80 dangerous migrations among 300 safe ones stay."""
    safe, bad = many(300, "select 1;\n", is_safe=True), many(80, "select 1;\n" * 30, is_safe=False)
    drawn = FORMATS["markdown"](replace(safe, migrations=(*safe.migrations, *bad.migrations)))

    assert len(drawn) <= 65_000
    assert "```sql" not in drawn
    assert drawn.count("[type-change-rewrite](") == 80


def test_a_long_statement_is_cut() -> None:
    """A statement of 200 kB shows its first lines, and the number of lines left out."""
    sql = "select '" + "\n".join("x" * 99 for _ in range(2000)) + "';\n"
    drawn = FORMATS["markdown"](many(1, sql, is_safe=False))

    assert len(sql) > 200_000
    assert len(drawn) < 6_000
    assert "-- … 1,980 lines more" in drawn


# -- machines ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", EVERY)
def test_sarif_is_valid(name: str) -> None:
    """SARIF is valid against the schema of 2.1.0, and each result names a rule of the same run."""
    log = json.loads(FORMATS["sarif"](EVERY[name]))
    jsonschema.Draft4Validator(SCHEMA, format_checker=jsonschema.FormatChecker()).validate(log)
    run = log["runs"][0]

    for result in run["results"]:
        assert run["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == result["ruleId"]


def test_the_schema_refuses() -> None:
    """The validator of these tests refuses an unknown level."""
    log = json.loads(FORMATS["sarif"](REVIEWS["danger"]))
    log["runs"][0]["results"][0]["level"] = "danger"

    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft4Validator(SCHEMA).validate(log)


@pytest.mark.parametrize("name", EVERY)
def test_gitlab_gets_what_it_reads(name: str) -> None:
    """Each issue has the five keys that GitLab reads, with values it knows, and a unique fingerprint."""
    issues = json.loads(FORMATS["gitlab"](EVERY[name]))

    for issue in issues:
        assert issue["severity"] in ("info", "minor", "major", "critical", "blocker")
        assert issue["description"]
        assert re.fullmatch("[a-z-]+", issue["check_name"])
        assert issue["location"]["lines"]["begin"] >= 1
        assert not issue["location"]["path"].startswith(("/", "./"))
    assert len({issue["fingerprint"] for issue in issues}) == len(issues)


def test_fingerprints_stay_when_lines_move() -> None:
    """Comments above a statement do not change its fingerprint; a different statement has a different one."""

    def prints(up: str) -> list[str]:
        made, way, back = handmade_reviews.migration("001", "a", up, "select 1;\n")
        found = [
            handmade_reviews.Finding(handmade_reviews.TYPE_CHANGE, "danger", "x", each.span) for each in way.statements
        ]
        review = Review(handmade_reviews.BASIS, (handmade_reviews.Reviewed(made, way, back, None, tuple(found)),))
        return [issue["fingerprint"] for issue in json.loads(FORMATS["gitlab"](review))]

    before = prints("alter table a add b int;\nalter table a add b int;\n")

    assert prints("-- why\n\n\nalter table a\n  add b int;\nalter table a add b int;\n") == before
    assert len(set(before)) == 2
    assert prints("alter table a add c int;\nalter table a add b int;\n")[0] not in before


def test_github_commands_are_escaped() -> None:
    """No text ends the command or begins another: one line for the place of three findings, and the verdict."""
    lines = FORMATS["github"](hostile()).splitlines()

    assert [line.split(" ")[0] for line in lines] == ["::error", "❗"]
    assert lines[0].count("To allow it") == 3
    for line in lines[:-1]:
        properties, _, said = line.removeprefix("::error ").removeprefix("::notice ").partition("::")
        names = [part.split("=")[0] for part in properties.split(",")]
        assert names == ["file", "line", "endLine", "title"]
        assert "%250A" in said  # a %0A in the text itself


def test_json_names_its_version() -> None:
    """The first key names the format and its version, and the other keys are the documented ones."""
    value = json.loads(FORMATS["json"](REVIEWS["failing"]))

    assert next(iter(value.items())) == ("sqlmigrate_review", 1)
    assert list(value)[1:] == ["verdict", "seconds", "ground", "migrations", "findings"]
    assert value["migrations"][0]["trip"]["up"]["error"]["sqlstate"] == "42703"


# -- the page ----------------------------------------------------------------------------------------------------------


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.seen: dict[str, list[dict[str, str | None]]] = {}
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.setdefault(tag, []).append(dict(attrs))
        if tag not in ("meta", "br", "wbr"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.mark.parametrize("name", EVERY)
def test_the_page_is_self_contained(name: str) -> None:
    """It has no script, image or handler, and links only to the rules' pages; tags are closed, anchors exist."""
    tags = _Tags()
    tags.feed(FORMATS["html"](EVERY[name]))
    attributes = [attribute for each in tags.seen.values() for found in each for attribute in found]
    targets = {f"#{found.get('id')}" for found in tags.seen.get("article", [])}

    assert not tags.open
    assert not {"script", "img", "iframe", "link", "svg", "object"} & set(tags.seen)
    assert not [attribute for attribute in attributes if attribute.startswith("on")]
    pages = {each.documentation for each in RULES.values()}
    assert {found["href"] for found in tags.seen.get("a", [])} <= targets | pages


def test_formats_are_loaded_on_first_use() -> None:
    """Importing the list of formats loads none of them."""
    code = (
        "import sys, sqlmigrate.review.formats as f; print([n for n in sys.modules if n.startswith(f.__name__ + '.')])"
    )
    ended = children.run([sys.executable, "-c", code], capture_output=True, encoding="utf-8", check=True)

    assert ended.stdout == "[]\n"


def test_a_place_at_the_head_is_the_whole_file() -> None:
    """A finding of the whole file shows no statement, and is allowed at the head of the file."""
    made, way, back = handmade_reviews.migration("001", "a", "select 1;\n", "select 1;\n")
    head = handmade_reviews.Finding(
        handmade_reviews.DOWN_MISSING, "warning", "there is no down file", Source("sql/x.up.sql", "a").span(0, 0)
    )
    drawn = FORMATS["markdown"](
        Review(handmade_reviews.BASIS, (handmade_reviews.Reviewed(made, way, back, None, (head,)),))
    )

    rule = f"[down-missing]({RULES['down-missing'].documentation})"
    assert f"| ⚠️ | There is no down file. {rule} | sql/x.up.sql |  |\n" in drawn
    assert "To allow it, at the head of the file: `-- sqlmigrate: allow down-missing (why)`" in drawn


def _twice() -> Review:
    """A review in which two statements have findings of one rule, with what to write instead."""
    text_of_file = "alter table orders drop a;\nalter table orders drop b;\n"
    made, way, back = handmade_reviews.migration("001", "a", text_of_file, "select 1;\n")
    rule = handmade_reviews.DROP_COLUMN
    places = (made.up.span(start) for start in (0, 27))
    found = tuple(
        Finding(rule, "danger", "it is removed", place, instead="-- 001_a.up.sql\nselect 7;\n") for place in places
    )
    return Review(handmade_reviews.BASIS, (handmade_reviews.Reviewed(made, way, back, None, found),))


@pytest.mark.parametrize(("form", "reference"), [("text", 1), ("markdown", 0), ("html", 1)])
def test_an_advice_is_shown_once(form: str, reference: int) -> None:
    """The second finding of a rule refers to the first, with its place; in a comment it is folded once for the rule."""
    drawn = FORMATS[form](_twice())

    assert drawn.count("select 7;") == 1
    assert drawn.count("as above, for sql/001_a.up.sql:1") == reference


def test_sites_get_paths_from_the_root_of_the_repository() -> None:
    """The program was called in a folder of a monorepo: annotations and links find the file all the same."""
    checkout = Checkout("backend/", "https://github.com/shop/shop/blob/abc/")
    review = replace(REVIEWS["danger"], checkout=checkout)
    path = "backend/sql/006_order_total_numeric.up.sql"
    sarif = json.loads(FORMATS["sarif"](review))["runs"][0]["results"][0]

    assert f"::error file={path},line=4" in FORMATS["github"](review)
    assert json.loads(FORMATS["gitlab"](review))[0]["location"]["path"] == path
    assert sarif["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == path
    assert f"| [{path}, line 4](https://github.com/shop/shop/blob/abc/{path}#L4-L6) |" in FORMATS["markdown"](review)
    assert "sql/006_order_total_numeric.up.sql:4" in FORMATS["text"](review)
    assert path not in FORMATS["text"](review)


def test_only_the_gravest_places_are_annotated() -> None:
    """GitHub hides what follows the tenth annotation: the gravest ten places are annotated, and the rest is counted."""
    made, way, back = handmade_reviews.migration("001", "a", "select 1;\n" * 12, "select 1;\n")
    rules = [handmade_reviews.DOWN_MISSING] * 11 + [handmade_reviews.DROP_COLUMN]
    found = [
        Finding(rule, rule.severity, f"it is number {number}", made.up.span(number * 10))
        for number, rule in enumerate(rules)
    ]
    review = Review(handmade_reviews.BASIS, (handmade_reviews.Reviewed(made, way, back, None, tuple(found)),))
    lines = FORMATS["github"](review).splitlines()

    assert [line.partition(" ")[0] for line in lines] == ["::error", *["::warning"] * 9, "and", "❗"]
    assert "It is number 11." in lines[0]
    assert lines[10] == "and 2 more places, without an annotation"


def test_a_long_label_leaves_no_line_too_long() -> None:
    """The facts of a safe migration are then below its label; in a pipe they are on one line."""
    made, way, back = handmade_reviews.migration("001", "a" * 70, "select 1;\n", "select 1;\n")
    review = Review(handmade_reviews.BASIS, (handmade_reviews.Reviewed(made, way, back, None),))
    screen = ["".join(piece for _, piece in line) for line in text.lines(review, 80)]

    assert [line for line in screen if cell_len(line) > 80] == []
    assert screen[2:4] == [f"✅ 001_{'a' * 70}", "   read, not executed"]
    assert f"✅ 001_{'a' * 70}   read, not executed" in FORMATS["text"](review)
