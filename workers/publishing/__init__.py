"""One run of a post: claim it, do what comes next, write down how it went."""
