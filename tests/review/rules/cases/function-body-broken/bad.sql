-- sqlmigrate: allow drop-column (unused since release 12)
alter table items drop column discount;
-- down
alter table items add column discount numeric;
