"""What the three platforms have in common: clock, accounts, faults, journal, posts, uploads."""
