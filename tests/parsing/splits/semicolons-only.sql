;; ;
; /* ; */ ; -- ;
────
A file with only semicolons has no statement.
