"""Stored refusals: inputs, each with the whole message that it must get.

In a file, each one is a line `══ name`, the input, a line `──`, and the message, which was written by hand.
"""

from __future__ import annotations

from pathlib import Path

FOLDER = Path(__file__).parent / "refusals"


def stored(name: str) -> dict[str, tuple[str, str]]:
    """Return the input and the message of each refusal in a file, by its name."""
    text = (FOLDER / f"{name}.txt").read_text(encoding="utf-8")
    found = {}
    for block in text.split("══ ")[1:]:
        title, _, rest = block.partition("\n")
        done, _, message = rest.partition("──\n")
        assert title not in found, title
        found[title] = done, message.rstrip("\n")
    return found
