"""The tools, in the order in which they are looked for."""

from __future__ import annotations

from .dbmate import DBMATE
from .flyway import FLYWAY
from .golang_migrate import GOLANG_MIGRATE
from .goose import GOOSE
from .morph import MORPH
from .sql_migrate import SQL_MIGRATE
from .sqlx import SQLX
from .tool import Tool

TOOLS: tuple[Tool, ...] = (
    DBMATE,
    GOLANG_MIGRATE,
    SQLX,
    MORPH,
    GOOSE,
    SQL_MIGRATE,
    FLYWAY,
)


def tool_named(name: str) -> Tool | None:
    """Return the tool of that name, in any case of letters."""
    return next((tool for tool in TOOLS if tool.name.lower() == name.lower()), None)
