⟦select E'it''s; \'', E''';\''⟧;
⟦select 2⟧;
────
Doubled and escaped quotes may be next to each other.
