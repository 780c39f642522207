"""The run's lock, held by another session, as another run would."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from project import Project

from sqlmigrate.database import run_lock


@contextmanager
def held(project: Project, history: str = "public.migrations", name: str = "deploy 7") -> Iterator[int]:
    """Hold the run's lock in another session, and yield the number of its server process."""
    with psycopg.connect(project.url, autocommit=True, application_name=name) as conn:
        conn.execute("select pg_advisory_lock(%s)", [run_lock.lock_key(history)])
        yield conn.info.backend_pid
