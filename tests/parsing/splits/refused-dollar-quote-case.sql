do $Body$ begin end $body$;
────
The closing tag is in another case.

refused 1:4 $Body$
message the dollar quote `$Body$` opened here is never closed
hint    close it with exactly `$Body$`
