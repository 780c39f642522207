"""The session: connects to one database, and sends many requests in one round trip."""
