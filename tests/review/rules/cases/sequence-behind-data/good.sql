insert into countries (id, name) values (201, 'Kosovo'), (202, 'South Sudan');
select setval(pg_get_serial_sequence('countries', 'id'), (select max(id) from countries));
-- down
delete from countries where id in (201, 202);
select setval(pg_get_serial_sequence('countries', 'id'), (select max(id) from countries));
