alter table customers add column full_name text generated always as (first || ' ' || last) virtual;
-- down
alter table customers drop column full_name;
