⟦select U&'\0061;\', u&'d!0061;' uescape '!'⟧;
⟦select U&'a'
'b\'⟧;
⟦select 2⟧;
────
A backslash in U&'…' does not escape a quote.
