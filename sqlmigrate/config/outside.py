"""The door for values from outside: flags, environment variables, the project's file.

White space around a value is never intended: an editor or a secret store has added it. Where we read the value
ourselves, it is removed. Where libpq reads it, the value is refused by its name.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from sqlmigrate.errors import NOTHING_EXECUTED, ConfigError

_AROUND = " \t\r\n\v\f\0\u00a0\u200b\u2060\ufeff"
_NAMES = {
    "\r": "a carriage return", "\n": "a line break", "\t": "a tab", " ": "a space", "\ufeff": "a byte order mark",
    "\u00a0": "a no-break space", "\u200b": "a zero-width space",
}  # fmt: skip
_INSIDE = re.compile(r"[\x00-\x1f\x7f\u200b\u2060\ufeff]")
# Those that libpq reads itself and that cannot end with white space; a password may end with a space.
# https://www.postgresql.org/docs/current/libpq-envars.html
_OF_LIBPQ = (
    "PGHOST", "PGHOSTADDR", "PGPORT", "PGDATABASE", "PGUSER", "PGPASSWORD", "PGPASSFILE", "PGSERVICE", "PGSERVICEFILE",
    "PGOPTIONS", "PGSSLMODE", "PGSSLROOTCERT", "PGSSLCERT", "PGSSLKEY", "PGCONNECT_TIMEOUT", "PGTARGETSESSIONATTRS",
)  # fmt: skip


def trimmed(text: str) -> str:
    """Return a value without the white space and the invisible characters around it."""
    return text.strip(_AROUND)


def read(text: str, where: str, *, may_be_quoted: bool = False) -> str:
    """Return a value without white space around it; refuses quotes and control characters with the place `where`.

    A value that `may_be_quoted` is an SQL identifier, which may contain any character inside its quotes. Raises
    `ConfigError`.
    """
    value = trimmed(text)
    if not (may_be_quoted and '"' in value) and (found := _INSIDE.search(value)):
        raise _refused(f"{where} has {_name(found[0])} in it, after {found.start()} characters", "write it as one line")
    if not may_be_quoted and len(value) > 1 and value[0] == value[-1] and value[0] in "\"'":
        raise _refused(f"{where} is in quotes, and they are part of the value", "remove the quotes")
    return value


def check_libpq(environment: Mapping[str, str]) -> None:
    """Raise `ConfigError` for a variable that libpq reads, with white space or an invisible character at its ends."""
    for name in _OF_LIBPQ:
        value = environment.get(name, "")
        around = _AROUND.replace(" ", "") if name == "PGPASSWORD" else _AROUND
        if value.strip(around) == value:
            continue
        side, character = ("ends", value[-1]) if value[-1] in around else ("begins", value[0])
        raise _refused(f"{name} {side} with {_name(character)}", f"set {name} again without it")


def _name(character: str) -> str:
    return _NAMES.get(character, f"the character U+{ord(character):04X}")


def _refused(message: str, hint: str) -> ConfigError:
    return ConfigError(message, state=NOTHING_EXECUTED, hint=hint)
