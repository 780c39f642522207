select 1 \ 2;
────
A backslash is not an operator.

refused 1:10 \
message backslash outside of quotes
hint    in '…' a backslash is not an escape: write a quote inside it as `''`, or begin the string with `E'`
