"""Synchronous replication: a COMMIT waits until standbys have it, for ever if they are gone.

A file that alters tables would wait with all its locks: other sessions could not even read these tables.
https://www.postgresql.org/docs/current/warm-standby.html#SYNCHRONOUS-REPLICATION
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from sqlmigrate.errors import NOTHING_CHANGED, ServerError

# For the select list of a query that is sent to every server. These are the entries by which the server itself decides
# whether a COMMIT goes on. A role without the rights of pg_read_all_stats sees that a standby is there, not which kind
# it is: it counts.
COLUMN = """\
case when pg_catalog.current_setting('synchronous_commit') not in ('off', 'local')
             and pg_catalog.current_setting('synchronous_standby_names') <> ''
            then pg_catalog.concat_ws(' ',
                   (select pg_catalog.count(*) from pg_catalog.pg_stat_get_wal_senders()
                     where coalesce(sync_state in ('sync', 'quorum'), true)),
                   pg_catalog.current_setting('synchronous_standby_names')) end"""
# FIRST 2 (a, b, c), ANY 2 (a, b, c), 2 (a, b, c), or a list, of which one is enough
_NUMBER = re.compile(r"\s*(?:(?:first|any)\s+)?(\d+)\s*\(", re.IGNORECASE)


@dataclass(frozen=True)
class Synchronous:
    """The standbys that a COMMIT of ours waits for.

    Attributes:
        names: The setting `synchronous_standby_names`.
        connected: How many of them are connected at most.
    """

    names: str
    connected: int

    @property
    def wanted(self) -> int:
        """How many of them have to confirm a COMMIT."""
        found = _NUMBER.match(self.names)
        return int(found[1]) if found else 1


def synchronous_of(value: str | None) -> Synchronous | None:
    """Return the standbys from the value of `COLUMN`; None if no COMMIT waits for one."""
    connected, _, names = (value or "").partition(" ")
    return Synchronous(names, int(connected)) if connected else None


def require(standbys: Synchronous | None) -> None:
    """Raise `ServerError` if each COMMIT would wait for a standby that is not connected."""
    if standbys is None or standbys.connected >= standbys.wanted:
        return
    missing = "no synchronous standby is connected"
    if standbys.connected:
        missing = f"of {standbys.wanted} synchronous standbys only {standbys.connected} are connected"
    raise ServerError(
        f"{missing}: a COMMIT would wait, with all its locks",
        detail=[f"synchronous_standby_names is {standbys.names}"],
        state=NOTHING_CHANGED,
        hint="try again when the standby is back; or do not wait for it in this run: "
        "PGOPTIONS='-c synchronous_commit=local'",
    )
