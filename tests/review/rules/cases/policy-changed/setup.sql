create table invoices (id bigint primary key, owner name);
create policy mine on invoices using (owner = current_user);
alter table invoices enable row level security;
