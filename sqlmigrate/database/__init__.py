"""The session with one database: connecting, sending requests, the lock of a run, and what other sessions do."""
