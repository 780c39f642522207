select U&'abc;
────
The place includes the U&.

refused 1:8 U&'
message the string opened here is never closed
hint    close it with `'`; a quote inside a string is written twice, `''`
