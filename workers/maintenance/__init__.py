"""Background work beside publishing.

`at_risk`, `follow_ups`, `counts`, `renewals` and `tallies` each have the function that a run calls
and, for the scheduler's table (`workers.scheduling.periodic`), an `is_any_…` that tells whether it
would find anything to do. The leading scheduler calls `retention.prune` itself; `token_checks` is
what `at_risk` checks tokens with. Calls to platforms go through `workers.unresponsive`.
"""
