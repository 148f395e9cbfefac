"""Which worker of a parallel run gets which test: those that share one running instance go to one worker.

pytest-xdist's own groups (`--dist loadgroup`) work by a suffix to the test's id, which pytest 9.2 no longer takes.
"""

from typing import Any, Final

from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]

TOGETHER: Final = ("tests/e2e/",)


class TogetherScheduling(LoadScopeScheduling):  # type: ignore[misc]
    """Each test by itself, except those under a folder of TOGETHER. The largest group starts first."""

    def _split_scope(self, nodeid: Any) -> str:
        text = str(nodeid)
        return next((folder for folder in TOGETHER if text.startswith(folder)), text)
