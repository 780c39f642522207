-- sqlmigrate: lock-timeout 2s
alter table orders add column note text;
-- down
alter table orders drop column note;
