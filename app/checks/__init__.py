"""What can be known of a post before a worker runs: its words, its time, its account, its video.

Each check returns faults or warnings by field and raises nothing, so that all of them can be
told at once.
"""
