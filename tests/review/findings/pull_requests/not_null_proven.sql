-- NOT NULL that a CHECK has proven takes its place.

-- base
create table u (id int primary key, email text, constraint email_nn check (email is not null));

-- up s
alter table u alter column email set not null;
alter table u drop constraint email_nn;

-- down s
alter table u add constraint email_nn check (email is not null) not valid;
alter table u alter column email drop not null;

-- found
