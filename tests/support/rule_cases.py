"""The case of each rule in `tests/review/rules/cases/`: the tables before it, a bad file and a good one."""

from __future__ import annotations

from pathlib import Path

from sqlmigrate.files.migration import Migration
from sqlmigrate.source import Source

CASES = Path(__file__).parents[1] / "review" / "rules" / "cases"
NAMES = sorted(path.name for path in CASES.iterdir())


def migrations(text: str, first: int) -> tuple[Migration, ...]:
    """Read the migrations of a case: separated by `-- next migration`, each with its down file after `-- down`."""
    found = []
    for number, part in enumerate(text.split("-- next migration\n"), start=first):
        up, is_there, down = part.partition("-- down\n")
        sources = [Source(f"sql/{number:03}_case.{way}.sql", each) for way, each in (("up", up), ("down", down))]
        found.append(Migration(f"{number:03}", "case", sources[0], sources[1] if is_there else None))
    return tuple(found)


def of_rule(name: str, case: str) -> tuple[tuple[Migration, ...], tuple[Migration, ...]]:
    """Return the migrations that create the tables of a rule, and those of its bad or good case."""
    setup = migrations((CASES / name / "setup.sql").read_text(encoding="utf-8"), 1)
    return setup, migrations((CASES / name / f"{case}.sql").read_text(encoding="utf-8"), len(setup) + 1)
