"""The list of what is in an image names all of it, is valid, and says the same of the same image."""

import re
from typing import Any

import pytest

from scripts.images.sbom import STATUS, bom, faults, wanted

DIGEST = "sha256:" + "a" * 64
DPKG = b"""Package: libssl3
Status: install ok installed
Architecture: amd64
Version: 3.0.17-1~deb12u2
Description: library
 more of it
Depends: libc6

Package: gone
Status: deinstall ok config-files
Architecture: amd64
Version: 1

Package: libstdc++6
Status: install ok installed
Architecture: amd64
Version: 2:12.2.0-14
"""
SITE = "opt/larets/lib/python3.11/site-packages"
FOUND = {
    STATUS: DPKG,
    f"{SITE}/Some_Thing-1.2.dist-info/METADATA": b"Metadata-Version: 2.4\nName: Some_Thing\nVersion: 1.2\n"
    b"License-Expression: MIT\n",
    f"{SITE}/other-3.dist-info/METADATA": b"Metadata-Version: 2.1\nName: other\nVersion: 3\n",
}


def _bom() -> dict[str, Any]:
    return bom("larets-vault", "0.1.0", DIGEST, FOUND)


def test_debian_packages_and_python_distributions_are_named() -> None:
    assert [each["purl"] for each in _bom()["components"]] == [
        "pkg:deb/debian/libssl3@3.0.17-1~deb12u2?arch=amd64",
        "pkg:deb/debian/libstdc++6@2%3A12.2.0-14?arch=amd64",
        "pkg:pypi/other@3",
        "pkg:pypi/some-thing@1.2",
    ]


def test_a_licence_stands_where_it_is_told() -> None:
    of = {each["name"]: each.get("licenses") for each in _bom()["components"]}
    assert of["Some_Thing"] == [{"expression": "MIT"}]
    assert of["other"] is None


def test_the_same_image_has_the_same_list_and_another_another() -> None:
    assert _bom() == _bom()
    assert _bom()["serialNumber"] != bom("larets-vault", "0.1.0", "sha256:" + "b" * 64, FOUND)["serialNumber"]


def test_it_is_valid() -> None:
    assert faults(_bom()) == []


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda it: it.pop("specVersion"), "bom: specVersion is missing"),
        (lambda it: it.update(bomFormat="SPDX"), "bomFormat is not"),
        (lambda it: it.update(serialNumber="7"), "serialNumber"),
        (lambda it: it.update(packages=[]), "bom: packages is no field of it"),
        (lambda it: it["metadata"].update(author="x"), "metadata: author is no field of it"),
        (lambda it: it["components"][0].pop("name"), "component 1: name is missing"),
        (lambda it: it["components"][0].update(licence="MIT"), "component 1: licence is no field of it"),
        (lambda it: it["components"][0].update(type="package"), "type package is none"),
        (lambda it: it["components"].append(dict(it["components"][0])), "stands twice"),
    ],
)
def test_what_the_specification_refuses_is_found(change: Any, told: str) -> None:
    document = _bom()
    change(document)
    assert re.search(re.escape(told), "\n".join(faults(document)))


@pytest.mark.parametrize(
    ("path", "is_wanted"),
    [
        (STATUS, True),
        (f"{SITE}/other-3.dist-info/METADATA", True),
        (f"{SITE}/other-3.dist-info/RECORD", False),
        ("var/lib/dpkg/status-old", False),
    ],
)
def test_only_what_lists_packages_is_read(path: str, *, is_wanted: bool) -> None:
    assert wanted(path) is is_wanted
