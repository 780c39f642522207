"""Who waits, at the head of a file: every table that a real server locks, and for whom."""

from __future__ import annotations

from pathlib import Path

import pytest

from sqlmigrate.files.migration import Migration
from sqlmigrate.review import pipeline
from sqlmigrate.review.formats.waiting import waits_words
from sqlmigrate.review.new.subjects import Subjects
from sqlmigrate.shadow import databases
from sqlmigrate.source import Source

SETUP = """\
create schema shop;
create table teams (id bigint primary key, name text);
create table users (id bigint primary key, team_id bigint constraint of_team references teams);
create table shop."Order" (id bigint primary key, note text);
create view names as select name from teams;
create table events (id int, at int) partition by range (at);
create table events_1 partition of events for values from (0) to (10);
create table events_2 partition of events for values from (10) to (20);
create table events_3 partition of events for values from (20) to (30);
insert into teams select i, i from generate_series(1, 90) i;
insert into events select i, i from generate_series(0, 29) i;
"""
WAITS = {
    "create table members (team_id bigint references teams, user_id bigint references users)": (
        "for an instant: writers on `teams` and `users`"
    ),
    'alter table teams add column a int; alter table shop."Order" add column a int': (
        'for an instant: everyone on `teams` and `shop."Order"`'
    ),
    "do $$ begin alter table users drop constraint of_team; end $$": (
        "for an instant: everyone on `teams` and `users`"
    ),
    "alter table events add column note text": "for an instant: everyone on `events` and its 3 partitions",
    "create index on events (id)": "writers on `events` and its 3 partitions",
    "create index on events_2 (id)": "writers on `events_2`",
    "create index on teams (name); alter table users add column a int": (
        "writers on `teams`; for an instant: everyone on `users`"
    ),
    "drop view names": "for an instant: everyone on `names`",
    "create table settings (id int)": "no one",
    "update teams set name = 'x'": "no one",
}


@pytest.mark.parametrize("up", WAITS)
def test_the_head_names_every_table(up: str, server: databases.Shadow) -> None:
    """Readers and writers, or writers alone; during work, or for an instant; partitions stand under their table."""
    assert _heads(server, up) == [WAITS[up]]


def test_a_table_of_the_same_pull_request_is_not_named(server: databases.Shadow) -> None:
    """No one uses it yet."""
    made = "create table settings (id int primary key, team_id bigint references teams)"

    assert _heads(server, made, "alter table settings add column a int") == [
        "for an instant: writers on `teams`",
        "no one",
    ]


def _heads(server: databases.Shadow, *files: str) -> list[str]:
    made = [
        Migration(f"{number:03}", "case", Source(f"sql/{number:03}_case.up.sql", text), None)
        for number, text in enumerate((SETUP, *files), start=1)
    ]
    review = pipeline.review_on(server, Subjects("main", (made[0],), tuple(made[1:])), pipeline.Settings(Path()))
    return [waits_words(each) for each in review.migrations]
