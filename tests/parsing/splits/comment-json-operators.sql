⟦select a->'b;', a->>'c', a#>>'{d;}', a @> '{}', a ?| array['e'], a - 'f'⟧;
⟦select 2⟧;
────
Operators with dashes, hashes and question marks.
