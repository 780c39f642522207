"""The rules of what depends on settings of the session that executes a migration.

https://www.postgresql.org/docs/current/runtime-config-client.html
"""

from __future__ import annotations

from .rule import Example, Rule

_DOCS = "https://www.postgresql.org/docs/current/"

REWRITE_OUTSIDE_UTC = Rule(
    "rewrite-outside-utc",
    "warning",
    "a change between timestamp and timestamptz rewrites the table unless the session's TimeZone is UTC",
    (
        "Where the TimeZone of the session is UTC, PostgreSQL keeps the rows as they are, in an instant. With any "
        "other TimeZone it rewrites the table and its indexes under ACCESS EXCLUSIVE, because every value "
        "changes. The review measured it in UTC. Set the TimeZone in the file, if UTC is what the values mean; "
        "then no setting of the role, the database or the server matters. If they mean local time, use a new "
        "column, as for any change that rewrites: `sqlmigrate explain type-change-rewrite`."
    ),
    examples=(
        Example(
            """\
-- 1. 005_orders_paid_at.up.sql: the values are in UTC
set local timezone = 'UTC';
alter table orders alter column paid_at type timestamptz;
"""
        ),
    ),
    page=f"{_DOCS}sql-altertable.html#SQL-ALTERTABLE-NOTES",
)
DEPENDS_ON_SETTING = Rule(
    "depends-on-setting",
    "note",
    "values depend on a setting of the session",
    (
        "PostgreSQL reads a time without an offset in the TimeZone of the session, and a date such as 01/02/2025 "
        "by its DateStyle. So the same file makes other bounds of partitions, defaults, checks or values for a "
        "role, database or server with another setting. Write times with an offset, or set the setting in the "
        "file. The same is true of rows that a file writes: a cast between text, dates and times, a full text search "
        "without a configuration. An index, a CHECK or a generated column whose function relies on the search_path "
        "fails where pg_restore, VACUUM or ANALYZE evaluate it: they set a search_path of system schemas alone."
    ),
    examples=(
        Example(
            """\
-- 1. 005_orders_opened_at.up.sql: with an offset
alter table orders add column opened_at timestamptz not null default '2025-01-01 00:00+00';
"""
        ),
    ),
    page=f"{_DOCS}datatype-datetime.html#DATATYPE-TIMEZONES",
)

RULES: tuple[Rule, ...] = (REWRITE_OUTSIDE_UTC, DEPENDS_ON_SETTING)
