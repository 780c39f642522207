"""What `fleet up` and `fleet down` do: ask, execute, show, and say what to do next."""

from __future__ import annotations

from sqlmigrate.cli.context import Context, NotConfirmedError
from sqlmigrate.errors import NOTHING_EXECUTED, ConfigError
from sqlmigrate.plan.plan import Selection
from sqlmigrate.spelling import plural

from . import html, screens
from .call import Call
from .causes import names_in_short
from .look import Order
from .pages import write
from .policy import FleetPolicy
from .report import FleetReport
from .results import SETTLED, Summary
from .run import FleetRun
from .target import CANARY


def execute(call: Call) -> int:
    """Execute migrations, or undo them, and return the exit code."""
    context, options = call.context, call.options
    order = _order(call)
    if order.direction == "up":
        call.require_some()
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
        (lambda summary: _goes_on(context, summary, order, is_confirmed=is_asked)) if options["ask"] else None,
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
    tagged = [target.name for target in call.targets if target.has_tag(CANARY)]
    if tagged and call.options["canary"] is not None:
        raise ConfigError(
            f"--canary contradicts the tag @{CANARY}, which {names_in_short(tagged)} "
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
        context.config.table,
        context.limits,
        context.drift,
        is_dry_run=options["dry_run"],
        commands=call.commands,
    )


def _next(call: Call, order: Order, summary: Summary) -> str:
    """Return the command to go on with; empty if there is nothing to do.

    A dry run is followed by the run itself if it went well everywhere. `down` by a number of steps is not repeated: it
    would undo more where it is done.
    """
    is_well = len(summary.named(*SETTLED)) == len(summary.targets)
    if summary.is_nothing_tried:
        return ""
    if order.is_dry_run:
        return call.typed.again(call.action, {"dry_run"} if is_well else ()) if summary.has_begun or not is_well else ""
    if is_well:
        return ""
    selection = order.selection
    is_repeatable = selection.steps is None if order.direction == "up" else bool(selection.to or selection.all)
    return call.typed.again(call.action if is_repeatable else "status")


def _confirm_undoing(context: Context, summary: Summary) -> None:
    """Ask, when the look has said what would be undone; raises `NotConfirmedError` if the answer is no."""
    found = "" if context.report.form == "text" else screens.looked(summary, is_up=False)  # the text has said it
    question = "Undo these migrations, and lose the data in their tables?"
    where = plural(len(summary.named("not begun")), "target")
    context.confirm(yes=False, question=question, reason=found, where=where)


def _goes_on(context: Context, summary: Summary, order: Order, *, is_confirmed: bool) -> bool:
    """Ask whether the other targets are to be begun: when the canaries are done, or if there are none to wait for.

    Without canaries `fleet down` has asked just now, if `is_confirmed`.
    """
    if is_confirmed and not summary.canaries:
        return True
    question = "Undo these migrations?" if order.direction == "down" else "Execute these migrations?"
    question = "The canaries are done. Go on?" if summary.canaries else question
    left = plural(len(summary.named("not begun")), "target")
    found = (
        ""
        if summary.canaries or context.report.form == "text"
        else screens.looked(summary, is_up=order.direction == "up")
    )
    try:
        context.confirm(yes=False, question=question, reason=found, where=left)
    except NotConfirmedError:
        return False
    return True
