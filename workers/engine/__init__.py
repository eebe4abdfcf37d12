"""The worker engine: one RQ worker that executes many runs at once in forked children.

Only the parent takes runs from Redis and settles them: it pops them without losing any, dispatches
them to its children over pipes, and settles a finished run and takes the next in one script. It
loads the application once and executes nothing itself, so a run that crashes kills only its own
child, and forking another takes milliseconds and shares the memory.
"""
