"""Puts migrations of a folder into one squashed migration by hand, and their files into the archive."""

from __future__ import annotations

from pathlib import Path

from sqlmigrate.files.folder import load
from sqlmigrate.files.migration import Migration


def squash(folder: Path, last: str, name: str = "squashed_core") -> str:
    """Replace the migrations up to the version `last` by one that executes their texts; gives its label."""
    replaced = [each for each in load(folder) if each.number <= int(last)]
    label = f"{replaced[-1].version}_{name}"
    lines = [f"-- sqlmigrate: replaces {_first(replaced[0])}-{replaced[-1].version}"]
    width = max(len(each.label) for each in replaced)
    lines += [f"--   {each.label:<{width}}   {each.checksum[:16]}" for each in replaced]
    downs = [_body(each.down.text) for each in reversed(replaced) if each.down]
    texts = {f"{label}.up.sql": "\n".join([*lines, *(_body(each.up.text) for each in replaced)])}
    texts |= {f"{label}.down.sql": "\n".join(downs)} if downs else {}
    archive = folder / "squashed"
    archive.mkdir(exist_ok=True)
    for each in replaced:
        for path in folder.glob(f"{each.label}.*.sql"):
            path.rename(archive / path.name)
    for path, text in texts.items():
        (folder / path).write_text(text + "\n", encoding="utf-8")
    return label


def _first(migration: Migration) -> str:
    return migration.replaces.first if migration.replaces else migration.version


def _body(text: str) -> str:
    """Return the SQL of a file, without its directives: each statement of these is one line."""
    return "\n".join(line for line in text.splitlines() if line and not line.startswith("--"))
