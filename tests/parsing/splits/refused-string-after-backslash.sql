insert into t
values ('it\'s', 1);
────
A backslash before an earlier quote is a likely cause, so the hint names it.

refused 2:15 '
message the string opened here is never closed
hint    does the `\'` in line 2 end it too early? Write a quote inside it as `''`
