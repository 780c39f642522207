alter domain email add constraint email_check check (value like '%@%');
-- down
alter domain email drop constraint email_check;
