"""Transcoding of videos that a platform does not accept as they are: ffmpeg, within limits."""
