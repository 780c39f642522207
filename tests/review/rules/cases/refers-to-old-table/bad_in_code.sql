do $$ begin
    execute 'alter table users rename to users_old';
    execute 'create table users as select * from users_old';
end $$;
