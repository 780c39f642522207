alter table orders add column note text;
-- down
alter table orders drop column note;
-- next migration
-- sqlmigrate: allow bulk-dml (small in production)
update customers set score = score + 1;
-- down
update customers set score = score - 1;
