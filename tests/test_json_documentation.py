"""docs/json.md names the keys that the program writes, no more and no fewer; its examples have them too."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterator
from functools import cache, partial
from typing import Any

import psycopg
import pytest
from documents import ROOT
from git_repository import Repository
from handmade_reviews import REVIEWS
from left_by_tools import LEFT
from project import Project
from squashed_folder import squash
from terminal import Ended

from sqlmigrate.database import run_lock
from sqlmigrate.review.formats import FORMATS

TEXT = (ROOT / "docs" / "json.md").read_text(encoding="utf-8")
_SECTION = re.compile(r"^##+ (?P<name>.+)\n(?P<body>(?:(?!##).*\n?)*)", re.MULTILINE)
_KEY = re.compile(r"^\| `(?P<key>\w+)` \| (?P<meaning>.*) \|$", re.MULTILINE)
BODIES = {match["name"]: match["body"] for match in _SECTION.finditer(TEXT)}
TABLES = {name: dict(_KEY.findall(body)) for name, body in BODIES.items() if _KEY.search(body)}
EXAMPLES = {
    name: [
        json.loads(line) for block in re.findall(r"```json\n(.*?)```", body, re.DOTALL) for line in block.splitlines()
    ]
    for name, body in BODIES.items()
}

Values = dict[str, list[dict[str, Any]]]


def _json(text: str) -> list[Any]:
    return [json.loads(line) for line in text.splitlines()]


# Runs until it has been looked at: the look comes from a second session.
UNTIL_SEEN = """\
do $$ begin
  loop
    perform pg_stat_clear_snapshot();
    exit when (select count(*) from pg_stat_activity
                where application_name = 'sqlmigrate' and datname = current_database()) > 1;
    perform pg_sleep(0.01);
  end loop;
