"""The text and title of a post: composing them and checking them. Pure.

`compose` is used alike for checking, sending and recording, so that what was checked is what is
sent.
"""

from __future__ import annotations

from app.captions.composing import Composed, compose
from app.captions.faults import caption_faults

__all__ = ["Composed", "caption_faults", "compose"]
