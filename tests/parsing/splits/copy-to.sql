⟦copy t to stdout⟧;
⟦copy (select a from stdin) to stdout⟧;
⟦copy (select 1; select 2) to stdin⟧;
⟦select 2⟧;
────
COPY TO has no data.
