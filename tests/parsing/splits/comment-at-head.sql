-- head
-- more; head

/* and /* more */ */ ⟦select 1⟧;
────
A comment before a statement is no part of it.
