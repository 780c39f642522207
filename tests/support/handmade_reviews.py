"""Six typical reviews, written by hand, as input of the formats. No server is needed."""

from __future__ import annotations

from dataclasses import replace

from sqlmigrate.catalog.functions import BrokenBody
from sqlmigrate.catalog.objects import Catalog, Change, Difference, Identity, Object
from sqlmigrate.errors import StatementError
from sqlmigrate.files.migration import Migration
from sqlmigrate.parsing.script import Script, read
from sqlmigrate.review.measure.facts import FileRun, Relation, RelationEffect, RoundTrip, StatementFacts
from sqlmigrate.review.results import Basis, Review, Reviewed
from sqlmigrate.review.rules.rule import Example, Finding, Rule
from sqlmigrate.review.seed.fill import UnfilledTable
from sqlmigrate.shadow.row_sums import TableRows
from sqlmigrate.source import Source

BASIS = Basis(
    base="origin/main", base_migrations=3, server="PostgreSQL 15.18, installed on this machine", version=150018,
    filled=11, tables=12, unfilled=(UnfilledTable("public.audit", "a check that no value was found for"),),
    stub_roles=("reporting",),
)  # fmt: skip
STATIC = Basis(base="origin/main", base_migrations=3, server=None, why_static="no PostgreSQL is installed here")

ORDERS = Relation(16400, "public.orders", "table")
CUSTOMERS = Relation(16380, "public.customers", "table")
EMPTY = Catalog({})
INSTANT = RelationEffect(ORDERS, "ACCESS EXCLUSIVE")

TYPE_CHANGE = Rule(
    name="type-change-rewrite",
    severity="danger",
    title="a change of type rewrites the table",
    why="A type that is stored differently makes PostgreSQL rewrite every row and every index.",
    examples=(Example("alter table t add b_new bigint;"),),
    page="https://www.postgresql.org/docs/current/sql-altertable.html",
)
ADD_TOTAL = """\
-- 006_order_total_numeric.up.sql
alter table orders add total_numeric numeric;
-- 006_order_total_numeric.down.sql
alter table orders drop total_numeric;
-- 007_fill_total_numeric.up.sql
update orders set total_numeric = total where total_numeric is null;
"""
DOWN_INCOMPLETE = Rule(
    name="down-incomplete",
    severity="warning",
    title="the schema differs after up and down",
    why="If up and down do not restore the schema, the next migration starts from an unknown one.",
)
DROP_COLUMN = Rule(
    name="drop-column",
    severity="danger",
    title="a column is removed",
    why="The running application still selects and writes the column.",
    examples=(Example("-- first release an application that does not use it\nalter table t drop column c;"),),
)
STATEMENT_FAILS = Rule(
    name="statement-fails",
    severity="danger",
    title="PostgreSQL refuses a statement",
    why="The migration cannot be executed as it is.",
    can_be_allowed=False,
)
DOWN_MISSING = Rule(
    name="down-missing",
    severity="warning",
    title="there is no down file",
    why="Without a down file a release cannot be rolled back.",
    examples=(Example("-- sqlmigrate: irreversible (why)"),),
)
MERGED_CHANGED = Rule(
    name="merged-migration-changed",
    severity="danger",
    title="a merged migration was edited",
    why="It may be executed already, and the edit is never executed then.",
    can_be_allowed=False,
)
LOSES_NEW = Rule(
    name="down-loses-new-data",
    severity="note",
    title="down drops values that were written after up",
    why="A column that up adds is dropped by down, together with the values in it.",
)


def script(path: str, text: str) -> Script:
    return read(Source(path, text))


def migration(version: str, name: str, up: str, down: str | None) -> tuple[Migration, Script, Script | None]:
    """Return a migration of two texts, and both scripts."""
    way, back = f"sql/{version}_{name}.up.sql", f"sql/{version}_{name}.down.sql"
    made = Migration(version, name, Source(way, up), Source(back, down) if down is not None else None)
    return made, script(way, up), script(back, down) if down is not None else None


def passed(done: Script, *statements: tuple[RelationEffect, ...], direction: str = "up") -> FileRun:
    """Return the run of a script in which each statement had these effects."""
    facts = tuple(StatementFacts(number, touches, 1.5) for number, touches in enumerate(statements, 1))
    return FileRun(direction, done, facts)


def column(name: str, number: int, kind: str) -> Object:
    return Object("column", name, Identity("pg_class", 16400, number), {"type": kind})


def currency() -> Reviewed:
    """Return 004: it adds a column with a constant default, which takes an instant, and down drops it."""
    up = "alter table orders add column currency text not null default 'EUR';\n"
    made, way, back = migration("004", "add_order_currency", up, "alter table orders drop column currency;\n")
    added = Change("column", None, column("public.orders.currency", 7, "text"), "new")
    rows = {"public.orders": TableRows("public.orders", 16400, 300, "a1", ("id", "total"))}
    trip = RoundTrip(
        EMPTY, passed(way, (INSTANT,)), EMPTY, (added,), passed(back, (INSTANT,), direction="down"),
        rows_before=rows, rows_after=rows, rows_back=rows,
    )  # fmt: skip
    return Reviewed(made, way, back, trip)


