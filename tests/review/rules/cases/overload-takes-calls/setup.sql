create function twice(n text) returns text language sql stable as 'select n || n';
