"""libfaketime: clocks that are wrong, for the tests of faults."""

import sysconfig
from typing import Final

from scripts.tools.tool import DebianUnpack, Tool

_FOLDER: Final = f"libfaketime/usr/lib/{sysconfig.get_config_var('MULTIARCH') or ''}/faketime"
WITH_THREADS: Final = f"{_FOLDER}/libfaketimeMT.so.1"
WITHOUT_THREADS: Final = f"{_FOLDER}/libfaketime.so.1"

TOOLS = (
    Tool(
        "libfaketime",
        version="0.9",
        leaves=(WITH_THREADS, WITHOUT_THREADS),
        takes="2 s",
        steps=(DebianUnpack(("libfaketime",), "libfaketime"),),
    ),
)
