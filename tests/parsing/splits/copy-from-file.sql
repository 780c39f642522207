⟦copy t from '/tmp/stdin'⟧;
⟦copy t from program 'cat stdin'⟧;
⟦copy t from 'stdin' with (format csv)⟧;
────
From a file or a program there is no data.
