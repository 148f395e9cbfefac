"""A small OCI archive, as an engine would write it."""

import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path


def tarred(files: Mapping[str, bytes]) -> bytes:
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode="w") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return held.getvalue()


def oci(path: Path, layers: Sequence[Mapping[str, bytes]], *, images: int = 1) -> str:
    """Write it; returns the manifest's digest."""
    blobs: dict[str, bytes] = {}

    def kept(content: bytes) -> str:
        digest = hashlib.sha256(content).hexdigest()
        blobs[f"blobs/sha256/{digest}"] = content
        return f"sha256:{digest}"

    listed = [{"digest": kept(gzip.compress(tarred(layer), mtime=0))} for layer in layers]
    configuration = {"digest": kept(json.dumps({"config": {"Env": ["PATH=/bin"]}}).encode())}
    manifest = kept(json.dumps({"schemaVersion": 2, "config": configuration, "layers": listed}).encode())
    index = json.dumps({"manifests": [{"digest": manifest}] * images}).encode()
    path.write_bytes(tarred({"index.json": index, **blobs}))
    return manifest
