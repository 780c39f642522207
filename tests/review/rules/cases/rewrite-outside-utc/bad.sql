alter table orders alter column paid_at type timestamptz;
-- down
alter table orders alter column paid_at type timestamp;
