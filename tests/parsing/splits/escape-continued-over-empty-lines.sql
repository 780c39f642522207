⟦select E'a'

	␌
  'b\';c'⟧;
⟦select 2⟧;
────
White space of all kinds may stand between the pieces.
