"""The documents: README and its kin, `docs/`; and the parts of them that are copies: screens, files, one table.

A copy is a fenced block right below a mark, ``<!-- copy of tests/output/screens/status.console -->``. The table of the
settings is below ``<!-- table of settings -->``. As a program this module writes all of them again (`make docs`).
"""

from __future__ import annotations

import re
from pathlib import Path

from sqlmigrate.config.settings import markdown_table

ROOT = Path(__file__).parents[2]
_TOP = ("README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md")
_MARK = "<!-- copy of {} -->"
_COPY = re.compile(r"^<!-- copy of (?P<path>\S+) -->\n(?P<fence>```\w*\n)(?P<text>.*?)^```$", re.DOTALL | re.MULTILINE)
_TABLE = re.compile(r"^<!-- table of settings -->\n(?:\|.*\n)*", re.MULTILINE)


def documents() -> list[Path]:
    """Return the Markdown files of the project, README first."""
    return [*(ROOT / name for name in _TOP), *sorted((ROOT / "docs").rglob("*.md"))]


def shows(screen: str) -> bool:
    """Tell whether a document shows a whole screen."""
    block = f"```console\n{screen.rstrip()}\n```\n"
    return any(block in path.read_text(encoding="utf-8") for path in documents())


def with_fresh_copies(document: str) -> str:
    """Return the text of a document with every copy as its file is now, and the settings as they are."""
    table = f"<!-- table of settings -->\n{markdown_table()}"
    return _TABLE.sub(lambda _: table, _COPY.sub(_fresh, document))


def _fresh(match: re.Match[str]) -> str:
    text = (ROOT / match["path"]).read_text(encoding="utf-8").rstrip("\n")
    return f"{_MARK.format(match['path'])}\n{match['fence']}{text}\n```"


def main() -> None:
    """Write the copies in every document that has one."""
    for path in documents():
        text = path.read_text(encoding="utf-8")
        fresh = with_fresh_copies(text)
        if fresh != text:
            path.write_text(fresh, encoding="utf-8")


if __name__ == "__main__":
    main()
