"""Server-side apply of a folder of manifests, one after the other: what an apply is measured against."""

import sys
from pathlib import Path

import yaml

from scripts.env.kube import connect


def main() -> None:
    folder, kubeconfig, context = sys.argv[1:]
    cluster = connect(Path(kubeconfig).read_text(), context)
    for path in sorted(Path(folder).glob("*.yaml")):
        cluster.apply(yaml.safe_load(path.read_text()))


if __name__ == "__main__":
    main()
