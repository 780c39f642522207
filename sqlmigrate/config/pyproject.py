"""Reads the settings in `[tool.sqlmigrate]` of `pyproject.toml`."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from sqlmigrate.errors import ConfigError
from sqlmigrate.spelling import did_you_mean

from .settings import IN_FILE, Value


def of_project(directory: Path) -> dict[str, Value]:
    """Read the settings of the `pyproject.toml` of a folder, or of the next above it.

    Raises `ConfigError` for a setting that nobody knows, or that cannot be meant.
    """
    for folder in (directory, *directory.parents):
        path = folder / "pyproject.toml"
        if path.is_file():
            return _table(path)
    return {}


def _table(path: Path) -> dict[str, Value]:
    try:
        text = path.read_text(encoding="utf-8")
        table = _parsed(text) if "sqlmigrate" in text else {}
    except (OSError, ValueError) as error:  # not UTF-8, not TOML
        raise ConfigError(f"{path} cannot be read: {error}") from None
    if not isinstance(table, dict):
        raise ConfigError(f"{path}: [tool.sqlmigrate] is not a table", hint='[tool.sqlmigrate]: table = "…"')
    found = {name: Value(_text(path, name, value), _place(path, text, name)) for name, value in table.items()}
    for name, value in found.items():
        IN_FILE[name].check(value)
    if "directory" in found and path.parent != Path.cwd():
        found["directory"] = Value(str(path.parent / found["directory"].text), found["directory"].where)
    return found


def _parsed(text: str) -> Any:
    import tomllib  # noqa: PLC0415 - few projects have settings

    tool = tomllib.loads(text).get("tool", {})
    return tool.get("sqlmigrate", {}) if isinstance(tool, dict) else tool


def _text(path: Path, name: str, value: Any) -> str:
    if name not in IN_FILE:
        raise _unknown(path, name)
    is_number = IN_FILE[name].kind == "number"
    if is_number and isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, str):
        return value
    kind = "a whole number" if is_number else "a text in quotes"
    raise ConfigError(f"{path}: `{name}` of [tool.sqlmigrate] must be {kind}", hint=IN_FILE[name].key)


def _place(path: Path, text: str, name: str) -> str:
    """Say where a setting stands in a file; the line itself is not shown, a neighbour of it may be a secret."""
    start = re.search(r"^\s*\[\s*tool\s*\.\s*[\"']?sqlmigrate[\"']?\s*\]", text, re.MULTILINE)
    key = re.compile(rf"^[ \t]*[\"']?{name}[\"']?[ \t]*=", re.MULTILINE).search(text, start.end()) if start else None
    return f"{path}:{text.count(chr(10), 0, key.start()) + 1}: {name}" if key else f"{path}: {name}"


def _unknown(path: Path, name: str) -> ConfigError:
    if "url" in name or "password" in name:
        hint = "a database is named by --database-url or DATABASE_URL, never in a file that is committed"
    else:
        hint = did_you_mean(name, IN_FILE) or f"known are: {', '.join(IN_FILE)}"
    return ConfigError(f"{path}: unknown setting `{name}` in [tool.sqlmigrate]", hint=hint)
