"""End to end: the processes of `make up` on an instance of their own, and a real browser."""

import pytest

E2E = pytest.mark.xdist_group("e2e")
