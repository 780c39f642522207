⟦select '{1,2}'::int[], a[1⟧; ⟦2], {⟧; ⟦}⟧;
────
Brackets and braces do not count.
