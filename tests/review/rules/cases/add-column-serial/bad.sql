alter table orders add column number bigint generated always as identity;
-- down
alter table orders drop column number;
