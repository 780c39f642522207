-- sqlmigrate: allow drop-column (nobody has a telex any more)
alter table customers drop column telex;
-- down
alter table customers add column telex text;
