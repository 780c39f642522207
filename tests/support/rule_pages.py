"""The pages of docs/rules/, one for each rule of the review, made from the records of the rules and their cases.

As a program this module writes all of them again (`make docs`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from sqlmigrate.review.rules.all_rules import RULES, SUBJECTS
from sqlmigrate.review.rules.rule import Rule

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "docs" / "rules"
CASES = ROOT / "tests" / "review" / "rules" / "cases"

_MANUAL = "https://www.postgresql.org/docs/current/"
_NEXT, _DOWN = "-- next migration\n", "-- down\n"
# Chapters of PostgreSQL's manual by their page; the page of a statement is named like the statement.
_CHAPTERS = {
    "datatype-datetime": "Date/Time Types",
    "datatype-enum": "Enumerated Types",
    "ddl-constraints": "Constraints",
    "ddl-default": "Default Values",
    "ddl-depend": "Dependency Tracking",
    "ddl-generated-columns": "Generated Columns",
    "ddl-partitioning": "Table Partitioning",
    "ddl-priv": "Privileges",
    "ddl-rowsecurity": "Row Security Policies",
    "errcodes-appendix": "Error Codes",
    "explicit-locking": "Explicit Locking",
    "functions-sequence": "Sequence Manipulation Functions",
    "logical-replication-publication": "Publication",
    "plpgsql-transactions": "Transaction Management in PL/pgSQL",
    "release": "Release Notes",
    "role-attributes": "Role Attributes",
    "routine-vacuuming": "Routine Vacuuming",
    "runtime-config-client": "Client Connection Defaults",
    "tutorial-transactions": "Transactions",
    "typeconv-func": "Type Conversion: Functions",
    "xfunc-overload": "Function Overloading",
}
_STATEMENT = re.compile(r"sql-(alter|create|drop|refresh)?(materialized)?(.+)")

_INDEX = """\
# Rules of the review

[`sqlmigrate review`](../review.md) checks new migrations by these {count} rules. The page of a rule shows a file that
has the finding, and an example of what to write instead. `sqlmigrate explain RULE` prints a page in the terminal.

The severity in the tables is the usual one. It is lower in a review that knows how large production's tables are: work
under a lock that takes less than 2 seconds there is at most a warning, and less than 0.2 seconds only a note.
"""


def pages() -> Mapping[str, str]:
    """Return the text of every page by its file name, the index included."""
    made = {"README.md": "\n".join(_index())}
    for subject, rules in SUBJECTS.items():
        made |= {f"{rule.name}.md": "\n".join(_page(rule, subject)) for rule in rules}
    return made


def _index() -> Iterator[str]:
    yield _INDEX.format(count=len(RULES))
    yield " · ".join(f"[{subject}](#{_anchor(subject)})" for subject in SUBJECTS) + "\n"
    for subject, rules in SUBJECTS.items():
        yield f"## {subject}\n"
        yield "| rule | severity | finds |\n|---|---|---|"
        yield from (f"| [{rule.name}]({rule.name}.md) | {rule.severity} | {rule.title} |" for rule in rules)
        yield ""


def _anchor(title: str) -> str:
    return title.lower().replace(" ", "-")


def _page(rule: Rule, subject: str) -> Iterator[str]:
    yield f"# {rule.name}\n"
    yield f"**{rule.severity}** · [{subject}](README.md#{_anchor(subject)})\n"
    yield f"{rule.title[:1].upper()}{rule.title[1:]}.\n"
    yield f"## Why\n\n{rule.why}\n"
    if rule.page:
        yield f"What PostgreSQL does: [{_manual_title(rule.page)}]({rule.page}) in its documentation.\n"
    if (CASES / rule.name).is_dir():
        yield from _found(rule)
    if rule.examples:
        yield "## What to write instead\n"
        for example in rule.examples:
            if example.version:
                yield f"From PostgreSQL {example.version} on:\n"
            yield f"```sql\n{example.sql.strip()}\n```\n"
    yield from _allowing(rule)


def _manual_title(page: str) -> str:
    """Return the title of a page of PostgreSQL's manual: ``ALTER TABLE``, ``Explicit Locking``."""
    name = page.removeprefix(_MANUAL).partition(".html")[0]
    if name in _CHAPTERS:
        return _CHAPTERS[name]
    words = _STATEMENT.fullmatch(name)
    assert words, f"a page without a title in {__name__}: {page}"
    return " ".join(word.upper() for word in words.groups() if word)


def _found(rule: Rule) -> Iterator[str]:
    """Return the bad case of the rule's tests: its statements, and folded the tables that they need."""
    case = CASES / rule.name
    bad = (case / "bad.sql").read_text(encoding="utf-8")
    yield "## A file with this finding\n"
    yield f"```sql\n{_shown(bad, with_down=rule in SUBJECTS['Down files']).strip()}\n```\n"
    setup = (case / "setup.sql").read_text(encoding="utf-8").strip()
    yield f"<details><summary>the tables of this example</summary>\n\n```sql\n{setup}\n```\n\n</details>\n"


def _shown(case: str, *, with_down: bool) -> str:
    """Return the migrations of a case; their down files are shown only if the rule is about them."""
    ups, count = [], case.count(_NEXT) + 1
    for number, part in enumerate(case.split(_NEXT), 1):
        up, has_down, down = part.partition(_DOWN)
        name = f"-- file {number}\n" if count > 1 else "-- up file\n" if with_down and has_down else ""
        ups.append(name + up + (f"-- down file\n{down}" if with_down and has_down else ""))
    return "".join(ups)


def _allowing(rule: Rule) -> Iterator[str]:
    yield "## How to allow it\n"
    if not rule.can_be_allowed:
        yield "It cannot be allowed: there is no case in which it is right.\n"
        return
    yield "Put this line right above the statement, or at the head of the file, with your reason in the brackets:\n"
    yield f"```sql\n-- sqlmigrate: allow {rule.name} (why)\n```\n"


def main() -> None:
    """Write every page, and remove the pages of rules that no longer exist."""
    FOLDER.mkdir(exist_ok=True)
    made = pages()
    for path in FOLDER.glob("*.md"):
        if path.name not in made:
            path.unlink()
    for name, text in made.items():
        (FOLDER / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
