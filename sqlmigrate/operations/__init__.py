"""What can be done to one database: the library behind the commands."""
