⟦select E'a'

	␌
  'b\';c'⟧;
⟦select 2⟧;
────
All kinds of white space are allowed between the parts.
