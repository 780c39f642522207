"""Command-line options made from settings, and the words that other tools use for our commands."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import click

from sqlmigrate.config.settings import SETTINGS, Scope, Setting

from .usage_errors import WrongSettingError


def setting_options(scopes: Collection[Scope]) -> list[click.Parameter]:
    """Return the flags of all settings that belong to one of the scopes."""
    return [_option(setting) for setting in SETTINGS.values() if setting.scope in scopes]


def _option(setting: Setting) -> click.Option:
    default = f"  [default: {setting.default}]" if setting.default else ""
    if setting.kind == "switch":
        return click.Option([setting.flag], is_flag=True, flag_value="yes", help=f"{setting.meaning}.{default}")
    if setting.kind == "list":
        return click.Option(
            [setting.flag], multiple=True, metavar=setting.placeholder, help=f"{setting.meaning}.", callback=_joined
        )
    return click.Option(
        [setting.flag],
        type=_type(setting),
        metavar=None if setting.choices else setting.placeholder,
        help=f"{setting.meaning}.{default}",
        callback=_check,
    )


def _type(setting: Setting) -> click.ParamType[Any]:
    if setting.choices:
        return click.Choice(setting.choices)
    return click.Path() if setting.kind == "path" else click.STRING  # shells complete a path


def _check(_context: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
    if value is not None and (fault := SETTINGS[str(parameter.name)].fault(value)):
        raise WrongSettingError(*fault)
    return value


def _joined(context: click.Context, parameter: click.Parameter, value: tuple[str, ...]) -> str | None:
    """Return the values of a list, which may be given several times, as the settings have them: one a line."""
    return _check(context, parameter, "\n".join(value)) if value else None


def given_settings(parameters: dict[str, Any]) -> dict[str, str]:
    """Return the settings among a command's parameters that the user has set by a flag."""
    return {name: value for name, value in parameters.items() if name in SETTINGS and value is not None}


# What other tools call our commands. Spelling alone would lead astray: `create` is spelled most like `migrate`.
WORDS_OF_OTHER_TOOLS = {
    "up": "migrate apply deploy upgrade run sync update execute",
    "down": "rollback undo revert downgrade back",
    "create": "new add generate make revision init",
    "status": "info list ls show current pending",
    "review": "lint check analyze",
    "verify": "lint check validate",
    "log": "history",
    "repair": "resolve fix",
    "baseline": "stamp fake",
    "adopt": "import convert takeover",
    "reset": "redo refresh fresh",
    "--help": "help",
}
