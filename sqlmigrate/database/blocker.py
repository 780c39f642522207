"""A session that blocks ours: who it is, what it does, and how a DBA ends it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlmigrate.times import duration, moment

_NO_TRANSACTION = -1
_SERVERS_OWN = "background"
_LOCAL = "local"

# The columns from which `blocker_of` makes a `Blocker`; `a` is pg_stat_activity. It shows the sessions of other roles
# only to a member of pg_read_all_stats: others find their backend_type null.
# https://www.postgresql.org/docs/current/monitoring-stats.html#MONITORING-PG-STAT-ACTIVITY-VIEW
COLUMNS = f"""\
a.pid::text, a.application_name, coalesce(a.usename::text, a.backend_type),
       case when a.backend_type is not null then coalesce(a.state, '{_SERVERS_OWN}') end,
       coalesce(extract(epoch from pg_catalog.clock_timestamp() - a.xact_start)::int, {_NO_TRANSACTION})::text,
       pg_catalog.left(pg_catalog.regexp_replace(a.query, '\\s+', ' ', 'g'), 60),
       case when a.client_port = -1 then 'local' else pg_catalog.host(a.client_addr) end,
       pg_catalog.to_char(a.backend_start at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS')"""


@dataclass(frozen=True)
class Blocker:
    """A session that holds what ours waits for, as `pg_stat_activity` shows it.

    Attributes:
        pid: Its server process.
        application: Its `application_name`; empty if it has none.
        user: Its role; for a process of the server itself what it is, such as ``autovacuum worker``.
        state: ``active``, ``idle``, ``idle in transaction`` …; ``background`` for a process of the server itself;
            empty if our role may not see it.
        seconds: How long its transaction is open; -1 where none is open, or our role may not see it.
        statement: The statement that it executes, or the last one; at most 60 characters.
        host: The address of its client; ``local`` for a client on the server's own machine, over a socket; empty if
            our role may not see it.
        since: When it connected; None if our role may not see it.
    """

    pid: int
    application: str
    user: str
    state: str
    seconds: int
    statement: str
    host: str
    since: datetime | None

    @property
    def who(self) -> str:
        """Process, application, role and host."""
        if self.state == _SERVERS_OWN:
            return f"process {self.pid} ({self.user})"
        return f"process {self.pid} ({self._client})"

    @property
    def _client(self) -> str:
        host = "local socket" if self.host == _LOCAL else f"from {self.host or 'an unknown host'}"
        return f"{self.application or 'without a name'}, user {self.user}, {host}"

    @property
    def doing(self) -> str:
        """State, age of the transaction, and the statement: the current one, or the last one."""
        if not self.state:
            return "what it does is shown to its own role and to members of pg_read_all_stats"
        if self.seconds == _NO_TRANSACTION:
            age = "no transaction"
        elif "transaction" in self.state:
            age = f"open for {duration(self.seconds)}"
        else:
            age = f"transaction open for {duration(self.seconds)}"
        return f"{self.state}, {age}: {self.statement}"

    @property
    def ending(self) -> str | None:
        """When and how to end the session; None for a process of the server itself."""
        if self.state == _SERVERS_OWN:
            return None
        return f"if its program is gone, end the session: select pg_terminate_backend({self.pid});"

    @property
    def lines(self) -> tuple[str, ...]:
        """All of it in sentences: who, what it does, when and how to end it."""
        return str(self), self.doing, *([self.ending] if self.ending else [])

    def __str__(self) -> str:
        """Return `who`, and when it connected."""
        return f"process {self.pid} ({self._client}, since {moment(self.since)})" if self.since else self.who


def blocker_of(row: Sequence[str | None]) -> Blocker:
    """Return the `Blocker` of a row of `COLUMNS`."""
    pid, application, user, state, seconds, statement, host, since = (value or "" for value in row)
    connected = datetime.fromisoformat(since).replace(tzinfo=UTC) if since else None
    return Blocker(int(pid), application, user, state, int(seconds), statement, host, connected)
