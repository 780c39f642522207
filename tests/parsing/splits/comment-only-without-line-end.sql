-- nothing; here␄
────
A line comment may end with the file.
