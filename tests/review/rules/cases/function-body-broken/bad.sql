-- sqlmigrate: allow drop-column (nobody reads it since release 12)
alter table items drop column discount;
-- down
alter table items add column discount numeric;
