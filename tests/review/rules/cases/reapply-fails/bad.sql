insert into countries values ('XK', 'Kosovo');
-- down
select 'the country may stay';
