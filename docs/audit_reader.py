"""Verifies a bundle of `larets audit export`: audit_reader.py BUNDLE LOG_KEY WITNESS_KEY (three files)."""
# Take the public keys from elsewhere than the bundle. Exit 0: all holds. The next bundle's numbers must follow.

import json
import sys
from base64 import b64decode
from hashlib import sha256
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey


def need(holds: object, otherwise: str) -> None:
    if not holds:
        sys.exit(f"refused: {otherwise}")


def opened(note: str, vkey: str, name: str = "") -> list[str]:
    """The lines of a C2SP note that the holder of `vkey` signed: a log under its own name, a witness with the time."""
    trusted, _, key = vkey.strip().split("+", 2)
    text, _, tail = note.rpartition("\n\n")
    need(not name or name == trusted or name.startswith(f"{trusted}/"), "another log")
    mine = sha256(f"{name or trusted}\n".encode() + (raw := b64decode(key))).digest()[:4]
    [signature] = [each[4:] for line in tail.splitlines() if (each := b64decode(line.split(" ")[2]))[:4] == mine]
    cosigned = "" if name else f"cosignature/v1\ntime {int.from_bytes(signature[:8], 'big')}\n"
    Ed25519PublicKey.from_public_bytes(raw[1:]).verify(signature[-64:], f"{cosigned}{text}\n".encode())
    return text.split("\n")


def verify(bundle: bytes, log: str, witness: str) -> str:
    *lines, last = bundle.splitlines(keepends=True)
    note = json.loads(last)["signature"]
    signed = ["larets audit bundle 1", note.split("\n")[1], sha256(b"".join(lines)).hexdigest()]
    need(opened(note, log, signed[1]) == signed, "not what was signed")
    head, *records = map(json.loads, lines)
    wanted = {int(note.split("\n")[1]): note for note in (head["before"], head["checkpoint"]) if note}
    left, right = ([(height, b64decode(root)) for height, root in head[side]] for side in ("left", "right"))
    need([len(records), sum(2**height for height, _ in left)] == [head["count"], head["first"]], "records are missing")
    need((end := head["first"] + head["count"]) <= max(wanted, default=0), "records are not witnessed")
    leaves = [sha256(b"\0" + r["record"].encode()).digest() if "record" in r else b64decode(r["leaf"]) for r in records]
    stack, size = [], 0  # complete subtrees: height, root (RFC 6962)
    for part in [*left, *((0, leaf) for leaf in leaves), *right]:
        stack, size = [*stack, part], size + 2 ** part[0]
        while len(stack) > 1 and stack[-1][0] == stack[-2][0]:
            stack[-2:] = [(stack[-1][0] + 1, sha256(b"\1" + stack[-2][1] + stack[-1][1]).digest())]
        if note := wanted.pop(size, None):
            root = stack[-1][1]
            for _, before in reversed(stack[:-1]):
                root = sha256(b"\1" + before + root).digest()
            need(opened(note, witness)[2] == opened(note, log, note.split("\n")[0])[2], "not witnessed")
            need(b64decode(note.split("\n")[2]) == root, "other records than these were witnessed")
    need(not wanted, "a checkpoint is missing")
    shown = f"{sum('record' in r for r in records)} of {len(records)} records"
    return f"holds: {shown}, numbers {head['first']} to {end - 1}, {head['from']} to {head['to']}"


if __name__ == "__main__":
    need(sys.argv[3:] and not sys.argv[4:], "three files are needed: BUNDLE LOG_KEY WITNESS_KEY")
    print(verify(Path(sys.argv[1]).read_bytes(), *(Path(name).read_text() for name in sys.argv[2:4])))
