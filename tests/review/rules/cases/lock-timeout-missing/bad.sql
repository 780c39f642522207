set local lock_timeout = 0;
alter table orders add column note text;
-- down
alter table orders drop column note;
