"""The tools, in the order in which they are looked for."""

from __future__ import annotations

from .alembic import ALEMBIC
from .atlas import ATLAS
from .dbmate import DBMATE
from .diesel import DIESEL
from .flyway import FLYWAY
from .golang_migrate import GOLANG_MIGRATE
from .goose import GOOSE
from .graphile_migrate import GRAPHILE_MIGRATE
from .in_code import DJANGO, RAILS
from .liquibase import LIQUIBASE
from .morph import MORPH
from .node_pg_migrate import NODE_PG_MIGRATE
from .refinery import REFINERY
from .sqitch import SQITCH
from .sql_migrate import SQL_MIGRATE
from .sqlx import SQLX
from .supabase import SUPABASE
from .tern import TERN
from .tool import Tool
from .yoyo import YOYO

TOOLS: tuple[Tool, ...] = (
    DBMATE,
    GOLANG_MIGRATE,
    SQLX,
    MORPH,
    GOOSE,
    SQL_MIGRATE,
    TERN,
    SUPABASE,
    REFINERY,
    FLYWAY,
    LIQUIBASE,
    ATLAS,
    NODE_PG_MIGRATE,
    GRAPHILE_MIGRATE,
    YOYO,
    SQITCH,
    ALEMBIC,
    DIESEL,
    RAILS,
    DJANGO,
)


def tool_named(name: str) -> Tool | None:
    """Return the tool of that name, in any case of letters."""
    return next((tool for tool in TOOLS if tool.name.lower() == name.lower()), None)
