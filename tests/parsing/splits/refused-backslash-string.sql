select 'it\'s; it\'s';
────
The string was written for a server that accepts backslashes as escapes.

refused 1:18 \'
message backslash outside of quotes
hint    in '…' a backslash is not an escape: write a quote inside it as `''`, or begin the string with `E'`
