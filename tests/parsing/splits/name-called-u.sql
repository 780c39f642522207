⟦select 1 as u"a;\"⟧;
⟦select u & "b;"⟧;
────
U alone before a double quote is a name of its own.
