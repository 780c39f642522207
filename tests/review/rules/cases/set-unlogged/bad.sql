alter table sessions set unlogged;
-- down
alter table sessions set logged;
