"""What each action of `fleet` does with the targets of a call."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from sqlmigrate.cli.commands import require_some
from sqlmigrate.cli.context import EXIT_ATTENTION, EXIT_FAILED, Context, NotConfirmedError
from sqlmigrate.errors import NOTHING_EXECUTED, ConfigError, ConnectError, gather
from sqlmigrate.files import folder
from sqlmigrate.files.migration import Folder, remembering
from sqlmigrate.plan.plan import Planned, Selection
from sqlmigrate.plan.up import faults_of
from sqlmigrate.spelling import plural

from . import formats, html, inspection, screens
from .inspection import Standing
from .look import Order, require_own_histories
from .pages import write
from .policy import FleetPolicy
from .pool import each
from .report import FleetReport
from .results import SETTLED, Summary, grouped
from .run import CANARY, FleetRun
from .target import Target
from .typed import Option, as_command, next_line

_T = TypeVar("_T")


@dataclass(frozen=True)
class Call:
    """One call of the command.

    Attributes:
        context: The settings, and what shows the results.
        action: ``status``, ``up``, ``down``, ``verify`` or ``drift``.
        targets: The targets.
        migrations: The folder.
        options: The options of the command, by their names.
        typed: The options as they were typed.
        foreign: The options that an action does not have.
    """

    context: Context
    action: str
    targets: tuple[Target, ...]
    migrations: Folder
    options: dict[str, Any]
    typed: tuple[Option, ...]
    foreign: Mapping[str, frozenset[str]]

    @property
    def table(self) -> str:
        """The history table."""
        return self.context.config.table

    def again(self, action: str, without: Collection[str] = ()) -> str:
        """Return the command that does something with the same targets: the options are those of this call.

        A page of this call stays: another action does not write it.
        """
        others = {*self.foreign[action], "outputs"} if action != self.action else set()
        return as_command(action, self.typed, {*others, *without})

    def for_page(self, again: str) -> html.Call:
        """What a page says of the call; `again` is the next command."""
        return html.Call(self.again(self.action), self.context.report.directory, self.context.now, again)

    def ask_each(self, ask: Callable[[Target], _T], tell: Callable[[Target, _T], None] | None = None) -> dict[str, _T]:
        """Ask each target, several at once; `tell` gets each answer when it is there. Gives them by name, in order."""
        found: dict[str, _T] = {}
        for target, answer in each(self.targets, ask, self.options["jobs"], self.options["per_server"]):
            found[target.name] = answer
            if tell:
                tell(target, answer)
        return {target.name: found[target.name] for target in self.targets}


def work(call: Call) -> int:
    """Do what a call asks for, and return the exit code."""
    require_own_histories(call.targets, call.table)
    call = replace(call, migrations=remembering(call.migrations))
    actions = {"status": _status, "verify": _verify, "drift": _drift}
    return actions.get(call.action, _execute)(call)


# -- up and down -------------------------------------------------------------------------------------------------------


def _execute(call: Call) -> int:
    context, options = call.context, call.options
    order = _order(call)
    if order.direction == "up":
        require_some(context, order.migrations)
    if options["ask"]:
        context.require_terminal(yes=False, without="leave out --ask")
    _require_one_choice_of_canaries(call)
    is_asked = order.direction == "down" and not order.is_dry_run and not options["yes"]
    if is_asked:
        context.require_terminal(yes=False)
    policy = FleetPolicy(
        options["jobs"],
        options["per_server"],
        options["max_failures"] or "1",
        options["canary"] or 0,
        is_strict=options["strict"],
    )
    run = FleetRun(
        call.targets,
        order,
        policy,
        (lambda summary: _goes_on(context, summary)) if options["ask"] else None,
        (lambda summary: _confirm_undoing(context, summary)) if is_asked else None,
    )
    report = FleetReport(context.report, run.summary, order, is_verbose=options["verbose"])
    try:
        for target, event in run.events():
            report.tell(target, event)
    except KeyboardInterrupt:
        context.is_interruption_told = True
        try:
            report.interrupted()
            for target, event in run.stopped():
                report.tell(target, event)
            _ended(call, order, report, run.summary)
        except KeyboardInterrupt:
            report.left()
            raise
        raise
    _ended(call, order, report, run.summary)
    return run.summary.exit_code


def _require_one_choice_of_canaries(call: Call) -> None:
    tagged = [target.name for target in call.targets if CANARY in target.tags]
    if tagged and call.options["canary"] is not None:
        raise ConfigError(
            f"--canary contradicts the tag @{CANARY}, which {screens.names_in_short(tagged)} "
            f"ha{'s' if len(tagged) == 1 else 've'}",
            state=NOTHING_EXECUTED,
            hint="leave out --canary, or remove the tags",
        )


def _ended(call: Call, order: Order, report: FleetReport, summary: Summary) -> None:
    again = _next(call, order, summary)
    report.ended(again)
    if call.options["outputs"]:
        write(call.options["outputs"], html.run_page(summary, order, call.for_page(again)))


def _order(call: Call) -> Order:
    context, options = call.context, call.options
    is_up = call.action == "up"
    steps = options["steps"]
    if not is_up and not (steps or options["to"] or options["all"]):
        steps = 1
    selection = Selection(
        options["to"],
        steps,
        options["all"],
        out_of_order=options["out_of_order"],
        into_existing=is_up and context.config.into_existing,
    )
    return Order(
        "up" if is_up else "down",
        call.migrations,
        selection,
        call.table,
        context.limits,
        context.drift,
        is_dry_run=options["dry_run"],
    )


def _next(call: Call, order: Order, summary: Summary) -> str:
    """Return the command to go on with; empty if there is nothing to do.

    A dry run is followed by the run itself if it went well everywhere. `down` by a number of steps is not repeated: it
    would undo more where it is done.
    """
    is_well = len(summary.named(*SETTLED)) == len(summary.targets)
    if order.is_dry_run:
        return call.again(call.action, {"dry_run"} if is_well else ()) if summary.ended or not is_well else ""
    if is_well:
        return ""
    selection = order.selection
    is_repeatable = selection.steps is None if order.direction == "up" else bool(selection.to or selection.all)
    return call.again(call.action if is_repeatable else "status")


def _confirm_undoing(context: Context, summary: Summary) -> None:
    """Ask, when the look has said what would be undone; raises `NotConfirmedError` if the answer is no."""
    found = "" if context.report.form == "text" else screens.looked(summary, is_up=False)  # the text has said it
    question = "Undo these migrations, and lose the data in their tables?"
    where = plural(len(summary.named("not begun")), "target")
    context.confirm(yes=False, question=question, reason=found, where=where)


def _goes_on(context: Context, summary: Summary) -> bool:
    """Ask whether the other targets are to be executed, when the canaries are done."""
    left = plural(len(summary.named("not begun")), "target")
    try:
        context.confirm(yes=False, question="The canaries are done. Go on?", where=left)
    except NotConfirmedError:
        return False
    return True


# -- looking -----------------------------------------------------------------------------------------------------------


def _status(call: Call) -> int:
    report = call.context.report

    def tell(target: Target, answer: tuple[Standing, Planned | None]) -> None:
        if report.form == "json":
            report.json(formats.status_value(target, *answer, report.directory))

    answers = call.ask_each(lambda target: inspection.status(target, call.migrations, call.table), tell)
    found = {name: standing for name, (standing, _) in answers.items()}
    report.json(formats.status_summary(found))
    head, agreement = f"{report.directory} · {plural(len(found), 'target')}", screens.agreement(found)
    report.text(", ".join(filter(None, [head, agreement])))
    if not agreement:
        report.text("")
        for line in screens.status_lines(found):
            report.folded(line)
        report.text("", [("bold", screens.status_total(found))])
        if any(standing.pending for standing in found.values()):
            report.text(next_line(call.again("up")))
    if call.options["outputs"]:
        again = call.again("up") if any(standing.pending for standing in found.values()) else ""
        write(call.options["outputs"], html.status_page(found, call.for_page(again)))
    if call.options["check"] and not all(standing.is_settled for standing in found.values()):
        return EXIT_ATTENTION
    return _worst(standing.error.exit_code for standing in found.values() if standing.error)


def _verify(call: Call) -> int:
    report = call.context.report
    folder.require_read(call.migrations)
    if faults := faults_of(call.migrations):
        raise gather(faults)
    found = call.ask_each(lambda target: inspection.verify(target, call.migrations, call.table))
    errors = [(name, error) for name, error in found.items() if error]
    groups = grouped(errors, len(found) - len(errors))
    report.json(formats.verify_value(len(found), groups))
    if report.form == "text":
        screens.groups(report, groups)
    agreeing = len(found) - len(errors)
    unreachable = sum(isinstance(error, ConnectError) for _, error in errors)
    counts = {"do not": len(errors) - unreachable, "cannot be reached": unreachable}
    words = [f"{plural(agreeing, 'target')} agree{'s' * (agreeing == 1)} with the files"]
    words += [f"{count:,} {what}" for what, count in counts.items() if count]
    report.text([("bold", " · ".join(words))])
    return _worst(error.exit_code for _, error in errors)


def _drift(call: Call) -> int:
    report, policy = call.context.report, call.context.drift
    found = call.ask_each(lambda target: inspection.drift(target, policy, call.table))
    report.json(formats.drift_value(found.items()))
    errors = [(name, answer.error) for name, answer in found.items() if answer.error]
    if report.form == "text":
        report.text(*screens.drift_lines(found))
        screens.reasons(report, grouped(errors))
    changed = sum(bool(answer.changes) for answer in found.values())
    words = f"{changed:,} of {plural(len(found), 'target')} changed by hand"
    report.text([("bold", " · ".join([words, *([f"{len(errors):,} not known"] if errors else [])]))])
    if changed:
        return EXIT_FAILED
    return EXIT_ATTENTION if errors else 0


def _worst(codes: Iterable[int]) -> int:
    """Return 1 if one target failed, otherwise the highest code; 0 if there is none."""
    found = set(codes)
    return EXIT_FAILED if EXIT_FAILED in found else max(found, default=0)
