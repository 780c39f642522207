alter table imports set logged;
-- down
alter table imports set unlogged;
