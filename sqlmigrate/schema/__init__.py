"""A room: the schema as a file in the pull request; what was changed by hand; many migrations put into one."""
