⟦COPY t FROM STDIN WITH DELIMITER '|' NULL AS ''⟧;
⟪1|
⟫\.
⟦copy binary t from stdin⟧;
⟪⟫\.
────
The old syntax of the options.
