-- A unique index, a CHECK and NOT NULL on a table with quoted names, on rows that violate them.

-- base
create schema crm;
create table crm."Customers" (id uuid primary key default gen_random_uuid(), "Email" text, phone text, "deletedAt" timestamptz);

-- up uniq
alter table crm."Customers" add column "tenantId" int not null default 1;
create unique index "Customers_email_uq" on crm."Customers" ("tenantId", lower("Email")) where "deletedAt" is null;
alter table crm."Customers"
  add constraint "phone_e164" check (phone ~ '^\+[1-9]\d{6,14}$');
alter table crm."Customers" alter column "Email" set not null;

-- down uniq
alter table crm."Customers" alter column "Email" drop not null, drop constraint phone_e164, drop column "tenantId";

-- found
-- 002.up:2 danger create-index-blocking: an index on `crm."Customers"` is built under ACCESS EXCLUSIVE, which an earlier statement took
-- 002.up:2 warning fails-on-data: it fails on generated rows: could not create unique index "Customers_email_uq"
-- 002.up:3 danger constraint-without-not-valid: `crm."Customers"` is scanned under ACCESS EXCLUSIVE, which an earlier statement took
-- 002.up:5 danger set-not-null-scan: `crm."Customers"` is scanned under ACCESS EXCLUSIVE, which an earlier statement took
-- 002.up:5 warning new-not-null-without-default: `crm."Customers"."Email"` is now NOT NULL, without a default: an INSERT without it fails
