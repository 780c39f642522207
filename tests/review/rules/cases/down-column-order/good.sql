-- sqlmigrate: allow drop-column (telex numbers are not used any more)
alter table customers drop column telex;
-- down
alter table customers add column telex text;
