"""Where this machine's pip fetches packages, for the build: a file that is mounted for one step and kept nowhere."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Final

# What speaks of the index; folders of this machine and ways to install mean nothing inside a build.
TAKEN: Final = ("index-url", "extra-index-url", "trusted-host", "proxy", "retries", "timeout", "default-timeout")
AUTHORITIES: Final = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem")
_LINE: Final = re.compile(r"(global|install|:env:)\.([a-z-]+)='(.*)'")
_RANK: Final = ("global", "install", ":env:")  # as pip has it: a later one outdoes those before


def write(folder: Path) -> dict[str, Path]:
    """The build's secrets `pip` and `authorities`, readable by their owner alone."""
    listed = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True, check=False
    ).stdout
    settings, named = taken(listed)
    places = [Path(place) for place in (named, os.environ.get("SSL_CERT_FILE", ""), *AUTHORITIES) if place]
    authorities = next((place.read_text("utf-8") for place in places if place.is_file()), "")
    return {
        "pip": _private(folder / "pip.conf", settings),
        "authorities": _private(folder / "authorities.pem", authorities),
    }


def taken(listed: str) -> tuple[str, str]:
    """The settings of pip as a file of its own, and the file of authorities it trusts."""
    lines = [match.groups() for line in listed.splitlines() if (match := _LINE.fullmatch(line.strip()))]
    found = {name: value for _, name, value in sorted(lines, key=lambda line: _RANK.index(line[0]))}
    kept = [f"{name} = {found[name]}\n" for name in TAKEN if name in found]
    return "[global]\n" + "".join(kept), found.get("cert", "")


def _private(path: Path, text: str) -> Path:
    path.touch(mode=0o600)
    path.write_text(text, "utf-8")
    return path
