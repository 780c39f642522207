"""What blocks our session: another session or a prepared transaction; what it does, and how a DBA ends it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlmigrate.identifiers import literal
from sqlmigrate.times import duration, moment

from .server import exact

_NO_TRANSACTION = -1
_SERVERS_OWN = "background"
_PREPARED = "prepared"
_UNSEEN = "unseen"
_LOCAL = "local"
NO_RIGHT = "this role may not read pg_locks, pg_stat_activity or pg_prepared_xacts"
_OF_CLIENTS = ("", "client backend", "walsender")

# The columns from which `blocker_of` makes a `Blocker`; `a` is pg_stat_activity. It shows the sessions of other roles
# only to a member of pg_read_all_stats: others find their backend_type null.
# https://www.postgresql.org/docs/current/monitoring-stats.html#MONITORING-PG-STAT-ACTIVITY-VIEW
COLUMNS = f"""\
a.pid::text, a.application_name, coalesce(a.usename::text, a.backend_type),
       case when a.backend_type is not null then coalesce(a.state, '{_SERVERS_OWN}') end,
       coalesce(extract(epoch from pg_catalog.clock_timestamp() - a.xact_start)::int, {_NO_TRANSACTION})::text,
       pg_catalog.left(pg_catalog.regexp_replace(a.query, '\\s+', ' ', 'g'), 60),
       case when a.client_port = -1 then 'local' else pg_catalog.host(a.client_addr) end,
       {exact("a.backend_start")},
       a.backend_type, null, null, pg_catalog.quote_ident(current_user)"""

# The same for a prepared transaction, `p` of pg_prepared_xacts. pg_blocking_pids() shows it as 0.
# https://www.postgresql.org/docs/current/view-pg-prepared-xacts.html
PREPARED_COLUMNS = f"""\
'0', '', p.owner::text, '{_PREPARED}',
       coalesce(extract(epoch from pg_catalog.clock_timestamp() - p.prepared)::int, {_NO_TRANSACTION})::text, '', '',
       {exact("p.prepared")}, '', p.gid, p.database::text, pg_catalog.quote_ident(current_user)"""
# The prepared transaction that holds the lock `l` of pg_locks. It has no process, but a lock on its own id as well.
JOIN_PREPARED = """\
join pg_catalog.pg_locks own
    on l.pid is null and own.pid is null and own.virtualtransaction = l.virtualtransaction
   and own.locktype = 'transactionid' and own.mode = 'ExclusiveLock' and own.granted
  join pg_catalog.pg_prepared_xacts p on p.transaction = own.transactionid"""


@dataclass(frozen=True)
class Blocker:
    """What holds the lock that our session waits for: a session (of `pg_stat_activity`), or a prepared transaction.

    Attributes:
        pid: Its server process; 0 for a prepared transaction, which has none.
        application: Its `application_name`; empty if it has none.
        user: Its role; for a process of the server itself what it is, such as ``autovacuum worker``; empty for such a
            process if our role may not see it.
        state: ``active``, ``idle``, ``idle in transaction`` …; ``background`` for a process of the server itself;
            ``prepared`` for a prepared transaction; ``unseen`` if our role may not see who holds the lock; empty if it
            may not see what the session does.
        seconds: How long its transaction is open; -1 where none is open, or our role may not see it.
        statement: The statement that it executes, or the last one; at most 60 characters.
        host: The address of its client; ``local`` for a client on the server's own machine, over a socket; empty if
            our role may not see it.
        since: When it connected, or was prepared; None if our role may not see it.
        backend: PostgreSQL's word for the process, such as ``client backend``; empty if our role may not see it.
        prepared: The identifier of the prepared transaction; empty for a session.
        database: The database of the prepared transaction; empty for a session.
        seen_by: Our role, as SQL names it; empty if it is not known.
        global_pid: The number of its process in a Citus cluster; empty if it was seen on our own server.
        node: Host and port of the node of the cluster that it is connected to; empty as `global_pid`.
    """

    pid: int
    application: str
    user: str
    state: str
    seconds: int
    statement: str
    host: str
    since: datetime | None
    backend: str = ""
    prepared: str = ""
    database: str = ""
    seen_by: str = ""
    global_pid: str = ""
    node: str = ""

    @property
    def name(self) -> str:
        """The shortest name."""
        if self.state in (_PREPARED, _UNSEEN):
            return self.who
        return f"{self.application or self.user or 'a process of the server'} (process {self.pid})"

    @property
    def brief(self) -> str:
        """Process and role, as one line of a list has room for."""
        return self.who if self.state in (_PREPARED, _UNSEEN) else f"process {self.pid} of {self.user}"

    @property
    def is_unseen(self) -> bool:
        """Whether our role may not see if there is such a session."""
        return self.state == _UNSEEN

    @property
    def who(self) -> str:
        """Process, application, role and host; the name of a prepared transaction."""
        if self.state == _UNSEEN:
            return "a session that this role may not see"
        if self.state == _PREPARED:
            return f"the prepared transaction {literal(self.prepared)} ({self._owner})"
        if self._is_of_server:
            return f"process {self.pid} ({self._kind})"
        node = f" on {self.node}" if self.node else ""
        return f"process {self.pid}{node} ({self._client})"

    @property
    def _is_of_server(self) -> bool:
        return self.state == _SERVERS_OWN or not self.user or self.backend not in _OF_CLIENTS

    @property
    def _kind(self) -> str:
        return self.backend or self.user or "of the server itself; this role may not see which"

    @property
    def _owner(self) -> str:
        return f"user {self.user}, database {self.database}"

    @property
    def _client(self) -> str:
        host = "local socket" if self.host == _LOCAL else f"from {self.host or 'an unknown host'}"
        kind = f"{self.backend}, " if self.backend not in ("", "client backend") else ""
        return f"{kind}{self.application or 'without a name'}, user {self.user}, {host}"

    @property
    def doing(self) -> str:
        """State, age of the transaction, and the statement: the current one, or the last one."""
        if self.state == _UNSEEN:
            return f"who holds the lock is not known: {NO_RIGHT}"
        if self.state == _PREPARED:
            return f"it has no session, and stays until it is ended; open for {duration(self.seconds)}"
        if not self.state:
            return f"what it does may not be seen: grant pg_read_all_stats to {self.seen_by or 'this role'}"
        if self.seconds == _NO_TRANSACTION:
            age = "no transaction"
        elif "transaction" in self.state:
            age = f"open for {duration(self.seconds)}"
        else:
            age = f"transaction open for {duration(self.seconds)}"
        return f"{self.state}, {age}: {self.statement}"

    @property
    def ending(self) -> tuple[str, ...]:
        """When and how to end it, and below it the command; empty for a process of the server itself.

        The command also compares when the session began: by the time it is executed, another session may have the
        number of the process.
        """
        if self.state == _PREPARED:
            place = f"in database {self.database} as {self.user}"
            return (
                f"if the program that prepared it is gone, commit it or roll it back, {place}:",
                f"rollback prepared {literal(self.prepared)};",
            )
        if self.state == _UNSEEN or self._is_of_server:
            return ()
        column, shown = self._shown
        if self.since is None:
            return "whether its program is gone, a role with more rights can see:", f"select * {shown};"
        where = ", on the coordinator" if self.global_pid else ""
        is_same = f"backend_start = '{self.since:%Y-%m-%d %H:%M:%S.%f}+00'"
        return (
            f"if its program is gone, end the session{where}:",
            f"select pg_terminate_backend({column}) {shown} and {is_same};",
        )

    @property
    def _shown(self) -> tuple[str, str]:
        """The column with the number of its process, and the SQL from FROM on that finds it."""
        if self.global_pid:  # https://docs.citusdata.com/en/stable/develop/api_metadata.html: numbers of all nodes
            view = "citus_stat_activity where not is_worker_query"
            return "global_pid", f"from {view} and global_pid = {self.global_pid}"
        return "pid", f"from pg_stat_activity where pid = {self.pid}"

    @property
    def lines(self) -> tuple[str, ...]:
        """All of it in sentences: who, what it does, when and how to end it."""
        return str(self), self.doing, *self.ending

    def __str__(self) -> str:
        """Return `who`, and when it connected or was prepared."""
        return f"{self.who.removesuffix(')')}, since {moment(self.since)})" if self.since else self.who


UNSEEN = Blocker(0, "", "", _UNSEEN, _NO_TRANSACTION, "", "", None)
"""A session of which our role may see nothing."""


def blocker_of(row: Sequence[str | None]) -> Blocker:
    """Return the `Blocker` of a row of `COLUMNS` or `PREPARED_COLUMNS`."""
    pid, application, user, state, seconds, statement, host, since, *what = (value or "" for value in row)
    began = datetime.fromisoformat(since).replace(tzinfo=UTC) if since else None
    return Blocker(int(pid), application, user, state, int(seconds), statement, host, began, *what)
