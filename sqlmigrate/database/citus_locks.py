"""Who holds a lock on a worker of Citus that the coordinator waits for.

The coordinator does not see it: a query may come in over any node, and holds its locks only where it is executed.
https://docs.citusdata.com/en/stable/develop/api_metadata.html#distributed-query-activity
"""

from __future__ import annotations

from .blocker import COLUMNS
from .session import Request

_ON_WORKERS = f"""\
select {COLUMNS}, a.global_pid::text,
       (select pg_catalog.concat(n.nodename, ':', n.nodeport) from pg_catalog.pg_dist_node n where n.nodeid = a.nodeid)
  from pg_catalog.citus_stat_activity a
 where not a.is_worker_query
   and a.global_pid in (select w.blocking_gpid from pg_catalog.citus_lock_waits w
                         where w.waiting_gpid
                               = pg_catalog.citus_calculate_gpid(pg_catalog.citus_coordinator_nodeid(), $1::int))
 order by a.xact_start nulls last"""


def look(pid: str) -> Request:
    """Ask which sessions are in the way of the coordinator's process `pid` on any node: rows for `blocker_of`."""
    return Request(_ON_WORKERS, (pid,))
