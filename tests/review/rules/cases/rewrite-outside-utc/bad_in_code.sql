do $$ begin execute 'alter table orders alter column paid_at type timestamptz'; end $$;
-- down
alter table orders alter column paid_at type timestamp;
