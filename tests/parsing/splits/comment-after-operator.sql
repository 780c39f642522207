⟦select 1+/* ; */2⟧;
⟦select 1*--;
2⟧;
⟦select 1<--;
2⟧;
⟦select 2*/* ; */3, @/* ; */-1⟧;
────
An operator ends where a comment begins.
