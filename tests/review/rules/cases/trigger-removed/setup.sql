create table child (id bigint primary key, n int);
create function audit() returns trigger language plpgsql as $$ begin return new; end $$;
create trigger child_audit before insert or update on child for each row execute function audit();
