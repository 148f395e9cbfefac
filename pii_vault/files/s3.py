"""Files in an S3-compatible bucket of the private contour, by aiobotocore."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Iterator
from contextlib import AsyncExitStack
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, TypeVar

from pii_vault.files.errors import FileMissing, FileStoreUnavailable
from pii_vault.files.port import NAME

if TYPE_CHECKING:
    from collections.abc import Mapping

T = TypeVar("T")
PART_BYTES: Final = 8 << 20  # S3 takes 10,000 parts: 80 GiB
PIECE_BYTES: Final = 1 << 20
CALL_SECONDS: Final = 30.0


class S3FileStore:
    """One bucket, one prefix, which ends in `/` and is this vault's alone.

    The bucket, its versioning (off: an erased file must go) and its rights are the administrator's;
    docs/guide-files.md names them.
    """

    def __init__(self, client: Any, *, bucket: str, prefix: str, stack: AsyncExitStack) -> None:
        self._client = client
        self._bucket = bucket
        self._prefix = prefix
        self._stack = stack

    @classmethod
    async def open(
        cls, *, endpoint: str, region: str, bucket: str, prefix: str, access_key: str, secret_key: str
    ) -> "S3FileStore":
        from aiobotocore.config import AioConfig  # noqa: PLC0415  heavy, and only for those who use it
        from aiobotocore.session import get_session  # noqa: PLC0415

        stack = AsyncExitStack()
        config = AioConfig(
            connect_timeout=3,
            read_timeout=CALL_SECONDS,
            retries={"max_attempts": 2},
            s3={"addressing_style": "path"},
            request_checksum_calculation="when_required",  # stores other than Amazon's refuse the newer checksums
            response_checksum_validation="when_required",
        )
        client = await stack.enter_async_context(
            get_session().create_client(
                "s3",
                endpoint_url=endpoint,
                region_name=region,
                aws_access_key_id=access_key,
                aws_secret_access_key=secret_key,
                config=config,
            )
        )
        return cls(client, bucket=bucket, prefix=prefix, stack=stack)

    async def write(self, name: str, pieces: AsyncIterator[bytes]) -> int:
        place = self._place(name)
        upload: str | None = None
        parts: list[Mapping[str, object]] = []
        written = 0
        buffer = bytearray()
        try:
            async for piece in pieces:
                buffer += piece
                if len(buffer) >= PART_BYTES:
                    upload = upload or (await _call(self._client.create_multipart_upload(**place)))["UploadId"]
                    parts.append(await self._part(place, upload, len(parts) + 1, bytes(buffer)))
                    written += len(buffer)
                    buffer.clear()
            written += len(buffer)
            if upload is None:
                await _call(self._client.put_object(**place, Body=bytes(buffer)))
                return written
            if buffer:
                parts.append(await self._part(place, upload, len(parts) + 1, bytes(buffer)))
            whole = {"Parts": parts}
            await _call(self._client.complete_multipart_upload(**place, UploadId=upload, MultipartUpload=whole))
        except BaseException:
            if upload is not None:
                with contextlib.suppress(FileStoreUnavailable, FileMissing):
                    await asyncio.shield(_call(self._client.abort_multipart_upload(**place, UploadId=upload)))
            raise
        return written

    async def size(self, name: str) -> int:
        found = await _call(self._client.head_object(**self._place(name)))
        return int(found["ContentLength"])

    async def read(self, name: str, start: int, stop: int) -> AsyncIterator[bytes]:
        if start >= stop:
            return
        found = await _call(self._client.get_object(**self._place(name), Range=f"bytes={start}-{stop - 1}"))
        async with found["Body"] as body:
            while piece := await _call(body.read(PIECE_BYTES)):
                yield piece

    async def delete(self, name: str) -> None:
        await _call(self._client.delete_object(**self._place(name)))

    async def names(self, *, before: datetime) -> AsyncIterator[str]:
        following: dict[str, str] = {}
        while True:
            page = await _call(self._client.list_objects_v2(Bucket=self._bucket, Prefix=self._prefix, **following))
            for entry in page.get("Contents", ()):
                name = entry["Key"].removeprefix(self._prefix)
                if entry["LastModified"] < before and NAME.fullmatch(name):
                    yield name
            if not page.get("IsTruncated"):
                return
            following = {"ContinuationToken": page["NextContinuationToken"]}

    async def close(self) -> None:
        await self._stack.aclose()

    def _place(self, name: str) -> "Mapping[str, str]":
        return {"Bucket": self._bucket, "Key": self._prefix + name}

    async def _part(self, place: "Mapping[str, str]", upload: str, number: int, body: bytes) -> "Mapping[str, object]":
        done = await _call(self._client.upload_part(**place, UploadId=upload, PartNumber=number, Body=body))
        return {"PartNumber": number, "ETag": done["ETag"]}


async def _call(act: Awaitable[T]) -> T:
    with _told():
        async with asyncio.timeout(CALL_SECONDS):
            return await act


@contextlib.contextmanager
def _told() -> Iterator[None]:
    """The store's errors as ours; their texts may name the request and are dropped."""
    from aiohttp import ClientError as HttpError  # noqa: PLC0415
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415

    try:
        yield
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") in ("404", "NoSuchKey", "NotFound"):
            raise FileMissing from None
        raise FileStoreUnavailable from None
    except (BotoCoreError, HttpError, OSError, TimeoutError):
        raise FileStoreUnavailable from None
