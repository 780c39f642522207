alter table builds add column build_number bigint;
-- down
alter table builds drop column build_number;
