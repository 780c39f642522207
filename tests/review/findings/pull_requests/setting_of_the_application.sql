-- Files use a setting of the application, which only production may have.

-- base
create table x (id int primary key, a text, b text);

-- up f
update x set b = current_setting('app.tenant', true);
delete from x where a = current_setting('app.tenant', true);

-- down f
select 1;

-- up g
update x set b = current_setting('app.tenant');

-- down g
select 1;

-- found
-- 002.up:1 warning bulk-dml: 300 of 300 rows of `x` are written in one transaction
-- 002.up:1 note depends-on-setting: the rows that are written depend on the session's app.tenant
-- 002.down:1 danger data-not-restored: the 300 rows of `x` are different after up and down
-- 003.up:1 warning statement-fails: unrecognized configuration parameter "app.tenant"
