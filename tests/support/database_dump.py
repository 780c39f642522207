"""What is in a database, as text, by PostgreSQL's own programs: two texts are equal where two databases are."""

from __future__ import annotations

import re

import children
from postgres_servers import Server
from psycopg.conninfo import conninfo_to_dict

# The keys that psql's \restrict gets, new at every dump; and our history, which is not what is compared.
_VARYING = re.compile(r"^(\\(un)?restrict .*|-- Dumped .*)\n", re.MULTILINE)
_HISTORY = "--exclude-table=public.migrations*"


def schema(server: Server, url: str) -> str:
    """Everything that is defined there, our history left out: tables, functions, rights, comments, settings."""
    return _dumped(server, url, "--schema-only")


def everything(server: Server, url: str) -> str:
    """The same, and every row."""
    return _dumped(server, url)


def roles(server: Server) -> str:
    """The roles of a server, with what they are members of."""
    text = _ended(server, "pg_dumpall", "--roles-only", "--no-role-passwords", f"--dbname={server.url()}")
    return _VARYING.sub("", text)


def run_by_psql(server: Server, url: str, script: str) -> None:
    """Let psql execute a script, up to the first error."""
    _ended(server, "psql", "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", f"--dbname={url}", given=script)


def dump(server: Server, url: str) -> str:
    """What `pg_dump` writes, letter for letter: a script that fills an empty database."""
    return _ended(server, "pg_dump", _HISTORY, f"--dbname={url}")


def _dumped(server: Server, url: str, *options: str) -> str:
    name = str(conninfo_to_dict(url)["dbname"])
    text = _ended(server, "pg_dump", "--create", "--encoding=UTF8", _HISTORY, *options, f"--dbname={url}")
    return re.sub(rf"\b{name}\b", "THE_DATABASE", _VARYING.sub("", text))


def _ended(server: Server, program: str, *arguments: str, given: str = "") -> str:
    path = server.cluster.program(program)
    ended = children.run(
        [path, *arguments], input=given, capture_output=True, encoding="utf-8", errors="replace",
    )  # fmt: skip
    assert ended.returncode == 0, f"{program}: {ended.stderr}"
    return ended.stdout
