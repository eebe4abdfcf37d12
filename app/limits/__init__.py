"""Staying under the platforms' limits, and letting no user or account hold up another.

Limits are of two kinds, each decided where it can be decided exactly:

- What a job needs to *begin* (post quota, an upload slot, its account's turn, an open gate) is
  decided in the transaction that claims it: `lanes` says whose turn it is, `upload_slots` what is
  in flight, `ledger` what was used, `gates` and `circuits` what is closed.
- What each *call* uses (calls an hour, units a day, inits a minute) is counted in Redis, one
  atomic step per decision: `counters`. The ledger in the database has it too, so Redis may lose
  its data.

Rows that may not begin for a while get a due time and a reason (`holds`). Rows that only wait for
an upload slot stay due, and the job that frees one wakes the next (`app.publishing.waiters`).
"""
