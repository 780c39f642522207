-- A foreign key, a trigger, a CHECK and a default guarantee less under the same names.

-- base
create table p (id int primary key);
create table c (id int primary key, p_id int not null constraint c_p references p on delete cascade, qty int not null default 1 constraint qty_pos check (qty > 0));
create function audit() returns trigger language plpgsql as $$ begin return null; end $$;
create trigger c_audit after insert or update or delete on c for each row execute function audit();
create index on c (p_id);

-- up g
alter table c drop constraint c_p, add constraint c_p foreign key (p_id) references p (id) not valid;
drop trigger c_audit on c;
create trigger c_audit after insert or update on c for each row execute function audit();
alter table c drop constraint qty_pos, add constraint qty_pos check (qty >= 0) not valid;
alter table c alter column qty drop default;

-- down g
alter table c alter column qty set default 1;
alter table c drop constraint qty_pos, add constraint qty_pos check (qty > 0) not valid;
drop trigger c_audit on c;
create trigger c_audit after insert or update or delete on c for each row execute function audit();
alter table c drop constraint c_p, add constraint c_p foreign key (p_id) references p (id) on delete cascade not valid;

-- found
-- 002.up:1 warning foreign-key-removed: the foreign key `c.c_p` is no longer ON DELETE CASCADE
-- 002.up:2 warning trigger-removed: the trigger `c.c_audit` no longer fires on DELETE
-- 002.up:4 note check-replaced: the CHECK `c.qty_pos` is replaced: it was CHECK ((qty > 0)), and is now CHECK ((qty >= 0))
-- 002.up:5 danger column-default-removed: `c.qty` is without a default now, and is NOT NULL: an INSERT without it fails
