"""The page of a fleet: what it says of each target; in a real browser: on a phone and on a desk, light and dark."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from browser import DESK, NIGHT, PHONE, Browse, measured
from fleet_project import Fleet, rows, words

from sqlmigrate.errors import ConnectError, HistoryError, MigrationError
from sqlmigrate.files.migration import Folder
from sqlmigrate.fleet import html
from sqlmigrate.fleet.inspection import Failure, Standing
from sqlmigrate.fleet.look import Order
from sqlmigrate.fleet.results import Ended, Look, Looked, Summary
from sqlmigrate.fleet.target import Target
from sqlmigrate.times import now

Make = Callable[[int], Fleet]
HOSTILE = "<img/src=x/onerror=alert(1)>\u202e&amp;"
LONG = "a_long_name_that_goes_on_" * 6


def test_the_page_of_a_run_says_what_has_become_of_each(fleet_of: Make) -> None:
    """Counts, the cause of failures with its place, versions, and a row for each target."""
    shops = fleet_of(5)
    shops.sql.add_tables("a")
    shops.call("up", "--only", "shop_01")
    shops.sql.add("002_b", "create table b ();").add("003_c", "create table c ();")
    shops.execute("shop_03", "create table b ()")
    shops.write("gone host=/nowhere dbname=x")

    shops.call("up", "--into-existing", "--max-failures", "3", "--output", "html=fleet.html")
    page = (shops.folder / "fleet.html").read_text(encoding="utf-8")

    said = words(page)
    assert said.startswith("4 of 6 targets up to date ✕ 4 of 6 targets up to date sqlmigrate fleet up --targets")
    assert "4 done 1 failed 1 cannot be reached" in said
    assert 'relation "b" already exists 42P07 duplicate_table · sql/002_b.up.sql:1:14 1 │ create table b ();' in said
    assert "Versions version targets 003_c 4 001_a 1 not known 1" in said
    assert "Next: sqlmigrate fleet up --targets targets.txt" in said
    assert [re.sub(r" [\d,]+ ms", "", row) for row in rows(page)] == [
        "✓ shop_01 done 003_c 2", "✓ shop_02 done 003_c 3", "✕ shop_03 failed 001_a 1 why",
        "✓ shop_04 done 003_c 3", "✓ shop_05 done 003_c 3", "✕ gone cannot be reached not known why",
    ]  # fmt: skip


def test_the_page_of_a_down_says_where_they_are_afterwards(fleet_of: Make) -> None:
    shops = fleet_of(2)
    shops.sql.add_tables("a", "b")
    shops.call("up")

    shops.call("down", "--yes", "--output", "html=fleet.html")
    page = (shops.folder / "fleet.html").read_text(encoding="utf-8")

    assert "Versions version targets 001_a 2 " in words(page)


def test_the_page_of_status(fleet_of: Make) -> None:
    shops = fleet_of(3)
    shops.sql.add_tables("a", "b")
    shops.call("up", "--only", "shop_01")
    shops.call("up", "--only", "shop_02", "--to", "1")

    shops.call("status", "--output", "html=fleet.html")
    page = (shops.folder / "fleet.html").read_text(encoding="utf-8")

    assert "1 of 3 targets up to date" in words(page)
    assert rows(page) == [
        "✓ shop_01 up to date 002_b",
        "· shop_02 1 pending 001_a",
        "· shop_03 2 pending nothing executed",
    ]


@pytest.mark.parametrize(
    ("output", "message"),
    [
        ("pdf=fleet.pdf", "--output pdf=fleet.pdf: expected html=FILE"),
        ("html=none/fleet.html", "--output html=none/fleet.html cannot be written"),
    ],
)
def test_a_file_that_cannot_be_written_is_refused_before_anything_is_executed(
    output: str, message: str, fleet_of: Make
) -> None:
    shops = fleet_of(1)
    shops.sql.add_tables("a")

    ended = shops.call("up", "--output", output)

    assert (ended.code, message in ended.stderr) == (2, True)
    assert shops.recorded() == {"shop_01": []}


# -- in a browser ------------------------------------------------------------------------------------------------------


def _call() -> html.Call:
    return html.Call("sqlmigrate fleet up --targets targets.txt", "sql/", now(), "sqlmigrate fleet up")


def _large(number: int = 600) -> str:
    """Give the page of a run of many targets with names of every kind, of which many have failed in two ways."""
    names = [HOSTILE, LONG, *(f"shop_{each:03}" for each in range(number))]
    targets = [Target(name, "") for name in names]
    summary = Summary(targets)
    for place, target in enumerate(targets):
        if place % 7 == 0:
            error = ConnectError(f"cannot connect to {HOSTILE} {LONG}", hint="check the address")
            summary.keep(target, Looked(Look(error=error)))
            continue
        summary.keep(target, Looked(Look(("002_b",), versions=("002", "002"), newest="001_a")))
        failed = HistoryError("the history has gone", detail=[LONG]) if place % 5 == 0 else None
        state = Ended("failed", (), failed, "002_b", 12) if failed else Ended("done", ("002_b",), duration_ms=place)
        summary.keep(target, state)
    return html.run_page(summary, Order("up", Folder(())), _call())


def _status() -> str:
    standings = {f"shop_{each}": Standing("002_b", 2, each % 3) for each in range(30)}
    failure, stop = HistoryError(f"002_b failed: {HOSTILE} {LONG}", detail=[LONG]), HistoryError("stop", hint=HOSTILE)
    standings["failed"] = Standing(
        "001_a", 1, 1, (("failed", ("002_b",)),), failures=(Failure(failure, "sql/002_b.up.sql"),)
    )
    standings["stopped"] = Standing(pending=2, stops=(stop,))
    standings[HOSTILE] = Standing(error=ConnectError(LONG, next_steps=[f"sqlmigrate fleet up --only {LONG}"]))
    return html.status_page(standings, [MigrationError(f"{HOSTILE} {LONG}", hint=HOSTILE)], _call())


@pytest.mark.parametrize("page", [_large(0), _status()], ids=["run", "status"])
def test_no_text_of_a_target_acts_on_the_page(page: str) -> None:
    assert "<img" not in page
    assert "\u202e" not in page


@pytest.mark.slow
@pytest.mark.parametrize(
    ("width", "how", "paper"), [(PHONE, [], "rgb(251, 250, 247)"), (DESK, [NIGHT], "rgb(21, 23, 27)")]
)
def test_a_page_fits_the_screen(width: int, how: list[str], paper: str, browse: Browse) -> None:
    """Nothing is wider than the screen; it is dark if the system is dark; nothing is refused by its own policy."""
    pages = {"run": _large(), "status": _status()}

    seen = measured(browse, pages, width, *how)

    assert {name: (each["width"], each["needs"]) for name, each in seen.items()} == dict.fromkeys(pages, (width, width))
    assert {each["paper"] for each in seen.values()} == {paper}


_FIND = """
<script>
addEventListener("load", () => {
  const page = document.querySelector("iframe").contentDocument, field = page.querySelector(".find"), seen = {};
  const shown = () => [...page.querySelectorAll(".targets tbody tr")].filter(each => !each.hidden).length;
  for (const words of ["", "shop_041", "not begun", "failed", "nowhere"]) {
    field.value = words;
    field.dispatchEvent(new Event("input"));
    seen[words] = shown();
  }
  page.querySelector('[data-find="done"]').click();
  seen.clicked = shown();
  page.querySelector('.names a').click();
  seen.again = shown();
  document.body.textContent = JSON.stringify(seen);
});
</script>
"""


@pytest.mark.slow
def test_each_target_can_be_found(browse: Browse) -> None:
    """What is typed leaves only the rows with these words; a click on a number those of that state."""
    page = _large(100)
    states = [row.split()[2] for row in rows(page)[2:]]

    seen = measured(browse, {"run": page}, DESK, script=_FIND)

    assert seen.pop("") == seen.pop("again") == 102
    assert seen.pop("shop_041") == 1
    assert seen.pop("nowhere") == seen.pop("not begun") == 0
    assert seen.pop("clicked") == states.count("done") + 1
    assert seen.pop("failed") == states.count("failed")
    assert seen == {}
