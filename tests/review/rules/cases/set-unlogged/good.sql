create unlogged table sessions_unlogged (like sessions including all);
-- down
drop table sessions_unlogged;
