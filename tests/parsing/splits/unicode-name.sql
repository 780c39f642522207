⟦select 1 as U&"d\0061;"⟧;
⟦select 2 as u&"\"⟧;
────
A backslash in U&"…" does not escape a quote.
