create function require_total() returns void language plpgsql as $$
begin
    alter table orders alter column total set not null;
end
$$;
select require_total();
drop function require_total();
-- down
alter table orders alter column total drop not null;
