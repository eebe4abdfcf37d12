"""Staying under the platforms' limits, and letting nobody hold anybody up.

Two kinds of limits, decided where they can be decided exactly:

- What a job needs to *begin* (a post of the day, a place among the uploads at once, its account's
  turn, an open gate) is decided in the transaction that claims it: `lanes` says whose turn it is,
  `places` what is under way, `ledger` what was used, `gates` and `circuits` what is closed.
- What each *call* uses (calls an hour, units a day, inits a minute) is counted in Redis, in one
  step per decision: `counters`. The ledger in the database has it too, so Redis may be emptied.

Rows that may not begin for a while get a due time and a reason (`holds`); rows that only wait
for a place stay due, and whoever frees one wakes the next (`app.publishing.relay`).
"""
