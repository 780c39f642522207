"""Reads libpq's ``options``: what the URL, PGOPTIONS or a service file asks the server for when we connect.

https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNECT-OPTIONS
"""

from __future__ import annotations

import re

# Words as PostgreSQL cuts them: at white space, a backslash quotes the next character.
_WORD = re.compile(r"(?:\\.|[^\s\\])+", re.DOTALL)
_SETTING = re.compile(r"(?:-c|--)(?P<name>[\w.-]+)=(?P<value>.*)", re.DOTALL)


def asked_for(options: str) -> dict[str, str]:
    """Return the settings in libpq's ``options``, each with the value that is asked for; the last one counts."""
    words = [re.sub(r"\\(.)", r"\1", word, flags=re.DOTALL) for word in _WORD.findall(options)]
    joined = re.sub("\0-c\0", "\0-c", "\0" + "\0".join(words)).split("\0")
    found = filter(None, map(_SETTING.fullmatch, joined))
    return {each["name"].replace("-", "_").lower(): each["value"] for each in found}
