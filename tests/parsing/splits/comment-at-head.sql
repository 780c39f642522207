-- head
-- more; head

/* and /* more */ */ ⟦select 1⟧;
────
A comment before a statement is not part of it.
