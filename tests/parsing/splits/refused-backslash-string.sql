select 'it\'s; it\'s';
────
Strings written for a server that takes backslashes.

refused 1:18 \'
message backslash outside of quotes
hint    in '…' a backslash is not an escape: write a quote inside it as `''`, or begin the string with `E'`
