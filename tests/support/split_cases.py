"""The cases of tests/parsing/splits/, read as its README.md describes them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parents[1] / "parsing" / "splits"
_UNSEEN = str.maketrans({"␀": "\0", "␍": "\r", "␋": "\v", "␌": "\f", "␂": "\ufeff", "␣": "\u00a0", "␤": "\u2028"})
_MARK = re.compile("[⟦⟧⟪⟫]")


@dataclass(frozen=True)
class Refusal:
    line: int
    column: int
    at: str
    message: str
    hint: str


@dataclass(frozen=True)
class Case:
    """A text, the offsets of its statements and of their data, and its refusal, if it is refused."""

    name: str
    text: str
    cuts: tuple[tuple[int, int, tuple[int, int] | None], ...]
    refusal: Refusal | None


def read(path: Path) -> Case:
    marked, below = path.read_bytes().decode().split("────\n")
    marked = marked.split("␄")[0].translate(_UNSEEN)
    return Case(path.stem, _MARK.sub("", marked), _cuts(marked), _refusal(below))


def _cuts(marked: str) -> tuple[tuple[int, int, tuple[int, int] | None], ...]:
    places: dict[str, list[int]] = {mark: [] for mark in "⟦⟧⟪⟫"}
    for before, mark in enumerate(_MARK.finditer(marked)):
        places[mark.group()].append(mark.start() - before)
    data = list(zip(places["⟪"], places["⟫"], strict=True))
    cuts = list(zip(places["⟦"], places["⟧"], strict=True))
    nexts = [start for start, _ in cuts[1:]] + [len(marked)]
    return tuple(
        (start, end, next((block for block in data if end < block[0] <= follower), None))
        for (start, end), follower in zip(cuts, nexts, strict=False)
    )


def _refusal(below: str) -> Refusal | None:
    found = re.search(r"^refused (\d+):(\d+) (.+)\nmessage (.+)\nhint    (.+)\n\Z", below, re.MULTILINE)
    if not found:
        assert "refused " not in below
        return None
    line, column, at, message, hint = found.groups()
    return Refusal(int(line), int(column), at.translate(_UNSEEN), message, hint)


CASES = [read(path) for path in sorted(FOLDER.glob("*.sql"))]
