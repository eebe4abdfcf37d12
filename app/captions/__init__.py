"""What a post says: the text and the title that are sent, and what is wrong with them. Pure.

`compose` puts caption, hashtags and options together the same way for checking, sending and
recording, so that what was checked is what is sent.
"""

from __future__ import annotations

from app.captions.composing import Composed, compose
from app.captions.faults import caption_faults

__all__ = ["Composed", "caption_faults", "compose"]
