insert into countries values ('XK', 'Kosovo');
-- down
delete from countries where code = 'XK';
