"""What the user has set: flags, environment variables, the project's file, database URLs."""
