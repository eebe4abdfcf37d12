"""What `make bench` measures: medians of several runs on this machine, against real parts."""
