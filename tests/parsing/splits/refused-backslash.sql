select 1 \ 2;
────
A backslash is no operator.

refused 1:10 \
message a backslash stands outside quotes
hint    in '…' a backslash escapes nothing: write `''` for a quote inside, or begin the string with `E'`
