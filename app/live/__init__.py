"""Live status: one thread per web process that feeds every listener of that process.

A listener costs a socket and a few hundred bytes, no thread: the request's thread reads the
status, checks the caller and goes on to the next request (`connections`), while the hub looks
once for all listeners which of their jobs have changed (`hub`).
"""
