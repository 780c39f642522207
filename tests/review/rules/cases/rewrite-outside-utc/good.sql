set local timezone = 'UTC';
alter table orders alter column paid_at type timestamptz;
-- down
set local timezone = 'UTC';
alter table orders alter column paid_at type timestamp;
