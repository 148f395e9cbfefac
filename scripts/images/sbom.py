"""The list of what is in an image: CycloneDX 1.6 JSON, from the image's own files.

Python distributions are read by importlib.metadata from their METADATA, Debian packages from dpkg's status. What was
installed without either is not listed: nothing is, in these images, but our own code, which is the main component.
"""

import re
import tempfile
import uuid
from collections.abc import Iterable, Mapping
from importlib.metadata import distributions
from pathlib import Path, PurePosixPath
from typing import Any, Final
from urllib.parse import quote

STATUS: Final = "var/lib/dpkg/status"
_SPEC: Final = "1.6"
# From the specification's schema: what each kind of object must have, and all that it may have here.
_FIELDS: Final[dict[str, tuple[frozenset[str], frozenset[str]]]] = {
    "bom": (
        frozenset({"bomFormat", "specVersion"}),
        frozenset({"$schema", "bomFormat", "specVersion", "serialNumber", "version", "metadata", "components",
                   "services", "externalReferences", "dependencies", "compositions", "vulnerabilities", "annotations",
                   "formulation", "declarations", "definitions", "properties", "signature"}),
    ),
    "metadata": (
        frozenset(),
        frozenset({"timestamp", "lifecycles", "tools", "manufacturer", "authors", "component", "manufacture",
                   "supplier", "licenses", "properties"}),
    ),
    "component": (
        frozenset({"type", "name"}),
        frozenset({"type", "mime-type", "bom-ref", "supplier", "manufacturer", "authors", "author", "publisher",
                   "group", "name", "version", "description", "scope", "hashes", "licenses", "copyright", "cpe",
                   "purl", "omniborId", "swhid", "swid", "modified", "pedigree", "externalReferences", "components",
                   "evidence", "releaseNotes", "modelCard", "data", "cryptoProperties", "properties", "tags",
                   "signature"}),
    ),
}  # fmt: skip
_TYPES: Final = frozenset({"application", "framework", "library", "container", "platform", "operating-system", "device",
                           "device-driver", "firmware", "file", "machine-learning-model", "data",
                           "cryptographic-asset"})  # fmt: skip
_SERIAL: Final = re.compile(r"urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-[1-5][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


def wanted(path: str) -> bool:
    """The files of an image that the list is made from."""
    return path == STATUS or (path.endswith(".dist-info/METADATA") and PurePosixPath(path).parts[-2] != ".dist-info")


def bom(name: str, version: str, digest: str, found: Mapping[str, bytes]) -> dict[str, Any]:
    """The list for an image, the same for the same image: no clock and no chance is in it."""
    components = [*_debian(found.get(STATUS, b"").decode("utf-8", "replace")), *_python(found)]
    return {
        "bomFormat": "CycloneDX",
        "specVersion": _SPEC,
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, digest)}",
        "version": 1,
        "metadata": {
            "tools": {"components": [{"type": "application", "name": "larets images", "version": version}]},
            "component": {"type": "container", "bom-ref": digest, "name": name, "version": version},
        },
        "components": sorted(components, key=lambda each: str(each["bom-ref"])),
    }


def faults(document: Mapping[str, Any]) -> list[str]:
    """What the specification's schema would refuse: fields unknown or missing, references that are not unique."""
    found = _fields("bom", document, "bom")
    if document.get("bomFormat") != "CycloneDX":
        found.append("bom: bomFormat is not CycloneDX")
    if not _SERIAL.fullmatch(str(document.get("serialNumber", ""))):
        found.append("bom: serialNumber is no urn:uuid")
    metadata = document.get("metadata", {})
    found += _fields("metadata", metadata, "metadata")
    components = [metadata.get("component", {}), *document.get("components", [])]
    for number, each in enumerate(components):
        found += _fields("component", each, f"component {number}")
        if each.get("type") not in _TYPES:
            found.append(f"component {number}: type {each.get('type')} is none of the specification's")
    references = [each["bom-ref"] for each in components if "bom-ref" in each]
    found += [
        f"bom-ref {each} stands twice" for each in sorted({one for one in references if references.count(one) > 1})
    ]
    return found


def _fields(kind: str, value: Mapping[str, Any], where: str) -> list[str]:
    needed, allowed = _FIELDS[kind]
    missing = [f"{where}: {field} is missing" for field in sorted(needed - value.keys())]
    return missing + [f"{where}: {field} is no field of it" for field in sorted(value.keys() - allowed)]


def _debian(status: str) -> Iterable[dict[str, Any]]:
    for paragraph in re.split(r"\n\s*\n", status):
        fields = dict(re.findall(r"(?m)^([A-Za-z-]+):[ \t]*(.*)$", paragraph))
        if not fields.get("Status", "").endswith(" installed"):
            continue
        name, version, machine = fields["Package"], fields["Version"], fields.get("Architecture", "all")
        purl = f"pkg:deb/debian/{quote(name, safe='+')}@{quote(version, safe='')}?arch={machine}"
        yield {
            "type": "library", "bom-ref": purl, "name": name, "version": version, "purl": purl,
            "supplier": {"name": "Debian"},
        }  # fmt: skip


def _python(found: Mapping[str, bytes]) -> Iterable[dict[str, Any]]:
    with tempfile.TemporaryDirectory(prefix="larets-sbom-") as folder:
        for number, path in enumerate(sorted(path for path in found if path.endswith("/METADATA"))):
            # Each in a folder of its own: an image may hold two of one name, and both count.
            place = Path(folder) / str(number) / PurePosixPath(path).parts[-2]
            place.mkdir(parents=True)
            (place / "METADATA").write_bytes(found[path])
            for each in distributions(path=[str(place.parent)]):
                yield _distribution(each.metadata["Name"], each.version, each.metadata.json.get("license_expression"))


def _distribution(name: str, version: str, licence: Any) -> dict[str, Any]:
    normal = re.sub(r"[-_.]+", "-", name).lower()
    purl = f"pkg:pypi/{quote(normal, safe='')}@{quote(version, safe='')}"
    component: dict[str, Any] = {
        "type": "library", "bom-ref": purl, "name": name, "version": version, "purl": purl,
    }  # fmt: skip
    return component | ({"licenses": [{"expression": str(licence)}]} if licence else {})
