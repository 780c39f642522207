do $$ begin execute 'alter table orders alter column opened_at set default ''today'''; end $$;
-- down
alter table orders alter column opened_at set default now();
