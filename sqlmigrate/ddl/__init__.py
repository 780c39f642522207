"""Objects of a catalog as SQL statements: what creates them, drops them, and makes them what they were."""
