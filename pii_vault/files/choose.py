"""Which store of files, by the settings."""

from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import Field
from pydantic_settings import BaseSettings

from pii_vault.files.local import LocalFileStore
from pii_vault.files.port import FileStore
from pii_vault.files.s3 import S3FileStore

# A whole folder of the bucket: what lies in it and is in no row of this vault is swept away.
PREFIX: Final = r"^(\w[\w.-]*/)+$"


class FileSettings(BaseSettings):
    """`LARETS_VAULT_FILES…`. A part of VaultSettings, which alone reads the environment."""

    files: Literal["off", "folder", "s3"] = "off"
    files_folder: Path | None = None
    files_s3_endpoint: str = ""
    files_s3_region: str = "ru-1"
    files_s3_bucket: str = ""
    files_s3_prefix: Annotated[str, Field(pattern=PREFIX)] = "larets-vault/"
    files_s3_access_key_file: Path | None = None
    files_s3_secret_key_file: Path | None = None

    def lacking_files(self) -> list[str]:
        """Settings without which the chosen store cannot be reached, by name."""
        needed: dict[str, object] = {}
        if self.files == "folder":
            needed = {"files_folder": self.files_folder}
        elif self.files == "s3":
            needed = {
                "files_s3_endpoint": self.files_s3_endpoint,
                "files_s3_bucket": self.files_s3_bucket,
                "files_s3_access_key_file": self.files_s3_access_key_file,
                "files_s3_secret_key_file": self.files_s3_secret_key_file,
            }
        return [name for name, value in needed.items() if not value]


async def open_files(settings: FileSettings) -> FileStore | None:
    """None where the shop keeps no files. Raises OSError when a secret's file cannot be read."""
    if settings.files == "folder" and settings.files_folder is not None:
        return LocalFileStore(settings.files_folder)
    if settings.files == "s3" and settings.files_s3_access_key_file and settings.files_s3_secret_key_file:
        return await S3FileStore.open(
            endpoint=settings.files_s3_endpoint,
            region=settings.files_s3_region,
            bucket=settings.files_s3_bucket,
            prefix=settings.files_s3_prefix,
            access_key=settings.files_s3_access_key_file.read_text("utf-8").strip(),
            secret_key=settings.files_s3_secret_key_file.read_text("utf-8").strip(),
        )
    return None
