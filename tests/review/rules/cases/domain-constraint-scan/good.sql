alter domain email add constraint email_check check (value like '%@%') not valid;
-- down
alter domain email drop constraint email_check;
