"""What the leading scheduler does: releases what is due, sweeps, queues periodic work."""
