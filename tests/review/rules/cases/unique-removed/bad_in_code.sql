do $$ begin execute 'alter table tokens drop constraint tokens_user_device'; end $$;