def index() -> Reviewed:
    """Return 005: it creates an index without blocking."""
    up = "create index concurrently orders_customer on orders (customer);\n"
    made, way, back = migration("005", "index_orders_customer", up, "drop index concurrently orders_customer;\n")
    touch = RelationEffect(ORDERS, "SHARE UPDATE EXCLUSIVE", scanned=300, built=("public.orders_customer",))
    gone = RelationEffect(ORDERS, "SHARE UPDATE EXCLUSIVE")
    made_index = Object("index", "public.orders_customer", Identity("pg_class", 16500, 0), {})
    trip = RoundTrip(
        EMPTY, FileRun("up", way, (StatementFacts(1, (touch,), 12.0, is_alone=True),)), EMPTY,
        (Change("index", None, made_index, "new"),),
        FileRun("down", back, (StatementFacts(1, (gone,), 3.0, is_alone=True),)),
    )  # fmt: skip
    return Reviewed(made, way, back, trip)


NUMERIC_UP = """\
-- Money is no floating point number.
set local lock_timeout = '5s';

alter table orders
    alter column total type numeric(12, 2),
    add constraint orders_total_check check (total >= 0);
"""


def numeric() -> Reviewed:
    """Return 006: it changes a type, which rewrites the table, and its down file forgets the constraint."""
    down = "alter table orders alter column total type double precision;\n"
    made, way, back = migration("006", "order_total_numeric", NUMERIC_UP, down)
    rewritten = replace(INSTANT, rewritten=True, scanned=300)
    changes = (
        Change("column", column("public.orders.total", 3, "double precision"),
               column("public.orders.total", 3, "numeric(12,2)"), "altered"),
        Change("constraint", None, Object("constraint", "public.orders.orders_total_check",
               Identity("pg_constraint", 16510, 0), {}), "new"),
    )  # fmt: skip
    left = (Difference("constraint", "public.orders.orders_total_check", "left over", ()),)
    down_again = passed(back, (rewritten,), direction="down")
    trip = RoundTrip(EMPTY, passed(way, (), (rewritten,)), EMPTY, changes, down_again, left=left)
    rewrite = Finding(
        TYPE_CHANGE, "danger", "`orders` and all its indexes are rewritten under ACCESS EXCLUSIVE",
        way.statements[1].span, waits="everyone, for about 4 min at 41 GB (estimate)", relation="public.orders",
        seconds=240.0, instead=ADD_TOTAL,
    )  # fmt: skip
    forgotten = Finding(
        DOWN_INCOMPLETE, "warning", "after up and down the constraint `orders_total_check` is left behind",
        back.statements[0].span if back else None,
        what_now="add to it: alter table orders drop constraint orders_total_check",
    )  # fmt: skip
    return Reviewed(made, way, back, trip, (rewrite, forgotten))


def failing() -> Reviewed:
    """Return 004: a statement of it names an unknown column."""
    up = "update customers\n   set full_name = frist_name || ' ' || last_name;\n"
    made, way, back = migration("004", "fill_full_name", up, "update customers set full_name = null;\n")
    place = way.source.span(up.index("frist_name"))
    error = StatementError(
        'column "frist_name" does not exist', place, sqlstate="42703",
        fields=(("hint", 'Perhaps you meant to reference the column "customers.first_name".'),),
    )  # fmt: skip
    trip = RoundTrip(EMPTY, replace(passed(way), error=error, failed_at=1))
    finding = Finding(
        STATEMENT_FAILS, "danger", 'PostgreSQL refuses statement 1: column "frist_name" does not exist', place,
        what_now='Perhaps you meant to reference the column "customers.first_name".',
    )  # fmt: skip
    return Reviewed(made, way, back, trip, (finding,))


def allowed() -> Reviewed:
    """Return 004: it drops a column, which it allows, and says that it is irreversible."""
    up = (
        "-- sqlmigrate: irreversible (the column was empty)\n\n"
        "-- sqlmigrate: allow drop-column (unused since release 12)\nalter table customers drop column fax;\n"
    )
    made, way, _ = migration("004", "drop_customer_fax", up, None)
    gone = Change("column", column("public.customers.fax", 4, "text"), None, "gone")
    trip = RoundTrip(EMPTY, passed(way, (RelationEffect(CUSTOMERS, "ACCESS EXCLUSIVE"),)), EMPTY, (gone,))
    finding = Finding(
        DROP_COLUMN, "danger", "the column `customers.fax` is removed", way.statements[0].span,
        allowed="unused since release 12",
    )  # fmt: skip
    return Reviewed(made, way, None, trip, (finding,))


