"""Which migrations are reviewed: those of the pull request."""
