"""Which runs are ours. Redis holds what anyone who can write to it has put there."""

from __future__ import annotations

from rq.exceptions import DeserializationError

from app.queues import Run
from app.queues.names import ARGUMENTS_OF

#: How much of a foreign function's name the reason repeats.
SHOWN_CHARACTERS = 100


def why_refused(run: Run) -> str | None:
    """Return why a run must not be executed; None if it is one that this service queues.

    RQ would import and call whatever function, or method of whatever object, the run names.
    """
    try:
        function, args = run.func_name, run.args
    except DeserializationError:
        return "its call is unreadable"
    shown = repr(function)[:SHOWN_CHARACTERS]
    if not isinstance(function, str) or function not in ARGUMENTS_OF:
        return f"no run calls {shown}"
    has_our_types = isinstance(args, list) and (tuple(map(type, args)) == ARGUMENTS_OF[function])
    if not has_our_types or run.instance is not None or run.kwargs != {}:
        return f"no run calls {shown} like this"
    return None
