create role rev_app3;
create table invoices (id bigint primary key, owner name);
grant select on invoices to rev_app3;
create function is_mine(name) returns boolean language sql stable as $$ select $1 = current_user $$;
create policy mine on invoices using (is_mine(owner));
alter table invoices enable row level security;
