create function f() returns int begin atomic
    select 'a';
    select 'b''c; end;
────
The string is inside a body.

refused 3:12 '
message the string opened here is never closed
hint    close it with `'`; a quote inside a string is written twice, `''`
