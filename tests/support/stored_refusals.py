"""Stored refusals: what was done, and the whole message that it must get, one after the other in a file.

Each begins with a line `══ name`, then what was done, a line `──`, and the message, designed by hand.
"""

from __future__ import annotations

from pathlib import Path

FOLDER = Path(__file__).parent / "refusals"


def stored(name: str) -> dict[str, tuple[str, str]]:
    """Give what was done and the message, of each refusal in a file, by its name."""
    text = (FOLDER / f"{name}.txt").read_text(encoding="utf-8")
    found = {}
    for block in text.split("══ ")[1:]:
        title, _, rest = block.partition("\n")
        done, _, message = rest.partition("──\n")
        assert title not in found, title
        found[title] = done, message.rstrip("\n")
    return found
