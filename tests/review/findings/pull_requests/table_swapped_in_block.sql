-- A DO block swaps a table that has rights, a trigger and references.

-- base
create role web nologin;
create schema "Shop";
create table "Shop"."Items" ("Id" bigint primary key, "Name" text not null, "Price" numeric not null default 0);
create table "Shop"."Lines" ("Id" bigint primary key, "ItemId" bigint not null references "Shop"."Items");
create index on "Shop"."Lines" ("ItemId");
create function "Shop".touch() returns trigger language plpgsql as $$ begin return new; end $$;
create trigger "Touch" before update on "Shop"."Items" for each row execute function "Shop".touch();
grant select, insert, update on "Shop"."Items" to web;

-- up swap
do $do$ begin
  execute 'create table "Shop"."Items_new" (like "Shop"."Items" including all)';
  execute 'insert into "Shop"."Items_new" select * from "Shop"."Items"';
  execute 'alter table "Shop"."Items" rename to "Items_old"';
  execute 'alter table "Shop"."Items_new" rename to "Items"';
end $do$;

-- down swap
alter table "Shop"."Items" rename to "Items_new";
alter table "Shop"."Items_old" rename to "Items";
drop table "Shop"."Items_new";

-- found
-- 002.up:1 danger grants-lost: `"Shop"."Items"` is another table now: `web` has lost INSERT, SELECT, UPDATE
-- 002.up:1 danger refers-to-old-table: the foreign key `"Shop"."Lines"."Lines_ItemId_fkey"` is still bound to `"Shop"."Items_old"`, not to the new `"Shop"."Items"`
-- 002.up:1 danger work-under-lock: `"Shop"."Items"` is scanned under ACCESS EXCLUSIVE
-- 002.up:1 warning trigger-removed: the trigger `"Shop"."Items"."Touch"` no longer fires on UPDATE; it remains with `"Shop"."Items_old"`
-- 002.down:2 warning down-loses-new-data: rows that are written to `"Shop"."Items"` after up are lost by down: it gives the name back to the old table
