"""Parts of a database URL that are needed to check it and to mask its password."""

from __future__ import annotations

import re
from collections.abc import Iterator

EMBEDDED = "embedded"  # the word that names the embedded server on the command line

HIGHEST_PORT = 65535

LOOSE_SCHEME = re.compile(r"\W*(?:jdbc:)?[\w.+-]+://")

IS_KEYWORDS = re.compile(r"\s*\w+\s*=")

SHELL_VARIABLE = re.compile(r"\s*\$\{?\w+\}?\s*")

_HOST = re.compile(r"(?P<host>\[[^\]]*\]|[^:]*)(?::(?P<port>.*))?", re.DOTALL)


def ports_of(url: str, start: int, end: int) -> Iterator[tuple[int, str]]:
    """Yield the ports of a URL's hosts, each with its offset. `start` and `end` are where the hosts are."""
    for part in url[start:end].split(","):
        host = _HOST.fullmatch(part)
        if host and host["port"]:
            yield start + host.start("port"), host["port"]
        start += len(part) + 1


def is_port(text: str) -> bool:
    """Tell whether a text is a port number."""
    return text.isdecimal() and text.isascii() and 0 < int(text) <= HIGHEST_PORT
