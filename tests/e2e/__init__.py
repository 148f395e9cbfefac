"""End to end: the processes of `make up` on an instance of their own, and a real browser."""
