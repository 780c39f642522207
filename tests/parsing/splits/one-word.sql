⟦commit⟧␄
────
The shortest file.
