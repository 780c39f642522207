-- A row references one that only production has.

-- base
create table tenants (id uuid primary key, name text);
create table flags (tenant_id uuid references tenants, flag text, primary key (tenant_id, flag));

-- up flag
insert into flags values ('7f2c7a1e-0000-4000-8000-000000000001', 'beta');
alter table flags add column since date;

-- down flag
alter table flags drop column since;
delete from flags where flag = 'beta';

-- found
-- 002.up:1 warning fails-on-data: it fails without production's rows: insert or update on table "flags" violates foreign key constraint "flags_tenant_id_fkey"
