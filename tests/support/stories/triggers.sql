--- up audited_table
create table accounts_@n (
    id         int primary key,
    balance    numeric not null default 0,
    updated_at timestamptz
);

create table accounts_@n_log (
    id     bigserial primary key,
    action text not null,
    before jsonb,
    after  jsonb
);

create function accounts_@n_audit() returns trigger language plpgsql as $trigger$
begin
    if tg_op = 'DELETE' then
        insert into accounts_@n_log (action, before) values (tg_op, to_jsonb(old));
        return old;
    elsif tg_op = 'UPDATE' then
        insert into accounts_@n_log (action, before, after) values (tg_op, to_jsonb(old), to_jsonb(new));
    else
        insert into accounts_@n_log (action, after) values (tg_op, to_jsonb(new));
    end if;
    return new;
end;
$trigger$;

create trigger audit after insert or update or delete on accounts_@n
    for each row execute function accounts_@n_audit();

insert into accounts_@n (id, balance) values (1, 10), (2, 20);
update accounts_@n set balance = balance + 1 where id = 1;
--- down
drop table accounts_@n, accounts_@n_log;
drop function accounts_@n_audit();

--- up transition_tables
create function accounts_@n_totals() returns trigger language plpgsql as $$
begin
    perform sum(n.balance - o.balance) from inserted n join deleted o using (id) having sum(n.balance) > 1e9;
    if found then raise warning 'a large change; look at it'; end if;
    return null;
end $$;

create trigger totals after update on accounts_@n
    referencing old table as deleted new table as inserted
    for each statement execute function accounts_@n_totals();

alter table accounts_@n disable trigger audit;
update accounts_@n set balance = 0 where id = 2;
alter table accounts_@n enable always trigger audit;
--- down
alter table accounts_@n enable trigger audit;
drop trigger totals on accounts_@n;
drop function accounts_@n_totals();

--- up constraint_trigger
create function accounts_@n_is_balanced() returns trigger language plpgsql as '
begin
    if (select sum(balance) from accounts_@n) < 0 then
        raise exception ''accounts_@n is in the red; id %'', new.id;
    end if;
    return null;
end';

create constraint trigger is_balanced after insert or update of balance on accounts_@n
    deferrable initially deferred
    for each row when (new.balance < 0)
    execute function accounts_@n_is_balanced();

update accounts_@n set balance = balance - 5;
update accounts_@n set balance = balance + 5;
--- down
drop trigger is_balanced on accounts_@n;
drop function accounts_@n_is_balanced();

--- up view_with_triggers_and_rules
create view accounts_@n_rich as
select id, balance from accounts_@n where balance > 5
  with local check option;

create view accounts_@n_all as select id, balance::text as balance from accounts_@n;

create function accounts_@n_instead() returns trigger language plpgsql as $$
begin
    insert into accounts_@n (id, balance) values (new.id, new.balance::numeric);
    return new;
end $$;

create trigger into_table instead of insert on accounts_@n_all
    for each row execute function accounts_@n_instead();

create rule log_deletes as on delete to accounts_@n do also (
    insert into accounts_@n_log (action) values ('rule; 1');
    insert into accounts_@n_log (action) values ('rule; 2')
);
create rule no_updates as on update to accounts_@n_all do instead nothing;

insert into accounts_@n_all values (3, '30');
delete from accounts_@n where id = 3;
--- down
drop rule no_updates on accounts_@n_all;
drop rule log_deletes on accounts_@n;
drop view accounts_@n_all, accounts_@n_rich;
drop function accounts_@n_instead();

--- up event_trigger
create table ddl_@n (tag text, object text);

create function note_ddl_@n() returns event_trigger language plpgsql as $$
begin
    insert into ddl_@n select command_tag, object_identity from pg_event_trigger_ddl_commands();
exception when others then
    raise notice 'not noted: %', sqlerrm;
end $$;

create event trigger note_ddl_@n on ddl_command_end
    when tag in ('CREATE TABLE', 'ALTER TABLE')
    execute function note_ddl_@n();

create table noted_@n (a int);
alter table noted_@n add column b int;
alter event trigger note_ddl_@n disable;
--- down
drop event trigger note_ddl_@n;
drop function note_ddl_@n();
drop table noted_@n, ddl_@n;