def static() -> tuple[Reviewed, ...]:
    """Return two migrations that were read but not executed, one of them without a down file."""
    made, way, back = migration("004", "add_invoices", "create table invoices ();\n", "drop table invoices;\n")
    other, other_way, _ = migration("005", "add_payments", "create table payments ();\n", None)
    finding = Finding(DOWN_MISSING, "warning", "there is no down file, and the up file does not say why", None)
    return Reviewed(made, way, back, None), Reviewed(other, other_way, None, None, (finding,))


def merged_changed() -> Finding:
    return Finding(
        MERGED_CHANGED, "danger", "`002_add_user_settings` is merged in origin/main, and its up file was edited", None,
        path="sql/002_add_user_settings.up.sql",
        what_now="undo the edit, and write it as a new migration:\n"
        "git checkout origin/main -- sql/002_add_user_settings.up.sql",
    )  # fmt: skip


REVIEWS: dict[str, Review] = {
    "safe": Review(BASIS, (currency(), index()), seconds=0.8),
    "danger": Review(replace(BASIS, has_sizes=True), (currency(), index(), numeric()), seconds=0.9),
    "failing": Review(BASIS, (failing(), replace(index(), findings=())), seconds=0.7),
    "allowed": Review(BASIS, (allowed(),), seconds=0.6),
    "static": Review(STATIC, static(), seconds=0.1),
    "git": Review(BASIS, (currency(),), (merged_changed(),), seconds=0.5),
}

EVIL = (
    '<script>alert(1)</script> <img src=x onerror=alert(1)> @everyone #12 | `tick` ``two`` "quoted" \x1b[31m \u202e'
    " [link](javascript:alert(1)) ![i](http://x/y.png) ]]> --> */ %0A ::error::"
)


def hostile() -> Review:
    """Return a review in which every text that users can write tries to break out of the report."""
    up = f'-- {EVIL}\nalter table "{EVIL.replace(chr(34), "")}"\n```\n</pre></details>\n~~~\n::error::x\nadd x int;\n'
    source = Source(f"sql/001_{EVIL}.up.sql", up)
    made = Migration("001", EVIL, source, Source("sql/001.down.sql", "select 1;"))
    way = read(source)
    table = Relation(1, EVIL, "table")
    touch = RelationEffect(table, "ACCESS EXCLUSIVE", rewritten=True)
    change = Change(EVIL, None, Object(EVIL, EVIL, Identity("pg_class", 1, 0), {EVIL: EVIL}), "new")
    left = Difference(EVIL, EVIL, "different", ((EVIL, EVIL, None),))
    failed = FileRun("down", script("sql/001.down.sql", "select 1;"), (), StatementError(EVIL), 1)
    trip = RoundTrip(
        EMPTY, passed(way, (touch,)), EMPTY, (change,), failed, left=(left,), broken=(BrokenBody(EVIL, EVIL),)
    )
    finding = Finding(
        TYPE_CHANGE, "danger", EVIL, way.statements[0].span, waits=EVIL, relation=EVIL, what_now=EVIL
    )  # fmt: skip
    note = Finding(LOSES_NEW, "note", EVIL, way.statements[0].span)
    allowed = replace(finding, allowed=EVIL)
    basis = replace(BASIS, base=EVIL, server=EVIL, unfilled=(UnfilledTable(EVIL, EVIL),), stub_roles=(EVIL,))
    return Review(basis, (Reviewed(made, way, None, trip, (finding, note, allowed)),), (finding,))


def many(count: int, sql: str, *, is_safe: bool, name: str = "change_what_is_there") -> Review:
    """Return a review of many migrations with the same SQL, each with two findings unless it is safe."""
    migrations = []
    for number in range(1, count + 1):
        made, way, back = migration(f"{number:03}", name, sql, "select 1;\n")
        place = way.statements[0].span
        found = (
            Finding(TYPE_CHANGE, "danger", f"migration {number} rewrites `orders`", place),
            Finding(LOSES_NEW, "note", f"migration {number} has a note", place),
        )  # fmt: skip
        trip = RoundTrip(EMPTY, passed(way, (replace(INSTANT, rewritten=not is_safe),)), EMPTY)
        migrations.append(Reviewed(made, way, back, trip, () if is_safe else found))
    return Review(BASIS, tuple(migrations))


def held() -> Review:
    """Return a review with a wide time line: thirty statements, and a lock that is held from the third on."""
    up = "".join(f"alter table orders_with_a_rather_long_name_{number} add note text;\n" for number in range(30))
    made, way, back = migration("007", "many_statements_in_a_file_with_a_very_long_name_indeed", up, "select 1;\n")
    scanned = replace(RelationEffect(CUSTOMERS, "SHARE ROW EXCLUSIVE"), scanned=300)
    touches: list[tuple[RelationEffect, ...]] = [()] * 30
    touches[2], touches[10] = (INSTANT,), (scanned,)
    return Review(BASIS, (Reviewed(made, way, back, RoundTrip(EMPTY, passed(way, *touches), EMPTY)),))
