alter table orders add column note text;
update customers set score = score + 1;
-- down
update customers set score = score - 1;
alter table orders drop column note;
