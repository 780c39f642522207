-- A column for full text search is filled without a configuration.

-- base
create table docs (id int primary key, body text);

-- up f
alter table docs add column tsv tsvector;
update docs set tsv = to_tsvector(body);
create function docs_tsv() returns trigger language plpgsql as $$ begin new.tsv := to_tsvector(new.body); return new; end $$;
create trigger docs_tsv before insert or update on docs for each row execute function docs_tsv();
create view found as select * from docs where tsv @@ to_tsquery('x');

-- down f
drop view found; drop trigger docs_tsv on docs; drop function docs_tsv(); alter table docs drop column tsv;

-- found
-- 002.up:2 danger work-under-lock: `docs` is scanned under ACCESS EXCLUSIVE, which an earlier statement took
-- 002.up:2 warning bulk-dml: 300 of 300 rows of `docs` are written in one transaction
-- 002.up:2 note depends-on-setting: the rows that are written depend on the session's default_text_search_config
-- 002.down:1 note down-loses-new-data: values that are written to `docs.tsv` after up are lost by down
