create policy reporting_sees_all on orders for select to reporting using (true);
-- down
drop policy reporting_sees_all on orders;
