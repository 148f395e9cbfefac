"""The Chromium of the end-to-end tests, the leak check and the screenshots, unpacked once from the npm package.

`@sparticuz/chromium` ships a headless shell inside the package: nothing is downloaded at run time, and npm's lock
file pins the browser as well.
"""

import ctypes.util
import io
import os
import tarfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import brotli
from playwright.async_api import Browser, async_playwright

ROOT: Final = Path(__file__).resolve().parents[2]
PACKAGE: Final = ROOT / "node_modules" / "@sparticuz" / "chromium" / "bin"
UNPACKED: Final = ROOT / ".tools" / "chromium"
ARGS: Final = (
    "--no-sandbox",  # the tests open only the project's own pages, and run as root in containers
    "--no-zygote",
    "--disable-gpu",
    "--headless=shell",
    "--disable-background-networking",
    "--disable-dev-shm-usage",
    "--font-render-hinting=none",
    "--hide-scrollbars",
)
_CHUNK: Final = 1 << 20


class BrowserMissingError(Exception):
    """The test browser is not installed: run `npm ci` in the project's folder, then try again."""

    def __init__(self) -> None:
        super().__init__(self.__doc__)


def _inflate(source: Path, target: Path) -> None:
    decoder = brotli.Decompressor()
    with source.open("rb") as packed, target.open("wb") as plain:
        while chunk := packed.read(_CHUNK):
            plain.write(decoder.process(chunk))


def _unpack_libraries(name: str) -> None:
    archive = io.BytesIO(brotli.decompress((PACKAGE / name).read_bytes()))
    with tarfile.open(fileobj=archive) as tar:
        tar.extractall(UNPACKED, filter="data")


def chromium() -> Path:
    """Path of the executable; unpacked on first use, again when npm installed another version."""
    source = PACKAGE / "chromium.br"
    executable, stamp = UNPACKED / "chromium", UNPACKED / "version"
    if not source.exists():
        raise BrowserMissingError
    version = str(source.stat().st_size)
    if executable.exists() and stamp.exists() and stamp.read_text() == version:
        return executable
    UNPACKED.mkdir(parents=True, exist_ok=True)
    # Two processes may unpack at once: each writes its own file, and the rename is atomic.
    fresh = UNPACKED / f"chromium.{os.getpid()}"
    _inflate(source, fresh)
    fresh.chmod(0o755)
    fresh.rename(executable)
    _unpack_libraries("swiftshader.tar.br")
    if ctypes.util.find_library("nss3") is None:
        _unpack_libraries("al2023.tar.br")
    stamp.write_text(version)
    return executable


def environment() -> dict[str, str]:
    """Variables for the browser's process: the bundled libraries serve machines that lack NSS."""
    bundled = next((path.parent for path in UNPACKED.rglob("libnss3.so")), None)
    variables = {key: value for key, value in os.environ.items() if not key.startswith("LARETS_")}
    if bundled is not None:
        variables["LD_LIBRARY_PATH"] = f"{bundled}:{variables.get('LD_LIBRARY_PATH', '')}".rstrip(":")
    return variables


@asynccontextmanager
async def launch(*extra_args: str) -> AsyncIterator[Browser]:
    """A browser with no profile; callers open contexts of their own."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=str(chromium()),
            args=[*ARGS, *extra_args],
            env={**environment()},
        )
        try:
            yield browser
        finally:
            await browser.close()
