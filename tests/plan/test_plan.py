"""How files and history become a plan: complete, in order, and empty after it was executed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, strategies as st

from sqlmigrate.errors import ConfigError, HistoryError, MigrationError, SqlmigrateError
from sqlmigrate.files.migration import Folder, Migration, checksum, remembering
from sqlmigrate.history.state import Execution
from sqlmigrate.history.texts import Recorded
from sqlmigrate.plan import plan
from sqlmigrate.plan.down import down_rows, down_steps
from sqlmigrate.plan.plan import Selection
from sqlmigrate.plan.rows import Row, find_row, make_rows, missing_after, missing_inside
from sqlmigrate.plan.up import up_steps
from sqlmigrate.source import Source

START = datetime(2026, 2, 13, 1, 16, 28, tzinfo=UTC)


def migration(version: str, name: str = "a", *, up: str = "select 1;", down: str | None = "select 2;") -> Migration:
    path = f"sql/{version}_{name}"
    return Migration(version, name, Source(f"{path}.up.sql", up), down and Source(f"{path}.down.sql", down))


def execution(version: str, name: str = "a", *, second: int = 0, status: str = "executed") -> Execution:
    return Execution(
        version,
        name,
        status,
        checksum("select 1;"),
        1,
        1,
        None,
        START + timedelta(seconds=second),
        9,
        "ann",
        None,
    )


def executed(migrations: Sequence[Migration]) -> list[Execution]:
    """Return a history in which migrations were executed one after the other, in the given order."""
    return [execution(each.version, each.name, second=second) for second, each in enumerate(migrations)]


def message(error: SqlmigrateError) -> str:
    return f"{error.message} → {error.hint}" if error.hint else error.message


# -- once for many databases -------------------------------------------------------------------------------------------


def test_a_folder_that_remembers_splits_each_file_once() -> None:
    """The plans of many databases share its scripts; those of other folders are read again, and not kept."""
    pair = [migration("1"), migration("2")]
    kept, plain = ([*folder] for folder in (remembering(Folder(pair)), Folder(pair)))

    first, again = ([step.script for step in up_steps(make_rows(kept, ()))] for _ in range(2))
    newly_read, other = ([step.script for step in up_steps(make_rows(plain, ()))] for _ in range(2))

    assert [one is two for one, two in zip(first, again, strict=True)] == [True, True]
    assert [one is two for one, two in zip(newly_read, other, strict=True)] == [False, False]
    assert first == newly_read
    assert kept == plain


# -- properties --------------------------------------------------------------------------------------------------------

NUMBERS = st.lists(st.integers(1, 10**15), min_size=1, max_size=12, unique=True)


@st.composite
def folders(draw: st.DrawFn) -> list[Migration]:
    """Draw migrations in the order of their versions, with all kinds of padding and names."""
    names = st.text("abc_.-", min_size=1, max_size=4)
    return [migration(str(number).zfill(draw(st.integers(1, 5))), draw(names)) for number in sorted(draw(NUMBERS))]


@st.composite
def databases(draw: st.DrawFn) -> tuple[list[Migration], list[Execution]]:
    """Draw a folder, and a history in which some of it was executed in some order and some of the rest has failed."""
    migrations = draw(folders())
    some = draw(st.lists(st.sampled_from(migrations), unique_by=lambda each: each.number))
    statuses = st.sampled_from(["executed", "executed", "executed", "baseline", "failed", "running"])
    return migrations, [replace(each, status=draw(statuses)) for each in executed(some)]


def done(executions: Sequence[Execution]) -> list[Execution]:
    return [each for each in executions if each.status in ("executed", "baseline")]


@given(databases())
def test_every_file_and_every_execution_is_a_row_once(database: tuple[list[Migration], list[Execution]]) -> None:
    """All files and executions are in the rows, ordered by version; a file and its execution share a row."""
    migrations, executions = database

    rows = make_rows(reversed(migrations), executions)

    assert [row.migration for row in rows] == migrations
    assert sorted((row.execution for row in rows if row.execution), key=executions.index) == executions
    assert all(row.execution.version == row.version for row in rows if row.execution)


@given(databases())
def test_executed_and_planned_are_all_in_order_and_once(database: tuple[list[Migration], list[Execution]]) -> None:
    """Executed and planned migrations together are the whole folder, none of them twice; the planned ones are in
    order.
    """
    migrations, executions = database

    steps = up_steps(make_rows(migrations, executions), Selection(out_of_order=True))

    numbers = [step.migration.number for step in steps]
    assert numbers == sorted(numbers)
    assert sorted(numbers + [each.number for each in done(executions)]) == [each.number for each in migrations]
    assert all(step.direction == "up" and step.migration in migrations for step in steps)


@given(databases())
def test_a_plan_after_the_plan_is_empty(database: tuple[list[Migration], list[Execution]]) -> None:
    """After the plan was executed there is nothing left to do, in whatever order the history was."""
    migrations, executions = database
    steps = up_steps(make_rows(migrations, executions), Selection(out_of_order=True))
    later = [execution(step.version, step.migration.name, second=100 + n) for n, step in enumerate(steps)]

    rows = make_rows(migrations, done(executions) + later)

    assert up_steps(rows) == ()
    assert {row.state for row in rows} <= {"executed", "baseline"}


@given(databases())
def test_what_is_out_of_order_is_refused_and_nothing_else(database: tuple[list[Migration], list[Execution]]) -> None:
    """A plan is refused only if a pending version is lower than an executed one; otherwise `out_of_order` changes
    nothing.
    """
    migrations, executions = database
    rows = make_rows(migrations, executions)
    newest = max((each.number for each in done(executions)), default=0)
    pending = {each.number for each in migrations} - {each.number for each in done(executions)}

    if any(number < newest for number in pending):
        with pytest.raises(HistoryError):
            up_steps(rows)
    else:
        assert up_steps(rows) == up_steps(rows, Selection(out_of_order=True))


@given(databases(), st.data())
def test_a_part_of_the_plan_is_its_beginning(
    database: tuple[list[Migration], list[Execution]], data: st.DataObject
) -> None:
    """`--steps` and `--to` cut off the end of a plan; with both, the one that comes first decides."""
    migrations, executions = database
    rows = make_rows(migrations, executions)
    whole = up_steps(rows, Selection(out_of_order=True))
    to, count = data.draw(st.sampled_from(migrations)), data.draw(st.integers(1, 5))
    until = tuple(step for step in whole if step.migration.number <= to.number)

    def planned(**selection: object) -> tuple[plan.Step, ...]:
        return up_steps(rows, Selection(out_of_order=True, **selection))  # type: ignore[arg-type]

    assert planned(steps=count) == whole[:count]
    assert planned(to=to.version) == until
    assert planned(to=to.label, steps=count) == until[:count]


@given(folders(), st.randoms(use_true_random=False), st.integers(1, 5))
def test_down_undoes_in_the_reverse_order_of_execution(migrations: list[Migration], random: object, count: int) -> None:
    """The last executed migration comes first, whatever its version; `--all` is the history in reverse."""
    order = list(migrations)
    random.shuffle(order)  # type: ignore[attr-defined]
    rows = make_rows(migrations, executed(order))

    assert [row.migration for row in down_rows(rows, Selection(all=True))] == order[::-1]
    assert [row.migration for row in down_rows(rows, Selection(steps=count))] == order[::-1][:count]
    assert [row.migration for row in down_rows(rows)] == order[-1:]


@given(folders(), st.randoms(use_true_random=False), st.data())
def test_down_to_a_version_leaves_it_and_what_is_below(
    migrations: list[Migration], random: object, data: st.DataObject
) -> None:
    """Newer versions are undone in the reverse order of execution; the version itself stays."""
    order = list(migrations)
    random.shuffle(order)  # type: ignore[attr-defined]
    to = data.draw(st.sampled_from(migrations))
    rows = make_rows(migrations, executed(order))

    chosen = [row.migration for row in down_rows(rows, Selection(to=to.version))]

    assert chosen == [each for each in order[::-1] if each.number > to.number]
    below_zero = [each for each in order[::-1] if each.number != 0]
    assert [row.migration for row in down_rows(rows, Selection(to="0"))] == below_zero


@given(folders(), st.integers(1, 5))
def test_down_and_up_again_is_where_we_were(migrations: list[Migration], count: int) -> None:
    """The next `up` executes what `down` has undone, in forward order."""
    history = executed(migrations)
    chosen = down_rows(make_rows(migrations, history), Selection(steps=count))
    steps = down_steps(chosen, {})
    left = [each for each in history if each.version not in {step.version for step in steps}]

    again = up_steps(make_rows(migrations, left))

    assert [step.label for step in again] == [step.label for step in steps][::-1]


@given(folders(), st.data())
def test_a_migration_is_found_by_every_spelling(migrations: list[Migration], data: st.DataObject) -> None:
    """A migration is found by its version with and without zeros, its whole name, and the paths of its files."""
    rows = make_rows(migrations, ())
    row = data.draw(st.sampled_from(rows))
    spellings = [
        row.version, str(row.number), f"000{row.number}", row.label, f"{row.label}.up.sql", f"{row.label}.down.sql",
        f"sql/{row.label}.up.sql", f"./db/my sql/{row.label}.down.sql", rf"sql\{row.label}.up.sql",
    ]  # fmt: skip

    assert [find_row(rows, spelling) for spelling in spellings] == [row] * len(spellings)


@given(databases(), st.data())
def test_missing_files_are_refused_unless_they_are_newer_than_the_folder(
    database: tuple[list[Migration], list[Execution]], data: st.DataObject
) -> None:
    """A missing file stops a plan if the folder has a newer one; otherwise the folder is just older."""
    migrations, executions = database
    kept = data.draw(st.lists(st.sampled_from(migrations), unique_by=lambda each: each.number))
    rows = make_rows(kept, executions)
    newest = max((each.number for each in kept), default=-1)
    lost = {each.number for each in done(executions)} - {each.number for each in kept}

    assert {row.number for row in missing_inside(rows)} == {number for number in lost if number < newest}
    assert {row.number for row in missing_after(rows)} == {number for number in lost if number > newest}
    if missing_inside(rows) and any(row.is_pending for row in rows):
        with pytest.raises(HistoryError):
            up_steps(rows, Selection(out_of_order=True))


# -- states ------------------------------------------------------------------------------------------------------------

STATES: dict[str, tuple[Migration | None, Execution | None, str, bool, bool]] = {
    "not executed": (migration("002"), None, "pending", False, True),
    "executed": (migration("002"), execution("002"), "executed", True, False),
    "executed as 2": (migration("002"), execution("2"), "executed", True, False),
    "declared": (migration("002"), execution("002", status="baseline"), "baseline", True, False),
    "failed": (migration("002"), execution("002", status="failed"), "failed", False, True),
    "begun": (migration("002"), execution("002", status="running"), "failed", False, True),
    "changed": (migration("002", up="select 3;"), execution("002"), "changed", True, False),
    "changed since it was declared": (
        migration("002", up="select 3;"), execution("002", status="baseline"), "changed", True, False,
    ),
    "changed since it failed": (
        migration("002", up="select 3;"), execution("002", status="failed"), "failed", False, True,
    ),
    "no real change": (migration("002", up="select 1;\r\n\r\n"), execution("002"), "executed", True, False),
    "renamed": (migration("002", "b"), execution("002"), "changed", True, False),
    "without a file": (None, execution("002"), "missing", True, False),
    "failed, without a file": (None, execution("002", status="failed"), "missing", False, False),
}  # fmt: skip


@pytest.mark.parametrize(("file", "recorded", "state", "is_executed", "is_pending"), STATES.values(), ids=STATES)
def test_the_state_of_a_migration(
    file: Migration | None, recorded: Execution | None, state: str, *, is_executed: bool, is_pending: bool
) -> None:
    """File and execution together decide the state."""
    others = [migration("001"), migration("003")]
    rows = make_rows([*others, *([file] if file else [])], [execution("001"), *([recorded] if recorded else [])])

    row = rows[1]

    assert (row.state, row.is_executed, row.is_pending) == (state, is_executed, is_pending)
    assert (row.number, row.label.partition("_")[0]) == (2, (file or recorded or row).version)
    assert [rows[0].state, rows[2].state] == ["executed", "pending"]


def test_pending_below_the_newest_executed_is_out_of_order() -> None:
    """The newest executed or declared version decides; a failed one does not count."""
    three = [migration("001"), migration("002"), migration("003")]

    def states(status: str) -> list[str]:
        return [row.state for row in make_rows(three, [execution("002", status=status)])]

    assert states("executed") == ["out of order", "executed", "pending"]
    assert states("baseline") == ["out of order", "baseline", "pending"]
    assert states("failed") == ["pending", "failed", "pending"]


# -- refusals ----------------------------------------------------------------------------------------------------------


def test_the_refusal_of_what_is_out_of_order_names_both() -> None:
    """The message names the pending and the later migration, and who executed the later one and when."""
    rows = make_rows([migration("001"), migration("002"), migration("003")], [execution("003")])

    with pytest.raises(HistoryError) as caught:
        up_steps(rows)

    assert message(caught.value) == (
        "001_a, 002_a: out of order, the later 003_a is already executed (by ann on 2026-02-13 01:16:28 UTC)"
        " → renumber it after the newest migration (both files), or execute it out of order"
    )
    assert caught.value.state == "nothing was executed"
    assert caught.value.next_steps == ("sqlmigrate up --out-of-order",)


def test_a_plan_up_to_a_version_asks_only_for_what_is_in_it() -> None:
    """A migration out of order above the version does not stop those below it."""
    rows = make_rows([migration("001"), migration("002"), migration("003")], [execution("003")])

    with pytest.raises(HistoryError) as caught:
        up_steps(rows, Selection(to="1"))
    assert caught.value.message.startswith("001_a: out of order")


def test_the_refusal_of_what_is_missing_names_all() -> None:
    """The message names every executed version without a file; the next steps bring each back, or forget it."""
    rows = make_rows([migration("003", "c")], [execution("001"), execution("002", "b", second=1)])

    with pytest.raises(HistoryError) as caught:
        up_steps(rows)

    assert message(caught.value) == (
        "001_a, 002_b: executed on this database, but the files are missing"
        " → restore the file, or let the history forget it: if the file comes back, the next `up` executes it again"
    )
    assert caught.value.next_steps == (
        "git log --all -- '*001_a.up.sql'",
        "or: sqlmigrate log 001 --sql up > sql/001_a.up.sql",
        "or: git log --all -- '*002_b.up.sql'",
        "or: sqlmigrate log 002 --sql up > sql/002_b.up.sql",
        "or: sqlmigrate repair 001",
        "or: sqlmigrate repair 002",
    )


UNKNOWN = {
    "create_user": "did you mean `001_create_users`?",
    "3": "the newest migration is `002_add_roles`",
    "002_add_role": "did you mean `002_add_roles`?",
    "²": "the newest migration is `002_add_roles`",
    "": "the newest migration is `002_add_roles`",
    "9" * 5000: "the newest migration is `002_add_roles`",
    "-1": "the newest migration is `002_add_roles`",
}


@pytest.mark.parametrize(("wanted", "hint"), UNKNOWN.items(), ids=[key[:20] for key in UNKNOWN])
def test_an_unknown_version_is_refused_with_the_nearest(wanted: str, hint: str) -> None:
    """The hint is the most similar name, or else the newest."""
    rows = make_rows([migration("001", "create_users"), migration("002", "add_roles")], ())

    with pytest.raises(ConfigError) as caught:
        find_row(rows, wanted)

    assert message(caught.value) == (f"there is no migration `{wanted}` in the folder or in the history → {hint}")


def test_in_an_empty_folder_nothing_is_found() -> None:
    """In an empty folder the hint says that there are no migrations."""
    with pytest.raises(ConfigError) as caught:
        find_row((), "1")

    assert caught.value.hint == "there are no migrations at all"


def test_every_fault_of_every_pending_file_is_told_before_anything_runs() -> None:
    """Up and down files of pending migrations are split and checked; those of executed ones are not."""
    migrations = [
        migration("001", up="select 1; commit;"),
        migration("002", up="select '", down="select 1; vacuum;"),
        migration("003", up="-- sqlmigrate: irreversible (gone)\nselect 1;"),
    ]
    known = replace(execution("001"), checksum=checksum("select 1; commit;"))

    with pytest.raises(MigrationError) as caught:
        up_steps(make_rows(migrations, [known]))

    assert [str(each).partition(": ")[0] for each in (caught.value, *caught.value.others)] == [
        "sql/002_a.up.sql:1:8", "sql/002_a.down.sql:1:11", "sql/003_a.up.sql:1:1",
    ]  # fmt: skip
    assert caught.value.others[1].message == "the file says `irreversible`, but sql/003_a.down.sql exists"


def test_a_file_without_a_statement_is_planned_and_said() -> None:
    """It is planned, so that the history is complete, with a note."""
    (step,) = up_steps(make_rows([migration("001", up="-- to come")], ()))

    assert step.notes == ("the file contains no statement",)


# -- down --------------------------------------------------------------------------------------------------------------


def chosen(file: Migration | None, recorded: Execution) -> list[Row]:
    return down_rows(make_rows([file] if file else [], [recorded]))


def test_down_uses_the_file() -> None:
    """If file and history agree, there is no note."""
    recorded = {"001": Recorded("select 1;", "select 2;\r\n\r\n")}
    (step,) = down_steps(chosen(migration("001"), execution("001")), recorded)

    assert (step.direction, step.version, step.label, step.notes) == ("down", "001", "001_a", ())
    assert step.script.source.path == "sql/001_a.down.sql"


def test_down_uses_the_file_where_it_differs_and_says_so() -> None:
    """The file wins over the recorded text, and a note says so."""
    (step,) = down_steps(chosen(migration("001"), execution("001")), {"001": Recorded("select 1;", "select 3;")})

    assert step.notes == ("the down file differs from the text recorded in the history; the file is used",)
    assert [each.text for each in step.script.statements] == ["select 2"]


@pytest.mark.parametrize("file", [None, migration("001", down=None)], ids=["both files gone", "the down file gone"])
def test_down_uses_the_history_where_the_file_is_gone(file: Migration | None) -> None:
    """The text recorded in the history is used, a note says so, and places name the history."""
    (step,) = down_steps(chosen(file, execution("001")), {"001": Recorded("select 1;", "select 3;")})

    assert step.notes == ("the down file is missing, so the text recorded in the history is used",)
    assert [str(each.span) for each in step.script.statements] == ["history of 001_a (down):1:1"]
    assert [each.text for each in step.script.statements] == ["select 3"]


IRREVERSIBLE = {
    "no down file": ("select 1;", "it has no down file", ", or add 001_a.down.sql"),
    "on purpose": ("-- sqlmigrate: irreversible (the data are gone)\nselect 1;", "the data are gone", ""),
    "on purpose, without a reason": ("-- sqlmigrate: irreversible\nselect 1;", "its up file says so", ""),
}


@pytest.mark.parametrize("has_file", [True, False], ids=["file", "history"])
@pytest.mark.parametrize(("text", "reason", "more"), IRREVERSIBLE.values(), ids=IRREVERSIBLE)
def test_what_is_irreversible_is_refused(text: str, reason: str, more: str, *, has_file: bool) -> None:
    """The reason comes from the file, or from the text in the history."""
    file = migration("001", up=text, down=None) if has_file else None

    with pytest.raises(HistoryError) as caught:
        down_steps(chosen(file, execution("001")), {"001": Recorded(text)})

    assert message(caught.value) == (
        f"001_a is irreversible: {reason} → write a new migration that makes the change you want{more}"
    )


def test_every_fault_of_the_way_down_is_told_at_once() -> None:
    """Irreversible migrations and malformed files are reported together, before anything is undone."""
    migrations = [migration("001"), migration("002", down=None), migration("003", down="select '")]
    rows = down_rows(make_rows(migrations, executed(migrations)), Selection(all=True))

    with pytest.raises(SqlmigrateError) as caught:
        down_steps(rows, {})

    assert [each.message.partition(":")[0] for each in (caught.value, *caught.value.others)] == [
        "the string opened here is never closed", "002_a is irreversible",
    ]  # fmt: skip


def test_a_baseline_is_not_undone() -> None:
    """A declared migration was not executed by us: `--all` skips it, and a selection that includes it is refused."""
    migrations = [migration("001"), migration("002")]
    rows = make_rows(migrations, [execution("001", status="baseline"), execution("002", second=1)])

    assert [row.label for row in down_rows(rows, Selection(all=True))] == ["002_a"]
    assert [row.label for row in down_rows(rows)] == ["002_a"]
    for selection in (Selection(steps=2), Selection(to="0")):
        with pytest.raises(HistoryError) as caught:
            down_rows(rows, selection)
        assert message(caught.value) == (
            "001_a is a baseline: it was declared, not executed, so it cannot be undone"
            " → to execute it here, let the history forget it first"
        )
        assert caught.value.next_steps == ("sqlmigrate repair 001",)


@pytest.mark.parametrize("zero", ["0", "000"])
def test_zero_means_all_unless_a_migration_has_this_number(zero: str) -> None:
    """`000` first is the name of a migration; it means "all" only if no migration has this number."""
    without = make_rows([migration("001")], [execution("001")])
    executed_first = make_rows([migration("000"), migration("001")], [execution("000"), execution("001", second=1)])
    pending_first = make_rows([migration("000"), migration("001")], [execution("001")])

    assert [row.label for row in down_rows(without, Selection(to="0"))] == ["001_a"]
    assert [row.label for row in down_rows(executed_first, Selection(to=zero))] == ["001_a"]
    assert [row.label for row in down_rows(executed_first, Selection(all=True))] == ["001_a", "000_a"]
    with pytest.raises(HistoryError) as caught:
        down_rows(pending_first, Selection(to=zero))
    assert caught.value.message.startswith("000_a is not executed")


@pytest.mark.parametrize("zeros", ["00", "000", "0000"])
def test_more_than_one_zero_is_the_number_of_a_migration(zeros: str) -> None:
    """Only a bare `0` may mean everything: `000` names a migration, and is refused where there is none."""
    rows = make_rows([migration("001")], [execution("001")])

    with pytest.raises(ConfigError) as caught:
        down_rows(rows, Selection(to=zeros))

    assert caught.value.message == f"there is no migration `{zeros}` in the folder or in the history"


def test_the_log_tells_the_order_and_not_the_clock() -> None:
    """The clock of the server was set back, and all rows of a restored dump may have one time; the log counts."""
    migrations = [migration("001"), migration("002"), migration("003")]
    history = [
        replace(execution("001", second=9), logged=1), replace(execution("002", second=1), logged=3),
        replace(execution("003", second=1), logged=2),
    ]  # fmt: skip

    assert [row.version for row in down_rows(make_rows(migrations, history), Selection(all=True))] == [
        "002", "003", "001",
    ]  # fmt: skip


def test_what_the_log_does_not_know_is_the_oldest() -> None:
    """Entries of the log that were deleted were the oldest ones; what they told of is undone last."""
    migrations = [migration("001"), migration("002")]
    history = [execution("001", second=9), replace(execution("002", second=1), logged=4)]

    assert [row.version for row in down_rows(make_rows(migrations, history), Selection(all=True))] == ["002", "001"]


@pytest.mark.parametrize(
    ("selection", "undone"),
    [
        (Selection(), ["003_a"]), (Selection(steps=2), ["003_a", "001_a"]), (Selection(all=True), ["003_a", "001_a"]),
        (Selection(to="2"), ["003_a"]),
    ],
)  # fmt: skip
def test_a_baseline_that_was_added_later_is_passed_over(selection: Selection, undone: list[str]) -> None:
    """`down` takes the last executions; the baseline is none, whenever it was declared."""
    migrations = [migration("001"), migration("002"), migration("003")]
    history = [execution("001"), execution("003", second=1), execution("002", second=2, status="baseline")]

    assert [row.label for row in down_rows(make_rows(migrations, history), selection)] == undone


@pytest.mark.parametrize("selection", [Selection(to="1"), Selection(steps=3)])
def test_a_baseline_is_in_the_way_of_what_is_asked_for_below_it(selection: Selection) -> None:
    """To go back behind a baseline would need to undo it as well: this is refused."""
    migrations = [migration("001"), migration("002"), migration("003")]
    history = [execution("001"), execution("003", second=1), execution("002", second=2, status="baseline")]

    with pytest.raises(HistoryError) as caught:
        down_rows(make_rows(migrations, history), selection)

    assert caught.value.message == "002_a is a baseline: it was declared, not executed, so it cannot be undone"


def test_down_to_what_is_not_executed_is_refused() -> None:
    """`down` cannot go back to a version that is not executed."""
    rows = make_rows([migration("001"), migration("002")], [execution("001")])

    with pytest.raises(HistoryError) as caught:
        down_rows(rows, Selection(to="2"))

    assert caught.value.message == "002_a is not executed, so `down` cannot go back to it"


def test_of_executions_of_one_moment_the_newest_version_goes_first() -> None:
    """With equal times the higher version goes first; an execution without a time counts as the oldest."""
    migrations = [migration("001"), migration("002"), migration("003")]
    history = [execution("001"), execution("002"), replace(execution("003"), executed_at=None)]

    assert [row.version for row in down_rows(make_rows(migrations, history), Selection(all=True))] == [
        "002", "001", "003",
    ]  # fmt: skip


# -- resuming ----------------------------------------------------------------------------------------------------------


def test_a_step_goes_on_where_the_last_execution_ended() -> None:
    """Only a file without a transaction continues, and only in the direction `up`."""
    alone = migration("001", up="-- sqlmigrate: no-transaction\nselect 1; select 2; select 3;")
    failed = replace(execution("001", status="failed"), statements=3, statements_done=2)

    (resumed,) = up_steps(make_rows([alone], [failed]))
    (from_the_start,) = up_steps(make_rows([migration("001")], [failed]))
    (first,) = up_steps(make_rows([alone], ()))
    (down,) = down_steps(chosen(alone, replace(failed, status="executed")), {})

    assert [step.done_before for step in (resumed, from_the_start, first, down)] == [2, 0, 0, 0]
