⟦select date'2024-01-01;', time '12:00;'⟧;
⟦select 2⟧;
────
A string may follow a type without a space, also a type that ends in e.
