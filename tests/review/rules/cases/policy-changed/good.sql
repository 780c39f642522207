drop policy mine on invoices;
create policy mine on invoices using (owner = current_user);
-- down
select 1;
