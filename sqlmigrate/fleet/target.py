"""One database, or one schema of a database, of a fleet."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import cached_property

from psycopg.conninfo import conninfo_to_dict, make_conninfo

from sqlmigrate.errors import NOTHING_EXECUTED, ConfigError
from sqlmigrate.spelling import nearest_pattern, suggestion

CANARY = "canary"  # the tag of those that are executed first
# With these another server, or another role, is named: the password of the base is not sent there.
_OF_A_PASSWORD = ("host", "hostaddr", "user")
_PASSWORDS = ("password", "passfile", "sslpassword")


@dataclass(frozen=True)
class Target:
    """One database, or one schema of a database.

    Attributes:
        name: What screens call it.
        url: The database, as libpq reads it: a URL or keywords; libpq's variables name what is missing.
        schema: The schema that files are executed in, which has the history too; None for the whole database.
        tags: Words that choose targets: ``canary`` is executed first.
    """

    name: str
    url: str = field(repr=False)
    schema: str | None = None
    tags: tuple[str, ...] = ()

    def has_tag(self, tag: str) -> bool:
        """Tell whether the target has a tag; capital letters and small ones are the same."""
        return tag.casefold() in map(str.casefold, self.tags)

    @cached_property
    def server(self) -> tuple[str, ...]:
        """What tells one server from another: host and port."""
        named = conninfo_to_dict(self.url)
        return tuple(str(named.get(each) or "") for each in ("service", "host", "hostaddr", "port"))

    @cached_property
    def database(self) -> tuple[str, ...]:
        """What tells one database from another, on whatever server."""
        named = conninfo_to_dict(self.url)
        return (*self.server, str(named.get("dbname") or named.get("user") or ""))


def completed(base: str, own: Mapping[str, str]) -> str:
    """Return libpq's keywords of a target: its own, and those of `base` for what it does not name.

    The password of the base is for the host and the role of the base only. A target that names a service takes nothing
    from the base: the service file names the rest.
    """
    if "service" in own:
        return make_conninfo(**own)
    inherited = {name: str(value) for name, value in conninfo_to_dict(base).items() if value is not None}
    if "host" in own and "hostaddr" not in own:
        inherited.pop("hostaddr", None)
    if any(name in own and own[name] != inherited.get(name) for name in _OF_A_PASSWORD):
        for name in _PASSWORDS:
            inherited.pop(name, None)
    return make_conninfo(**{**inherited, **own})


def names_database(url: str) -> bool:
    """Tell whether a database is named, by itself or by a service; otherwise libpq takes the one named as the role."""
    named = conninfo_to_dict(url)
    return bool(named.get("dbname") or named.get("service"))


def require_different(targets: Sequence[Target]) -> None:
    """Raise `ConfigError` if two targets have one name, or are the same database and schema."""
    names: set[str] = set()
    places: dict[tuple[object, ...], str] = {}
    for each in targets:
        if each.name in names:
            raise ConfigError(f"two targets are called `{each.name}`", state=NOTHING_EXECUTED)
        names.add(each.name)
        place = (*each.database, each.schema)
        if place in places:
            what = f"schema {each.schema} of the same database" if each.schema else "same database"
            raise ConfigError(
                f"`{places[place]}` and `{each.name}` are the {what}",
                state=NOTHING_EXECUTED,
                hint="remove one of them: its migrations would be executed by two runs",
            )
        places[place] = each.name


def chosen(targets: Sequence[Target], only: Sequence[str], skip: Sequence[str]) -> tuple[Target, ...]:
    """Return the targets that match one of `only`, if there is any, and none of `skip`.

    Each is a name, a name with ``*``, or a tag: ``@eu``. Raises `ConfigError` for one that matches no target.
    """
    for each in (*only, *skip):
        if not any(_is_named(target, each) for target in targets):
            names = [target.name for target in targets]
            tags = sorted({f"@{tag}" for target in targets for tag in target.tags})
            raise ConfigError(
                f"no target matches `{each}`",
                state=NOTHING_EXECUTED,
                hint=suggestion(nearest_pattern(each, [*names, *tags])) or "a name, a name with `*`, or a tag: @canary",
            )
    kept = [target for target in targets if not only or _matches(target, only)]
    return tuple(target for target in kept if not _matches(target, skip))


def _matches(target: Target, patterns: Iterable[str]) -> bool:
    return any(_is_named(target, each) for each in patterns)


def _is_named(target: Target, pattern: str) -> bool:
    if pattern.startswith("@"):
        return target.has_tag(pattern[1:])
    return fnmatchcase(target.name, pattern)
