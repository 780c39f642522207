⟦select B'01;', x'1f;', b'\'⟧;
⟦select X'''; '⟧;
────
Bit strings have no escapes; after X'' a third quote opens another string.
