-- nothing; here␄
────
A line comment may end at the end of the file.
