"""Turns what click says about a wrong call, an unknown option or a missing argument, into an error of ours."""

from __future__ import annotations

from typing import NoReturn

import click

from sqlmigrate.errors import NOTHING_CHANGED, ConfigError
from sqlmigrate.spelling import suggestion

from .context import Context


class UnknownCommandError(click.UsageError):
    """The command is unknown. `intended` are the commands that the user most likely wanted, the best first."""

    def __init__(self, name: str, intended: list[str], context: click.Context | None) -> None:
        message = f"No such command '{name}'."
        super().__init__(
            f"{message} Did you mean {' or '.join(map(repr, intended))}?" if intended else message, context
        )
        self.name = name
        self.intended = intended


class WrongSettingError(click.BadParameter):
    """A flag has an impossible value; `fault` says which one, and `cure` what is possible."""

    def __init__(self, fault: str, cure: str) -> None:
        super().__init__(f"{fault}; {cure}")
        self.fault = fault
        self.cure = cure


def refuse(error: click.ClickException, context: Context) -> NoReturn:
    """Raise the error of a wrong call as an error of ours; programs get the sentence as click writes it."""
    called = _called(error)
    help_command = [f"{called} --help"]
    if context.flags.get("format") == "json":
        raise ConfigError(error.format_message(), next_steps=help_command)
    message, hint = _described(error)
    raise ConfigError(message, state=NOTHING_CHANGED, hint=hint or _usage(error), next_steps=help_command)


def is_help(error: click.ClickException) -> bool:
    """Tell whether the program was called without any argument, so that the help is its answer."""
    return isinstance(error, getattr(click.exceptions, "NoArgsIsHelpError", ()))  # click 8.1 has no such error


def _called(error: click.ClickException) -> str:
    return error.ctx.command_path if isinstance(error, click.UsageError) and error.ctx else "sqlmigrate"


def _described(error: click.ClickException) -> tuple[str, str | None]:
    """Return the message, and the hint if there is a better one than the usage of the command."""
    if isinstance(error, UnknownCommandError):
        return f"there is no command `{error.name}`", suggestion(error.intended)
    if isinstance(error, click.NoSuchOption):
        return f"there is no option `{error.option_name}`", suggestion(error.possibilities or ())
    if isinstance(error, click.BadOptionUsage) and not error.ctx:
        return f"{error.option_name} needs a value", None
    if isinstance(error, click.BadParameter) and error.param:
        return _wrong_value(error, error.param)
    return _plain(error.format_message()), None


def _wrong_value(error: click.BadParameter, parameter: click.Parameter) -> tuple[str, str | None]:
    name = max(parameter.opts, key=len) if isinstance(parameter, click.Option) else parameter.human_readable_name
    if isinstance(error, click.MissingParameter):
        return f"the {parameter.param_type_name} {name} is missing", None
    if isinstance(error, WrongSettingError):
        return f"{name}: {error.fault}", error.cure
    if isinstance(parameter.type, click.IntRange):
        return f"{name}: expected a whole number, {parameter.type.min} or more", None
    return f"{name}: {_plain(error.message)}", None


def _plain(sentence: str) -> str:
    return sentence[:1].lower() + sentence[1:].rstrip(".")


def _usage(error: click.ClickException) -> str | None:
    if not isinstance(error, click.UsageError) or error.ctx is None:
        return None
    return f"usage: {' '.join([error.ctx.command_path, *error.ctx.command.collect_usage_pieces(error.ctx)])}"
