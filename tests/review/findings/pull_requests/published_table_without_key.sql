-- Tables of a publication lose their key, or leave it.

-- base
create table ev (id int primary key, k text not null, v text);
create table ev2 (id int primary key, v text);
create publication pub for table ev, ev2;

-- up p
alter table ev drop constraint ev_pkey;
alter table ev2 replica identity nothing;
alter publication pub drop table ev2;

-- down p
alter publication pub add table ev2;
alter table ev2 replica identity default;
alter table ev add primary key (id);

-- found
-- 002.up:1 danger replica-identity-missing: `ev` is published without a replica identity: each UPDATE and DELETE fails
-- 002.up:1 danger unique-removed: the primary key `ev.ev_pkey` is gone: INSERT ... ON CONFLICT (id) of the running application fails, and duplicates can be inserted
-- 002.up:2 warning two-exclusive-tables: `ev2` is locked in ACCESS EXCLUSIVE mode while `ev` is locked: a session that locks them in the opposite order causes a deadlock
-- 002.up:3 warning no-longer-published: `ev2` is no longer in the publication `pub`: its subscribers get no more changes of it
-- 002.down:3 warning down-blocks: the down file blocks production (unique-constraint-builds-index): an index on `ev` is built under ACCESS EXCLUSIVE
