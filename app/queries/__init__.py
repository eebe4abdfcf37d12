"""Reads of the database for the API, the admin pages and the workers, a module per resource.

A read opens its own transaction, unless its docstring says that it needs the caller's.
"""
