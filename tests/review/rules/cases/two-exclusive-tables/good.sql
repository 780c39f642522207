alter table customers add column note text;
-- down
alter table customers drop column note;
-- next migration
alter table orders add column note text;
-- down
alter table orders drop column note;
