-- A down file creates an index under another name.

-- base
create table o (id int primary key, a text, b text, c text);
create index o_b on o (b);
create unique index o_c on o (c);

-- up d
drop index o_b;
alter table o drop column a;

-- down d
alter table o add column a text;
create index o_b_idx on o (b);

-- found
-- 002.up:1 warning drop-index-blocking: dropping `o_b` locks `o` in ACCESS EXCLUSIVE mode
-- 002.up:2 danger drop-column: the column `o.a` is dropped: statements that still use it fail
-- 002.down:1 danger down-incomplete: after up and down index `o_b_idx` is left behind, index `o_b` is missing
-- 002.down:1 note data-not-restored: down adds `o.a` again, but not the old values
-- 002.down:2 warning down-blocks: the down file blocks production (create-index-blocking): an index on `o` is built under ACCESS EXCLUSIVE, which an earlier statement took
