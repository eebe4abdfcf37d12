"""One run of a post: claim it, run its next steps, record the result."""