end $$;"""


def _collected(found: Values, *ended: Ended) -> None:
    """Sort events under their names, and what is inside of events under its own."""
    for event in (each for one in ended for each in _json(one.stdout)):
        found[event["event"]].append(event)
        found["blocker"] += event.get("blockers", [])
        found["error"] += [event["error"]] if "error" in event else []


def _call(project: Project, *arguments: str) -> Ended:
    return project.call("--format", "json", *arguments)


def _run_events(project: Project) -> Iterator[Ended]:
    """Let a run plan, execute, wait, be blocked, fail, recover, and try."""
    project.add("001_a", f"drop table if exists b;\ncreate table a (n int);\n{UNTIL_SEEN}", "drop table a;")
    (project.folder / "v1").mkdir()
    (project.folder / "v1" / "001_x.up.sql").write_text("select 1;")  # for a note
    with project.connection() as holder:
        holder.execute("select pg_advisory_lock(%s)", [run_lock.lock_key("public.migrations")])
        yield _call(project, "up", "--lock-wait", "300ms")
    yield _call(project, "up")
    project.add("002_b", "alter table a add b int;", "alter table a drop b;")
    with psycopg.connect(project.url) as reader:
        reader.execute("select from a")
        yield _call(project, "up", "--lock-timeout", "1s", "--lock-retries", "1")
    project.execute("insert into a values (1), (1)")
    index = "create unique index concurrently a_n on a (n);"
    project.add("003_c", f"-- sqlmigrate: no-transaction\nselect 1;\n{index}", "drop index a_n;")
    yield _call(project, "up")
    project.execute("truncate a")
    yield _call(project, "up")
    project.add("004_d", "vacuum;")
    yield _call(project, "up", "--dry-run")
    yield _call(project, "down")


@pytest.fixture
def values(project: Project) -> Values:
    """Everything that the program writes as JSON, by the heading in docs/json.md that describes it."""
    found: Values = defaultdict(list)
    _collect_existing(project, found)
    _collected(found, *_run_events(project))
    found["status"] = _json(_call(project, "status").stdout)
    found["migration"] = found["status"][0]["migrations"]
    (found["log"],) = _json(_call(project, "log").stdout)
    found["log --sql"] = _json(_call(project, "log", "1", "--sql", "up").stdout)
    found["schema"] = _json(_call(project, "schema").stdout)
    found["object"] = [each for one in found["schema"] for each in one["objects"]]
    found["left out"] = [each for one in found["schema"] for each in one["left_out"]]
    found["split"] = _json(_call(project, "split", "sql/003_c.up.sql").stdout)
    found["statement"] = found["split"][0]["statements"]
    found["create"] = _json(_call(project, "create", "phones").stdout)
    found["completion"] = _json(_call(project, "completion", "bash").stdout)
    found["explain"] = [
        each for name in ([], ["drop-column"]) for each in _json(_call(project, "explain", *name).stdout)
    ]
    found["rule"] = [rule for each in found["explain"] for rule in each["rules"]]
    found["example"] = [example for rule in found["rule"] for example in rule["examples"]]
    _collect_moves(project, found)
    _collect_history_changes(project, found)
    _collect_errors(project, found)
    _collect_adoption(project, found)
    _collect_squash(project, found)
    _collect_drift(project, found)
    _collect_review(found)
    return found


def _collect_existing(project: Project, found: Values) -> None:
    """Look at a database that another tool has looked after."""
    project.execute(
        "create table versions (version bigint primary key, dirty boolean); insert into versions values (1, false)"
    )
    found["existing"] = [each["existing"] for each in _json(_call(project, "status").stdout)]
    found["other history"] = found["existing"][0]["histories"]
    project.execute("drop table versions")


def _collect_moves(project: Project, found: Values) -> None:
    """Rename the files of a new migration that has the version of a merged one."""
    root = project.folder.parent / "shop"
    repository = Repository(root, project.folder.parent / "home").init()
    repository.write(v001_a="create table a ();", v002_b="create table b ();")
    repository.commit()
    repository.git("update-ref", "refs/remotes/origin/main", "HEAD")
    repository.write(v002_c="create table c ();")
    found["renumber"] = _json(_call(Project(root / "sql", project.url), "renumber", "--base", "origin/main").stdout)
    found["move"] = [move for each in found["renumber"] for move in each["moves"]]


def _collect_history_changes(project: Project, found: Values) -> None:
    project.remove("005_phones")
    found["verify"] = _json(_call(project, "verify").stdout)
    found["baseline"] = _json(_call(project, "baseline", "4", "--yes").stdout)
    found["repair"] = _json(_call(project, "repair", "4", "--yes").stdout)


def _collect_adoption(project: Project, found: Values) -> None:
    """Take over a folder of dbmate, next to the history of the other values, and take that back."""
    root = project.folder.parent / "adopted"
    LEFT["dbmate"].write(root)
    (root / "db/migrations/3_c.sql").write_text("-- migrate:up transaction:false\nselect 1;\n", encoding="utf-8")
    project.execute(LEFT["dbmate"].history)
    other = Project(root / "sql", project.url)
    for options in ([], ["--write"]):
        found["adopt"] += _json(_call(other, "adopt", "--table", "adopted", *options).stdout)
    found["adopted migration"] = [each for value in found["adopt"] for each in value["migrations"]]
    found["remark"] = [each for value in found["adopt"] for each in value["notes"]]
    for option in ("--finish", "--undo"):
        ended = _call(other, "adopt", "--table", "adopted", option, *(["--yes"] if option == "--undo" else []))
        found[f"adopt {option}"] = _json(ended.stdout)


def _collect_squash(project: Project, found: Values) -> None:
    """Squash the migrations of which a database has a part, and then all; next to the history of the other values."""
    other = Project(project.folder.parent / "squashed" / "sql", project.url)
    other.folder.parent.mkdir()
    for number in (1, 2):
        other.add(f"{number}_s", f"create table s{number} ();", f"drop table s{number};")
    call = partial(_call, other, "--table", "squashed")
    call("up", "--steps", "1", "--into-existing")
    squash(other.folder, "2")
    archive = other.folder / "squashed"
    gone = archive.rename(other.folder / "gone")
    for back in (gone, archive):
        found["status"] += (status := _json(call("status").stdout))
        found["opened squash"] += [each for value in status for each in value["opened"]]
        if back is gone:
            gone.rename(archive)
    _collected(found, call("up"))
    found["fold"] += [fold for event in found["planned"] for fold in event.get("folds", [])]
    other.add("3_t", "create table t3 ();", "drop table t3;")
    found["squash"] = _json(call("squash", "3", "--yes").stdout)


def _collect_drift(project: Project, found: Values) -> None:
    """Change something by hand, also something that not every role may see."""
    role = f"looking_{project.value('select current_database()')}"
    project.execute("create foreign data wrapper nothing; create server far foreign data wrapper nothing;"
                    "create user mapping for public server far options (user 'us')")  # fmt: skip
    _call(project, "drift", "--accept", "--yes")
    project.execute("create table own ()")
    found["drift"] = _json(_call(project, "drift", "--sql").stdout)
    project.execute(
        f"create role {role} login; grant select on migrations, migrations_log, migrations_schema to {role}"
    )
    looking = project.at(psycopg.conninfo.make_conninfo(project.url, user=role))
    found["drift"] += _json(_call(looking, "drift").stdout)
    project.execute(f"drop owned by {role}; drop role {role}")
    found["differing object"] = [each for one in found["drift"] for each in one["drift"]]
    found["not compared"] = [each for one in found["drift"] for each in one["not_compared"]]


def _collect_errors(project: Project, found: Values) -> None:
    for arguments in (["repair", "9", "--yes"], ["reset"], ["status", "--database-url", "host=/nowhere"]):
        found["Errors"] += _json(_call(project, *arguments).stderr)
    project.add("006_e", "commit;")
    project.add("007_f", "select;")
    found["Errors"] += _json(_call(project, "up").stderr)
    for text in ("raise 'no' using detail = 'so', hint = 'do'", "execute 'select nothing'"):
        project.add("006_e", f"do $$ begin {text}; end $$;")
        _collected(found, _call(project, "up"))
    found["error"] += [error for each in found["Errors"] for error in each["error"]]


def _collect_review(found: Values) -> None:
    found["review"] = [json.loads(FORMATS["json"](review)) for review in REVIEWS.values()]
    found["reviewed migration"] = [each for review in found["review"] for each in review["migrations"]]
    found["ground"] = [review["ground"] for review in found["review"]]
    found["trip"] = trips = [each["trip"] for each in found["reviewed migration"] if each["trip"]]
    found["run of a file"] = [run for trip in trips for run in (trip["up"], trip["down"]) if run]
    found["measured statement"] = [each for run in found["run of a file"] for each in run["statements"]]
    found["touched relation"] = [each for statement in found["measured statement"] for each in statement["touches"]]
    found["schema change"] = [each for trip in trips for each in trip["changes"] + trip["down_changes"]]
    found["difference"] = [each for trip in trips for each in trip["left"] + trip["again"]]
    within = [finding for each in found["reviewed migration"] for finding in each["findings"]]
    found["finding"] = [*within, *(finding for review in found["review"] for finding in review["findings"])]


@cache
def _optional(name: str) -> frozenset[str]:
    """Return the keys that may be left out, as the table says."""
    return frozenset(key for key, meaning in TABLES[name].items() if meaning.startswith("only "))


def _agrees(name: str, value: dict[str, Any]) -> bool:
    keys = set(TABLES[name])
    return keys - _optional(name) <= value.keys() <= keys


def test_the_documented_keys_are_those_that_are_written(values: Values) -> None:
    """Every value of a real run has a table with its keys; a key that may be left out is there at least once."""
    wrong = [(name, value) for name in TABLES for value in values[name] if not _agrees(name, value)]
    never = {name: _optional(name) - {key for value in values[name] for key in value} for name in TABLES}

    assert values.keys() ^ TABLES.keys() == set()
    assert wrong == []
    assert {name: keys for name, keys in never.items() if keys} == {}


@pytest.mark.parametrize("name", [name for name in TABLES if EXAMPLES[name]])
def test_the_examples_have_the_documented_keys(name: str) -> None:
    """An example is a value of its kind: keys of the table, in the order in which they are written."""
    assert [example for example in EXAMPLES[name] if "confirmed" not in example and not _agrees(name, example)] == []
