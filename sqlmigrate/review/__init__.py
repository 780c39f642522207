"""Review raw SQL in a pull request by running it: what new migrations will do to a live database."""
