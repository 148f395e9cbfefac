"""A file sealed in chunks: readable from any place on, and never shorter, longer or in another order than it was.

The construction is STREAM (Hoang, Reyhanitabar, Rogaway, Vizár: Online Authenticated-Encryption and its
Nonce-Reuse Misuse-Resistance, 2015) with the parameters of age:

    chunk i = AES-256-GCM(file key, nonce, 64 KiB of the file), with its 16-byte tag
    nonce   = i in 11 bytes, big-endian, then 1 for the last chunk and 0 for the others

The file key is random and serves one file, so a counter is a safe nonce. A chunk opens at its own place only, and
only the last one opens as the last. Every chunk but the last is full; the last is empty only where the file is.
The file's size travels beside its key, sealed, so that a range can be checked without reading the end.
"""

from pii_vault.core.primitives import NONCE_BYTES, TAG_BYTES, AesGcmCipher, AuthenticationFailed
from pii_vault.errors import TamperedFile

CHUNK_BYTES = 64 * 1024
SEALED_CHUNK_BYTES = CHUNK_BYTES + TAG_BYTES


def chunk_count(size: int) -> int:
    """Of a file of so many bytes; an empty one has an empty chunk."""
    return max(1, -(-size // CHUNK_BYTES))


def sealed_size(size: int) -> int:
    """Bytes of the sealed form of a file of `size` bytes."""
    return size + chunk_count(size) * TAG_BYTES


def _nonce(index: int, *, last: bool) -> bytes:
    return index.to_bytes(NONCE_BYTES - 1, "big") + bytes((last,))


class ChunkSealer:
    """Plain bytes in pieces of any length → sealed chunks. Holds one chunk at most."""

    def __init__(self, key: bytes) -> None:
        """`key`: 32 random bytes that seal this file and nothing else."""
        self.size = 0  # plain bytes so far
        self._cipher = AesGcmCipher(key)
        self._index = 0
        self._waiting = bytearray()

    def add(self, piece: bytes) -> bytes:
        """The chunks that are complete and surely not the last; often none."""
        self.size += len(piece)
        self._waiting += piece
        sealed = []
        at = 0
        while len(self._waiting) - at > CHUNK_BYTES:
            sealed.append(self._seal(bytes(self._waiting[at : at + CHUNK_BYTES]), last=False))
            at += CHUNK_BYTES
        del self._waiting[:at]
        return b"".join(sealed)

    def finish(self) -> bytes:
        """The last chunk."""
        return self._seal(bytes(self._waiting), last=True)

    def _seal(self, chunk: bytes, *, last: bool) -> bytes:
        sealed = self._cipher.encrypt(_nonce(self._index, last=last), chunk, b"")
        self._index += 1
        return sealed


class ChunkOpener:
    """The bytes `start` to `stop` of a file, from the chunks that hold them."""

    def __init__(self, key: bytes, *, size: int, start: int, stop: int) -> None:
        """`size` is the whole file's; 0 ≤ start ≤ stop ≤ size, in plain bytes."""
        if not 0 <= start <= stop <= size:
            raise ValueError("the range lies outside the file")
        self._cipher = AesGcmCipher(key)
        self._chunks = chunk_count(size)
        self._index = start // CHUNK_BYTES if start < size else self._chunks - 1
        self._end = max(self._index + 1, -(-stop // CHUNK_BYTES))
        self._skip = start - self._index * CHUNK_BYTES
        self._left = stop - start
        self._waiting = bytearray()
        self.sealed_start = self._index * SEALED_CHUNK_BYTES
        self.sealed_stop = min(self._end * SEALED_CHUNK_BYTES, sealed_size(size))

    def add(self, piece: bytes) -> bytes:
        """The next sealed bytes, from `sealed_start` on, → plain bytes of the range.

        Raises TamperedFile.
        """
        self._waiting += piece
        plain = []
        while len(self._waiting) >= SEALED_CHUNK_BYTES and self._index < self._end - 1:
            plain.append(self._open(bytes(self._waiting[:SEALED_CHUNK_BYTES])))
            del self._waiting[:SEALED_CHUNK_BYTES]
        return b"".join(plain)

    def finish(self) -> bytes:
        """The end of the range. Raises TamperedFile when chunks are missing or too many bytes came."""
        if self._index != self._end - 1:
            raise TamperedFile
        return self._open(bytes(self._waiting))

    def _open(self, sealed: bytes) -> bytes:
        try:
            plain = self._cipher.decrypt(_nonce(self._index, last=self._index == self._chunks - 1), sealed, b"")
        except (AuthenticationFailed, ValueError):
            raise TamperedFile from None
        self._index += 1
        wanted = plain[self._skip : self._skip + self._left]
        self._skip = 0
        self._left -= len(wanted)
        return wanted
