"""What can be done to one database. The commands call these functions, and so do users of the library."""
