;; ;
; /* ; */ ; -- ;
────
Semicolons alone make no statement.
