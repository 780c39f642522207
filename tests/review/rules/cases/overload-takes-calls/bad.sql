create function twice(n varchar) returns text language sql stable as 'select n';
