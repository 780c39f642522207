alter table orders add column token uuid default gen_random_uuid();
-- down
alter table orders drop column token;
