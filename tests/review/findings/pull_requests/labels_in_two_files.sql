-- A label is added, and used by the next file.

-- base
create type prio as enum ('low', 'high');
create table tasks (id int primary key, prio prio not null default 'low');

-- up e
alter type prio add value if not exists 'urgent';

-- down e
-- the label stays: PostgreSQL cannot remove labels
select 1;

-- up use
alter table tasks alter column prio set default 'urgent';

-- down use
alter table tasks alter column prio set default 'low';

-- found
-- 002.down:2 note down-incomplete: after down `prio` still has the label 'urgent': PostgreSQL cannot remove a label of an enum; up can be executed again
