⟦select E'a'
  'b\';c'⟧;
⟦select 2⟧;
────
The next line's piece of an E string takes escapes too; psql forgets that.
