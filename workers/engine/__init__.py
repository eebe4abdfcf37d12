"""The worker engine: one RQ worker that executes many runs at once in children forked from it.

The parent alone speaks with Redis about runs: it pops them so that none is lost, hands them to
its children over pipes, and settles a finished one and takes the next in one script. It imports
the application once and executes nothing itself, so a run that crashes takes only its own child
with it, and forking one anew costs milliseconds and shares the memory.
"""
