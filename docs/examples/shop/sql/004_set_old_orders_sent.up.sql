-- Orders from before 2026 were sent long ago.
--
-- In parts of 5000 rows, each with its own COMMIT: no row is locked for longer than one part takes. The loop looks for
-- rows that are still to do, so it may be stopped at any moment, and the next `up` does the rest.
-- sqlmigrate: no-transaction

do $$
declare
    changed bigint;
begin
    loop
        update orders set state = 'sent'
         where id in (
               select id from orders where state = 'new' and ordered_at < '2026-01-01' order by id limit 5000);
        get diagnostics changed = row_count;
        exit when changed = 0;
        commit;
    end loop;
end;
$$;
