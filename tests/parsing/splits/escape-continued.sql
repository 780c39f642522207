⟦select E'a'
  'b\';c'⟧;
⟦select 2⟧;
────
The part of an E string on the next line has escapes too; psql forgets that.
