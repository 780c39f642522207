"""Whole pull requests, each with everything that is found in it: no finding is missing, and none is too many.

Each file in pull_requests/ begins with a sentence, and has the merged migration below ``-- base``, the new ones below
``-- up NAME`` and ``-- down NAME``, and the findings below ``-- found``: the file with its line (further lines behind a
``+``), ``allowed`` if the file allows it, severity, rule and message. A part ``-- found before 17`` holds for older
servers.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from sqlmigrate.files.migration import Migration
from sqlmigrate.review import pipeline
from sqlmigrate.review.new.subjects import Subjects
from sqlmigrate.review.results import Review
from sqlmigrate.review.rules.rule import Finding
from sqlmigrate.shadow import databases
from sqlmigrate.source import Source, Span

FOLDER = Path(__file__).parent / "pull_requests"
PARTS = re.compile(r"^-- (base|up|down|found)\b(.*)$", re.MULTILINE)


@dataclass(frozen=True)
class PullRequest:
    """One file: the migrations, and what is found from which version of the server on, the newest first."""

    base: Migration
    new: tuple[Migration, ...]
    found: tuple[tuple[int, list[str]], ...]

    def expected(self, major: int) -> list[str]:
        return next(lines for before, lines in self.found if not before or major < before)


def migration(version: int, name: str, up: str, down: str | None = None) -> Migration:
    label = f"sql/{version:03}_{name}"
    back = None if down is None else Source(f"{label}.down.sql", down)
    return Migration(f"{version:03}", name, Source(f"{label}.up.sql", up), back)


def read(path: Path) -> PullRequest:
    _, *texts = PARTS.split(path.read_text(encoding="utf-8"))
    thirds = zip(texts[::3], texts[1::3], texts[2::3], strict=True)
    parts = [(kind, rest.strip(), text.lstrip("\n")) for kind, rest, text in thirds]
    ups = [(name, text) for kind, name, text in parts if kind == "up"]
    downs = {name: text for kind, name, text in parts if kind == "down"}
    found = [
        (int(rest.removeprefix("before ") or 0), [line[3:] for line in text.splitlines() if line.startswith("-- ")])
        for kind, rest, text in parts
        if kind == "found"
    ]
    return PullRequest(
        migration(1, "base", next((text for kind, _, text in parts if kind == "base"), "")),
        tuple(migration(number, name, text, downs.get(name)) for number, (name, text) in enumerate(ups, start=2)),
        tuple(sorted(found, key=lambda each: each[0] or 100)),
    )


PULL_REQUESTS = {path.stem: read(path) for path in sorted(FOLDER.glob("*.sql"))}


def told(review: Review) -> Iterator[str]:
    for one in review.migrations:
        for each in one.findings:
            allowed = "allowed " if each.allowed else ""
            yield f"{place(each)} {allowed}{each.severity} {each.rule.name}: {each.message}"


def place(finding: Finding) -> str:
    name = Path(finding.path).name.removesuffix(".sql").replace("_", ".", 1)
    version, direction = name.split(".")[0], name.split(".")[-1]
    lines = "+".join(str(line(each)) for each in (finding.span, *finding.places) if each)
    return f"{version}.{direction}:{lines}"


def line(span: Span) -> int:
    return span.source.text.count("\n", 0, span.start) + 1


@pytest.mark.sampled(4)
@pytest.mark.parametrize("name", PULL_REQUESTS)
def test_a_pull_request_has_these_findings(name: str, server: databases.Shadow) -> None:
    """Each finding, at its line, with its severity and its words."""
    one = PULL_REQUESTS[name]

    review = pipeline.review_on(
        server, Subjects("main", (one.base,), one.new, is_merged=True), pipeline.Settings(Path(), limit=5.0)
    )

    assert list(told(review)) == one.expected(server.version // 10_000)
    severities = [each.split()[1] for each in one.expected(server.version // 10_000)]
    assert pipeline.has_failed(review, "danger") == ("danger" in severities)
