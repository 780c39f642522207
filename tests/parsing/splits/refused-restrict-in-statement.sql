select 1
\restrict abc
;
────
Inside a statement the line cannot be ignored.

refused 2:1 \restrict
message `\restrict` is ignored only between statements, with nothing but its key after it
hint    put it on a line of its own, after a `;`
