"""Making videos anew for platforms that do not take them as they are: ffmpeg, kept in bounds."""
