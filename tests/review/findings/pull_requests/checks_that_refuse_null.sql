-- CHECK constraints that refuse NULL break an INSERT as SET NOT NULL does; others do not.

-- base
create domain mail as text;
create domain known as text constraint known_check check (value is not null);
create table people (
    id bigint generated always as identity primary key, name text not null, mail mail, phone text, born date,
    kind text not null, since date default '2020-01-01', proven text constraint is_there check (proven is not null)
);

-- up refuse
alter table people add constraint born_known check (born is not null) not valid;
alter table people add constraint reachable check (num_nonnulls(born, phone) > 0) not valid;
alter domain mail add constraint mail_known check (value is not null) not valid;
alter table people add column title text;
alter table people add constraint title_known check (title is not null) not valid;

-- down refuse
alter table people drop constraint title_known;
alter table people drop column title;
alter domain mail drop constraint mail_known;
alter table people drop constraint reachable;
alter table people drop constraint born_known;

-- up fine
alter table people add constraint kind_mail check (kind <> 'mail' or mail is not null) not valid;
alter table people add constraint born_late check (born > '1900-01-01') not valid;
alter table people add constraint since_known check (since is not null) not valid;
alter table people add constraint name_known check (name is not null and name <> '') not valid;
alter table people drop constraint is_there;
alter table people add constraint is_there check (proven is not null) not valid;
alter domain known drop constraint known_check;
alter domain known add constraint known_check check (value is not null) not valid;
alter domain mail add constraint mail_at check (value like '%@%') not valid;

-- down fine
alter domain mail drop constraint mail_at;
alter table people drop constraint kind_mail, drop constraint born_late, drop constraint since_known,
    drop constraint name_known;

-- found
-- 002.up:1+2+3 warning new-not-null-without-default: the CHECK `born_known` refuses a row without `people.born`: an INSERT that leaves it out fails; the CHECK `reachable` refuses a row without `people.phone` and `people.born`: an INSERT that leaves them out fails; the CHECK `mail_known` refuses NULL in the domain `mail`: statements that set such a column to NULL fail
-- 002.up:5 danger new-not-null-without-default: the CHECK `title_known` refuses a row without `people.title`: an INSERT that leaves it out fails
