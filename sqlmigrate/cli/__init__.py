"""The command line: commands, options, exit codes. Everything below is a library and prints nothing."""
