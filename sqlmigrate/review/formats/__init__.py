"""The formats of a review: one function from `Review` to text for each, loaded on first use."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from types import MappingProxyType
from typing import cast

from sqlmigrate.review.results import Review

Draw = Callable[[Review], str]


def _lazily(name: str) -> Draw:
    """Return a function that loads a module on its first call and calls its `draw`."""

    def draw(review: Review) -> str:
        return cast("Draw", import_module(f".{name}", __name__).draw)(review)

    return draw


FORMATS: Mapping[str, Draw] = MappingProxyType(
    {
        "text": _lazily("text"),
        "markdown": _lazily("markdown"),
        "json": _lazily("json"),
        "sarif": _lazily("sarif"),
        "github": _lazily("github"),
        "gitlab": _lazily("gitlab"),
        "html": _lazily("html"),
    }
)
