"""Checks of a post before a worker runs: its content, time, account and video.

Each check returns faults or warnings by field and raises nothing, so that all of them can be
reported at once.
"""
