alter table customers add column note text;
alter table orders add column note text;
-- down
alter table orders drop column note;
alter table customers drop column note;
