"""Live status over Server-Sent Events: one thread per web process serves all of its listeners.

A listener costs a socket and a few hundred bytes, and no thread: the request's thread checks the
caller, reads the status and moves on to the next request (`connections`), while the hub polls the
database once for the jobs of all listeners (`hub`).
"""
