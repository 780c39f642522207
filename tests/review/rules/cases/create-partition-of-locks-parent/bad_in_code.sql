do $$
declare
    year integer;
begin
    for year in 2025..2027 loop
        execute format('create table events_%s partition of events for values from (%L) to (%L)',
                       year, make_date(year, 1, 1), make_date(year + 1, 1, 1));
    end loop;
end
$$;
-- down
drop table events_2025, events_2026, events_2027;
