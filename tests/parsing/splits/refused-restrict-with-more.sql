\restrict abc; select 1;
────
psql would swallow the rest of the line.

refused 1:1 \restrict
message `\restrict` is passed over between statements only, with nothing but its key behind it
hint    write it on a line of its own, after a `;`
