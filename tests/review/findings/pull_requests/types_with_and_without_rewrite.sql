-- Types become longer and shorter.

-- base
create table p (id int primary key, code varchar(20), note varchar(50), price numeric(10,2), n int);
create index p_code on p (code);
create index p_n on p (n) where n > 0;

-- up ok
alter table p alter column code type varchar(50), alter column price type numeric(12,2);

-- down ok
alter table p alter column code type varchar(20);

-- up bad
alter table p alter column note type varchar(20);

-- down bad
alter table p alter column note type varchar(50);

-- up bad2
alter table p alter column n type bigint;

-- down bad2
alter table p alter column n type int;

-- found
-- 002.down:1 danger down-incomplete: after up and down column `p.price` (type: numeric(10,2), now numeric(12,2)) is different
-- 002.down:1 warning down-blocks: the down file blocks production (type-change-rewrite): `p` is rewritten under ACCESS EXCLUSIVE
-- 003.up:1 danger type-change-rewrite: `p` is rewritten under ACCESS EXCLUSIVE
-- 003.up:1 warning fails-on-data: `p.note` is narrower now: it fails on a value that does not fit into character varying(20)
-- 004.up:1 danger type-change-rewrite: `p` is rewritten under ACCESS EXCLUSIVE
-- 004.down:1 warning down-blocks: the down file blocks production (type-change-rewrite): `p` is rewritten under ACCESS EXCLUSIVE
