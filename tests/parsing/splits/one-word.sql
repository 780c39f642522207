⟦commit⟧␄
────
The shortest of files.
