"""A pooler between us and the server, and whether it gives our session to others between transactions.

PgBouncer in transaction mode grants a session's advisory lock to two clients at once and strands it
(https://www.pgbouncer.org/features.html), so there nothing of a session is used, and what needs one is refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack, closing

from .database import Request, Server, Session
from .errors import ServerError
from .plan import Step

_PROBES = 5


def is_between(session: Session, server: Server) -> bool:
    """Tell whether a pooler answers in the server's place: the process that it named is not the one that executes."""
    return session.pid != server.pid


def shares_sessions(session: Session, server: Server) -> bool:
    """Tell whether the pooler lends our server process to others while no transaction of ours is open.

    A few more connections each hold a transaction open: a pooler that shares puts one of them on our process, or puts
    us on another one.
    """
    with ExitStack() as stack:
        for _ in range(_PROBES):
            probe = stack.enter_context(closing(Session(session.url)))
            _, ((pid,),) = probe.ask(Request("begin"), _PID)
            if pid == str(server.pid):
                return True
        ((pid,),) = session.ask(_PID)[0]
        return pid != str(server.pid)


_PID = Request("select pg_catalog.pg_backend_pid()::text")


def refuse_without_transaction(steps: Sequence[Step]) -> None:
    """Raise `ServerError` where a step runs without a transaction, which needs a session of its own."""
    for step in steps:
        if step.script.mode == "statements":
            raise ServerError(
                f"{step.label} runs without a transaction, and the pooler in between shares sessions: "
                "its lock and its settings would be somebody else's",
                detail=["nothing was executed by this run"],
                hint="execute it over a direct connection to the server, past the pooler: another host or port",
            )
