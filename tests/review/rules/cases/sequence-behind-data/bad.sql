insert into countries (id, name) values (201, 'Kosovo'), (202, 'South Sudan');
-- down
delete from countries where id in (201, 202);
