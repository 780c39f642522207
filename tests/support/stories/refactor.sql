--- up contacts
create table contacts_@n (id int generated always as identity, name text, phone varchar(20), since date, points int);
insert into contacts_@n (name, phone, since, points)
select 'Name ' || g, '0' || g, date '2026-01-01' + g, g from generate_series(1, 50) as g;
--- down
drop table contacts_@n;

--- up contacts_key
alter table contacts_@n add constraint contacts_@n_pkey primary key (id);
alter table contacts_@n alter column name set not null;
alter table contacts_@n alter column name set default 'somebody';
alter table contacts_@n alter column id set increment by 10 restart with 1000;
--- down
alter table contacts_@n alter column id set increment by 1 restart with 51;
alter table contacts_@n alter column name drop default;
alter table contacts_@n alter column name drop not null;
alter table contacts_@n drop constraint contacts_@n_pkey;
alter table contacts_@n alter column id set not null;

--- up contacts_types
alter table contacts_@n
    alter column phone type text,
    alter column points type bigint,
    alter column since type timestamptz using since::timestamp at time zone 'UTC';
--- down
alter table contacts_@n
    alter column since type date using (since at time zone 'UTC')::date,
    alter column points type int,
    alter column phone type varchar(20);

--- up phones_of_their_own
create table phones_@n (
    contact_id int  not null,
    number     text not null,
    constraint phones_@n_pkey primary key (contact_id, number),
    constraint phones_@n_contact foreign key (contact_id) references contacts_@n (id) not valid
);
insert into phones_@n select id, phone from contacts_@n where phone is not null;
alter table phones_@n validate constraint phones_@n_contact;
--- down
drop table phones_@n;

--- up circular (15)
alter table contacts_@n add column best_friend int;
alter table contacts_@n
    add constraint contacts_@n_friend foreign key (best_friend) references contacts_@n (id)
    on update cascade on delete set null (best_friend)
    deferrable initially immediate;
set constraints contacts_@n_friend deferred;
insert into contacts_@n (id, name, best_friend) overriding system value values (1, 'late', 2) on conflict do nothing;
update contacts_@n set best_friend = id + 1 where id < 50;
--- down
alter table contacts_@n drop constraint contacts_@n_friend;
alter table contacts_@n drop column best_friend;

--- up move_away
create schema archive_@n create table notes (id int primary key) create view all_notes as select * from notes;
alter table phones_@n set schema archive_@n;
create sequence archive_@n.numbers as smallint increment by -1 minvalue -100 maxvalue 100 start with 50 cache 5 cycle;
select nextval('archive_@n.numbers'), setval('archive_@n.numbers', 7);
alter sequence archive_@n.numbers owned by archive_@n.notes.id;
--- down
alter table archive_@n.phones_@n set schema public;
drop view archive_@n.all_notes;
drop table archive_@n.notes;
drop schema archive_@n;

--- up drop_last_column (15)
alter table contacts_@n drop column best_friend;
--- down
alter table contacts_@n add column best_friend int;
alter table contacts_@n
    add constraint contacts_@n_friend foreign key (best_friend) references contacts_@n (id)
    on update cascade on delete set null (best_friend)
    deferrable initially immediate;

--- up reassign
create role sqlmigrate_owner_@n;
grant create, usage on schema public to sqlmigrate_owner_@n;
alter table contacts_@n owner to sqlmigrate_owner_@n;
create trigger unchanged before update on contacts_@n for each row execute function suppress_redundant_updates_trigger();
alter trigger unchanged on contacts_@n rename to only_changes;
--- down
drop trigger only_changes on contacts_@n;
alter table contacts_@n owner to current_user;
drop owned by sqlmigrate_owner_@n;
drop role sqlmigrate_owner_@n;
