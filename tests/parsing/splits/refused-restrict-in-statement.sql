select 1
\restrict abc
;
────
Inside a statement the line cannot be passed over.

refused 2:1 \restrict
message `\restrict` is passed over between statements only, with nothing but its key behind it
hint    write it on a line of its own, after a `;`
