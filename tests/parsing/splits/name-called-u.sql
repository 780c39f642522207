⟦select 1 as u"a;\"⟧;
⟦select u & "b;"⟧;
────
U without & before a double quote is a separate name.
