create function correct_tax() returns bigint language sql as $$
    with changed as (update orders set tax = total / 5 where total > 0 returning 1) select count(*) from changed
$$;
select correct_tax();
drop function correct_tax();
-- down
update orders set tax = 0;
