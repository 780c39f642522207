⟦copy t from '/tmp/stdin'⟧;
⟦copy t from program 'cat stdin'⟧;
⟦copy t from 'stdin' with (format csv)⟧;
────
A COPY from a file or a program has no data.
