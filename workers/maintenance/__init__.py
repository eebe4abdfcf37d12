"""What is done beside publishing, a run at a time: looking ahead of scheduled posts and after live
ones, counting, renewing tokens, adding up, forgetting.

Each module has the function that a run calls and, for the scheduler's sweep, the question whether
there is anything to do. They ask platforms through `asking`, which leaves one alone that hangs.
"""
