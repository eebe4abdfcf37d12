"""The development stack: every process on one machine, on embedded servers and the sandbox.

`make run` and `make demo` start it; the tests and benchmarks use its parts. Production never
loads it.
"""
