⟦create table t (
    a int, -- first; it's (
    b int /* second; ) */,
    c int /* /* ; */ ) */
)⟧;
⟦select 2⟧;
────
Comments inside parentheses may contain parentheses.
