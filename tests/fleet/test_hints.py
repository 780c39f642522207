"""The commands that a fleet names: they can be typed where they stand, and mean what they say."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from fleet_project import Fleet, words
from in_process import Quick
from narrow_terminal import on_terminal
from psycopg.conninfo import conninfo_to_dict

from sqlmigrate.errors import Kind, SqlmigrateError
from sqlmigrate.fleet.advice import Commands, for_target
from sqlmigrate.fleet.target import Target
from sqlmigrate.fleet.typed import Option, Typed
from sqlmigrate.output.excerpt import cell_count

Make = Callable[[int], Fleet]
OPTIONS = ["--skip", "gone", "--max-failures=9", "--lock-timeout", "50ms", "--lock-retries", "0"]
AGAIN = "sqlmigrate fleet {} --targets targets.txt --skip gone --max-failures=9 --lock-timeout 50ms --lock-retries 0"


def commands_in(value: Any) -> Iterator[str]:
    """Yield every command of ours in the hints and next steps of a JSON value."""
    if isinstance(value, dict):
        for key, each in value.items():
            texts = each if isinstance(each, list) else [each or ""]
            if key in ("next", "hint"):
                yield from (found for text in texts for found in re.findall(r"sqlmigrate [a-z].*", str(text)))
            else:
                yield from commands_in(each)
    elif isinstance(value, list):
        for each in value:
            yield from commands_in(each)


def _troubled(shops: Fleet) -> None:
    """Plant a failure, locks that are held, an edited file, tables without a history, changes by hand."""
    shops.sql.add_tables("a", "b")
    shops.call("up", "--skip", "shop_04")
    shops.execute("shop_01", "insert into a values (1), (1)")
    shops.execute("shop_03", "update migrations set checksum = 'other', up_sql = 'select 1;' where version = '002'")
    shops.execute("shop_04", "create table own ()")
    shops.execute("shop_05", "create table by_hand ()")
    shops.execute("shop_06", "delete from migrations where version = '001'")
    shops.sql.add("003_c", "alter table a add unique (id);")
    shops.write("gone host=/nowhere dbname=x")


def test_every_command_in_the_json_of_a_fleet_can_be_typed(fleet_of: Make) -> None:
    """It is the call of the fleet with its options, or it names the database of its target."""
    shops = fleet_of(6)
    _troubled(shops)
    lines = []
    with psycopg.connect(shops.urls["shop_02"]) as holder:
        holder.execute("lock table a in access exclusive mode")
        for action in ("status", "up", "verify", "drift"):
            options = OPTIONS if action == "up" else [*OPTIONS[:2], *OPTIONS[3:]]
            lines += shops.call(action, *options, "--format", "json").stdout.splitlines()

    found = {command for line in lines for command in commands_in(json.loads(line))}
    up = AGAIN.format("up") + " --format json"
    assert up in found
    assert any("fleet up" in each and each.endswith("--into-existing --only shop_04") for each in found)
    singles = [each for each in found if not each.startswith("sqlmigrate fleet ")]
    databases = {conninfo_to_dict(url)["dbname"]: name for name, url in shops.urls.items()}
    named = {databases[next(name for name in databases if f"dbname={name}" in each)] for each in singles}
    assert named == {"shop_03", "shop_04", "shop_05", "shop_06"}
    for command in found:
        _, *arguments = shlex.split(command.replace("VERSION", "001"))
        assert Quick(shops.folder, {})(*arguments, "--help").code == 0


def test_a_hint_of_one_target_can_be_followed(fleet_of: Make) -> None:
    """`--into-existing` is for that target alone: the others are left as they are."""
    shops = fleet_of(3)
    shops.sql.add_tables("a")
    shops.execute("shop_02", "create table own ()")
    shops.execute("shop_03", "create table own ()")

    said = shops.call("up", "--skip", "shop_01", "--canary", "1", "--output", "html=fleet.html").stderr
    step = next(line for line in said.splitlines() if line.endswith("--only shop_02"))
    ended = Quick(shops.folder, {})(*shlex.split(step[step.index("sqlmigrate ") :])[1:])

    assert ended.code == 0
    assert shops.recorded() == {"shop_01": [], "shop_02": [("001", "executed")], "shop_03": []}


def test_a_failure_names_the_call_of_the_fleet(fleet_of: Make) -> None:
    """A file that is mended is mended for all. Also where the server was lost, and in the event of the failure."""
    shops = fleet_of(1)
    shops.sql.add(
        "001_a", "-- sqlmigrate: no-transaction\ncreate table a ();\nselect pg_terminate_backend(pg_backend_pid());"
    )

    events = list(map(json.loads, shops.call("up", "--format", "json", "--directory", "sql").stdout.splitlines()))

    again = "sqlmigrate fleet up --targets targets.txt --format json --directory sql"
    (failed,) = [each for each in events if each.get("event") == "failed"]
    (ended,) = [each for each in events if each.get("event") == "ended"]
    assert failed["error"]["next"]
    assert all(step.endswith(again) for step in failed["error"]["next"])
    assert ended["error"]["next"] == failed["error"]["next"]


def test_the_call_of_the_fleet_gets_no_setting_twice(fleet_of: Make) -> None:
    """It has those that were typed already, in their own spelling."""
    shops = fleet_of(1)
    shops.sql.add_tables("a")
    shops.execute("shop_01", "create table own ()")

    said = shops.call("up", "--directory=sql", "--table=hist").stderr

    again = "sqlmigrate fleet up --targets targets.txt --directory=sql --table=hist --into-existing --only shop_01"
    assert f"           or: {again}\n" in said


def test_a_command_for_one_database_has_the_settings_of_the_call(fleet_of: Make) -> None:
    """Its folder and its history table, also in JSON."""
    shops = fleet_of(2)
    shops.sql.add_tables("a")
    (shops.folder / "sql").rename(shops.folder / "other")
    options = ["--directory", "other", "--table", "hist"]
    shops.call("up", *options)
    shops.execute("shop_02", "update hist set checksum = 'other', up_sql = 'select 1;'")

    text = shops.call("verify", *options).stderr
    summary = json.loads(shops.call("verify", *options, "--format", "json").stdout)["summary"]

    steps = summary["groups"][0]["error"]["next"]
    assert [step.split(" --database-url ")[0] for step in steps] == [
        "sqlmigrate --directory other --table hist log 001 --sql up",
        "or: sqlmigrate --directory other --table hist repair 001",
    ]
    assert all(step in text for step in steps)
    repair = shlex.split(steps[1].removeprefix("or: "))[1:]
    assert Quick(shops.folder, {})(*repair, "--yes").code == 0
    assert shops.call("verify", *options).code == 0


def test_hints_of_those_that_are_left_out_are_on_the_page(fleet_of: Make) -> None:
    """Commands and diffs to the letter, the version where it stands, and no word about a dry run that was not one."""
    shops = fleet_of(6)
    _troubled(shops)

    ended = shops.call("up", *OPTIONS, "--output", "html=fleet.html")
    page = (shops.folder / "fleet.html").read_text(encoding="utf-8")

    said, pres = words(page), [words(each) for each in re.findall(r"<pre.*?</pre>", page, flags=re.DOTALL)]
    database = conninfo_to_dict(shops.urls["shop_03"])["dbname"]
    assert any(each.startswith("@@ -1 +1 @@ -select 1; +create table b") for each in pres)
    assert any(f"dbname={database}" in each and "or: sqlmigrate repair 002 --database-url" in each for each in pres)
    assert any("--into-existing --only shop_04" in each for each in pres)
    assert "execute it there by the same call with --out-of-order" in said
    assert "! shop_03 left out 002_b why" in said
    assert "! shop_04 left out nothing executed why" in said
    assert "dry run" not in said
    assert "was rolled back" in ended.stderr


def test_the_page_speaks_of_a_dry_run_only_if_something_was_tried(fleet_of: Make) -> None:
    shops = fleet_of(1)
    shops.sql.add_tables("a")
    shops.call("up")
    shops.sql.add("002_b", "create table b ();")
    pages = []

    for options in (["--dry-run", "--to", "1"], ["--dry-run"], []):
        shops.call("up", *options, "--output", "html=fleet.html")
        pages.append((shops.folder / "fleet.html").read_text(encoding="utf-8"))

    assert ["The dry run was rolled back" in page for page in pages] == [False, True, False]


def test_no_command_has_a_password(fleet_of: Make) -> None:
    shops = fleet_of(2)
    shops.sql.add_tables("a")
    shops.execute("shop_02", "create table own ()")
    secret = "Planted-1"
    lines = [f"{name} {url}{'&' if '?' in url else '?'}password={secret}" for name, url in shops.urls.items()]
    (shops.folder / "targets.txt").write_text("\n".join(lines), encoding="utf-8")

    said = [
        shops.call(action, "--format", form)
        for action in ("status", "up", "verify", "drift")
        for form in ("text", "json")
    ]

    text = "".join(each.stdout + each.stderr for each in said)
    assert "sqlmigrate baseline VERSION --database-url" in text
    assert secret not in text


def _accepts(shops: Fleet, call: Quick, options: list[str], places: list[str]) -> None:
    """Let a run take no snapshot; the note of the next has commands that accept each place, and only that one."""
    shops.sql.add_tables("a")
    call("fleet", "up", *options)
    shops.sql.add("002_b", "create table b ();")
    call("fleet", "up", *options, "--drift", "off")
    shops.sql.add("003_c", "create table c ();")

    said = call("fleet", "up", *options).stderr

    commands = [line[line.index("sqlmigrate ") :] for line in said.splitlines() if "drift --accept" in line]
    assert len(commands) == len(places)
    for command, place in zip(commands, places, strict=True):
        assert place in command
        assert call("fleet", "drift", *options).stdout.count("not known") >= 1
        assert Quick(shops.folder, {"DATABASE_URL": "dbname=never_asked"})(*shlex.split(command)[1:], "--yes").code == 0
    assert call("fleet", "drift", *options).code == 0


def test_a_note_on_what_is_not_known_names_its_database(fleet_of: Make) -> None:
    """Typed as it stands it accepts that database, whatever DATABASE_URL is."""
    shops = fleet_of(2)
    databases = [f"dbname={conninfo_to_dict(url)['dbname']}" for url in shops.urls.values()]

    _accepts(shops, Quick(shops.folder, {}), ["--targets", "targets.txt"], databases)


def test_a_note_on_what_is_not_known_names_its_schema(fleet_of: Make) -> None:
    shops = fleet_of(1)
    shops.execute("shop_01", "create schema t_1; create schema t_2")
    call = Quick(shops.folder, {"DATABASE_URL": shops.urls["shop_01"]})

    _accepts(shops, call, ["--schemas", "t_*"], ["--schema t_1", "--schema t_2"])


def test_commands_stay_in_one_piece_on_a_narrow_terminal(fleet_of: Make) -> None:
    """Words before a command are folded, the command is not: pasted from the screen, it works."""
    shops = fleet_of(2)
    shops.sql.add_tables("a")
    shops.call("up")
    shops.execute("shop_01", "create table own ()")
    shops.execute("shop_02", "create table other ()")
    shops.sql.add("002_b", "create table b ();")

    screen = on_terminal(shops.folder, shops.urls["shop_01"], "fleet", "up", "--targets", "targets.txt")

    lines = screen.splitlines()
    commands = [line[line.index("sqlmigrate ") :] for line in lines if "sqlmigrate drift" in line]
    assert len(commands) == 4, screen
    for command in commands:
        assert Quick(shops.folder, {})(*shlex.split(command)[1:], "--help").code == 0
        assert "dbname=" in command
    assert all(cell_count(line) <= 80 for line in lines if "sqlmigrate " not in line and "\r" not in line)


# -- each kind of command ----------------------------------------------------------------------------------------------


def _typed(*options: tuple[str, str]) -> Typed:
    return Typed("up", tuple(Option(name, tuple(words.split())) for name, words in options),
                 {"up": frozenset({"check"}), "status": frozenset({"dry_run", "to", "steps"}), "down": frozenset(),
                  "verify": frozenset({"dry_run", "to", "steps"}), "drift": frozenset({"dry_run"})})  # fmt: skip


UP = "sqlmigrate fleet up --targets t.txt --to 3 --only @eu"
ONLY_ONE = "--targets t.txt --to 3 {}--only one"
TYPED = _typed(("targets", "--targets t.txt"), ("to", "--to 3"), ("only", "--only @eu"), ("steps", "--steps 2"))


@pytest.mark.parametrize(
    ("step", "of_database", "of_schema"),
    [
        ("sqlmigrate up", "sqlmigrate fleet up --targets t.txt --to 3 --only @eu", None),
        ("fix the file, then: sqlmigrate up",
         f"fix the file if no target has executed it, or else the database, then: {UP}", None),
        ("sqlmigrate up --into-existing", f"sqlmigrate fleet up {ONLY_ONE.format('--into-existing ')}", None),
        ("sqlmigrate status", "sqlmigrate fleet status --targets t.txt --only @eu", None),
        ("sqlmigrate down", f"sqlmigrate fleet down {ONLY_ONE.format('')}", None),
        ("sqlmigrate repair 003", "sqlmigrate repair 003 --database-url dbname=x",
         "sqlmigrate repair 003 --database-url dbname=x --schema s"),
        ("sqlmigrate status --table old", "sqlmigrate status --table old --database-url dbname=x",
         "sqlmigrate status --table old --database-url dbname=x --schema s"),
        ("sqlmigrate baseline 003", "sqlmigrate baseline 003 --database-url dbname=x",
         "sqlmigrate baseline 003 --database-url dbname=x --schema s"),
        ("sqlmigrate drift", "sqlmigrate drift --database-url dbname=x",
         "sqlmigrate drift --database-url dbname=x --schema s"),
        ("sqlmigrate drift --accept", "sqlmigrate drift --accept --database-url dbname=x",
         "sqlmigrate drift --accept --database-url dbname=x --schema s"),
        ("sqlmigrate drift --against files", "sqlmigrate drift --against files --database-url dbname=x", ""),
        ("sqlmigrate renumber", "sqlmigrate renumber", None),
        ("psql: create schema s;", "psql: create schema s;", None),
    ],
)  # fmt: skip
def test_a_command_for_one_database_becomes_one_that_is_right_in_a_fleet(
    step: str, of_database: str, of_schema: str | None
) -> None:
    """`down` and flags are for one target only; a comparison with the files is one of a whole database."""
    commands = Commands("migrations", TYPED.for_hint)
    error = SqlmigrateError("x", next_steps=[step])

    shown = [for_target(error, Target("one", "dbname=x", schema), commands).next_steps for schema in (None, "s")]

    assert shown[0] == (of_database,)
    assert shown[1] == tuple(filter(None, [of_database if of_schema is None else of_schema]))


@pytest.mark.parametrize(
    ("hint", "shown"),
    [
        ("take it over, then: sqlmigrate up; or, only if it is not yours, execute all",
         f"take it over, then: {UP}; or, only if it is not yours, execute all"),
        ('the SQL for it: sqlmigrate drift --accept; or the setting drift = "off"',
         'the SQL for it: sqlmigrate drift --accept --database-url dbname=x; or the setting drift = "off"'),
        ("keep the one that databases have in their history (sqlmigrate log), or any",
         "keep the one that databases have in their history (sqlmigrate log --database-url dbname=x), or any"),
        ("take the list as `sqlmigrate squash` has written it", "take the list as `sqlmigrate squash` has written it"),
    ],
)  # fmt: skip
def test_a_command_in_the_middle_of_a_hint_is_right_in_a_fleet_too(hint: str, shown: str) -> None:
    error = SqlmigrateError("x", hint=hint)

    assert for_target(error, Target("one", "dbname=x"), Commands("migrations", TYPED.for_hint)).hint == shown


def test_a_target_that_the_option_only_cannot_name_has_no_command_for_itself() -> None:
    """A star in a name would choose others as well."""
    error = SqlmigrateError("x", kind=Kind.SHARED_VERSION, next_steps=["sqlmigrate up --into-existing"])

    shown = for_target(error, Target("a*", "dbname=x"), Commands("migrations", TYPED.for_hint))

    assert shown.next_steps == ()
