select 'it\'s; it\'s';
────
Strings written for a server that takes backslashes.

refused 1:18 \'
message a backslash stands outside quotes
hint    in '…' a backslash escapes nothing: write `''` for a quote inside, or begin the string with `E'`
