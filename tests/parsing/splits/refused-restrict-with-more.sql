\restrict abc; select 1;
────
psql would drop the rest of the line.

refused 1:1 \restrict
message `\restrict` is ignored only between statements, with nothing but its key after it
hint    put it on a line of its own, after a `;`
