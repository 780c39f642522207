alter table orders add column remark text;
-- down
alter table orders drop column remark;
