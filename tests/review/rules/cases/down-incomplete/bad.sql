create type priority as enum ('low', 'high');
alter table orders add column priority priority;
-- down
alter table orders drop column priority;
