"""What every key service promises. A service's test module subclasses this and gives a `keys` fixture."""

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from pii_vault.errors import KeyServiceError, KeyStepRefused, TenantKeyExists, UnknownTenantKey, UnwrapFailed
from pii_vault.keys.service import KeyService, WrappedKey
from pii_vault.keys.versions import KINDS, Kind, Versions


class KeyServiceContract:
    @pytest.fixture
    async def keys(self) -> KeyService:
        raise NotImplementedError

    @pytest.fixture
    async def shops(self, keys: KeyService) -> KeyService:
        await keys.create_tenant("demo")
        await keys.create_tenant("other-shop")
        return keys

    async def test_wrapped_keys_open_in_order(self, shops: KeyService) -> None:
        contexts = [b"subject-%d" % number for number in range(50)]
        made = await shops.generate("demo", contexts)
        assert len({dek for dek, _ in made}) == 50
        assert all(len(dek) == 32 for dek, _ in made)
        wrapped = [(context, key) for context, (_, key) in zip(contexts, made, strict=True)]
        assert await shops.unwrap("demo", wrapped) == [dek for dek, _ in made]

    async def test_nothing_asked_is_nothing_given(self, shops: KeyService) -> None:
        assert await shops.generate("demo", []) == []
        assert await shops.unwrap("demo", []) == []

    async def test_a_wrapped_key_does_not_show_its_dek(self, shops: KeyService) -> None:
        ((dek, wrapped),) = await shops.generate("demo", [b"subject"])
        assert dek not in wrapped.blob

    async def test_a_key_moved_to_another_context_does_not_open(self, shops: KeyService) -> None:
        ((_, wrapped),) = await shops.generate("demo", [b"subject" + b"\0"])
        with pytest.raises(UnwrapFailed):
            await shops.unwrap("demo", [(b"subject" + b"\1", wrapped)])

    async def test_a_key_of_another_tenant_does_not_open(self, shops: KeyService) -> None:
        ((_, wrapped),) = await shops.generate("demo", [b"subject"])
        with pytest.raises(UnwrapFailed):
            await shops.unwrap("other-shop", [(b"subject", wrapped)])

    @pytest.mark.parametrize("at", [0, 11, 12, 40, 59])
    async def test_a_changed_key_does_not_open(self, shops: KeyService, at: int) -> None:
        ((_, wrapped),) = await shops.generate("demo", [b"subject"])
        blob = bytearray(wrapped.blob)
        blob[at] ^= 1
        with pytest.raises(UnwrapFailed):
            await shops.unwrap("demo", [(b"subject", WrappedKey(wrapped.kek_version, bytes(blob)))])

    @pytest.mark.parametrize("blob", [b"", b"short", bytes(59), bytes(61)])
    async def test_a_key_of_a_wrong_length_does_not_open(self, shops: KeyService, blob: bytes) -> None:
        with pytest.raises(UnwrapFailed):
            await shops.unwrap("demo", [(b"subject", WrappedKey(1, blob))])

    async def test_one_foreign_key_fails_the_call(self, shops: KeyService) -> None:
        ((_, own),) = await shops.generate("demo", [b"subject"])
        ((_, foreign),) = await shops.generate("other-shop", [b"subject"])
        with pytest.raises(UnwrapFailed):
            await shops.unwrap("demo", [(b"subject", own), (b"subject", foreign)])

    async def test_an_unknown_version_is_named(self, shops: KeyService) -> None:
        ((_, wrapped),) = await shops.generate("demo", [b"subject"])
        with pytest.raises(UnknownTenantKey, match="version 9"):
            await shops.unwrap("demo", [(b"subject", WrappedKey(9, wrapped.blob))])
        with pytest.raises(UnknownTenantKey, match="version 9"):
            await shops.index_key("demo", "phone", 9)

    async def test_an_unknown_tenant_has_no_keys(self, shops: KeyService) -> None:
        with pytest.raises(UnknownTenantKey):
            await shops.generate("nobody", [b"subject"])
        with pytest.raises(UnknownTenantKey):
            await shops.index_key("nobody", "phone", 1)

    async def test_a_tenant_is_created_once(self, shops: KeyService) -> None:
        before = await shops.index_key("demo", "phone", 1)
        with pytest.raises(TenantKeyExists):
            await shops.create_tenant("demo")
        assert await shops.index_key("demo", "phone", 1) == before

    async def test_index_keys_differ_by_tenant_and_class_and_rest(self, shops: KeyService) -> None:
        keys = [
            await shops.index_key(tenant, class_id, 1)
            for tenant in ("demo", "other-shop")
            for class_id in ("phone", "email")
        ]
        assert len(set(keys)) == 4
        assert all(len(key) == 32 for key in keys)
        assert await shops.index_key("demo", "phone", 1) == keys[0]

    async def test_the_audit_key_rests_and_is_no_other_key(self, shops: KeyService) -> None:
        key = await shops.audit_key()
        assert len(key) == 32
        assert key == await shops.audit_key()
        assert key != await shops.index_key("demo", "phone", 1)

    async def test_checkpoints_are_signed(self, shops: KeyService) -> None:
        public = Ed25519PublicKey.from_public_bytes(shops.checkpoint_public_key())
        signature = await shops.sign_checkpoint(b"checkpoint")
        public.verify(signature, b"checkpoint")
        with pytest.raises(InvalidSignature):
            public.verify(signature, b"another checkpoint")

    async def test_it_is_ready(self, shops: KeyService) -> None:
        await shops.ready()

    async def test_no_error_and_no_repr_shows_a_key(self, shops: KeyService) -> None:
        ((dek, wrapped),) = await shops.generate("demo", [b"subject"])
        with pytest.raises(KeyServiceError) as caught:
            await shops.unwrap("demo", [(b"other", wrapped)])
        shown = f"{caught.value!r} {shops!r} {vars(shops)!r}"
        assert dek.hex() not in shown
        assert repr(dek)[2:-1] not in shown

    # --- the life cycle ------------------------------------------------------------------------------

    @pytest.mark.parametrize("kind", KINDS)
    async def test_a_new_tenant_has_the_first_version_only(self, shops: KeyService, kind: Kind) -> None:
        assert await shops.versions("demo", kind) == Versions(1, 1, 1)
        with pytest.raises(UnknownTenantKey):
            await shops.versions("nobody", kind)

    async def test_after_a_rotation_the_new_key_wraps_and_the_old_one_opens(self, shops: KeyService) -> None:
        [(dek, old)] = await shops.generate("demo", [b"subject"])
        assert await shops.rotate("demo", "kek") == 2
        [(_, new)] = await shops.generate("demo", [b"another"])
        assert (old.kek_version, new.kek_version) == (1, 2)
        assert await shops.unwrap("demo", [(b"subject", old)]) == [dek]
        assert await shops.versions("demo", "kek") == Versions(1, 1, 2)
        assert await shops.versions("demo", "index") == Versions(1, 1, 1)
        assert await shops.versions("other-shop", "kek") == Versions(1, 1, 1)

    async def test_a_rewrapped_key_is_the_same_key_under_the_newest_version(self, shops: KeyService) -> None:
        contexts = [b"subject-%d" % number for number in range(300)]
        made = await shops.generate("demo", contexts)
        await shops.rotate("demo", "kek")
        old = [(context, wrapped) for context, (_, wrapped) in zip(contexts, made, strict=True)]
        new = await shops.rewrap("demo", old)
        assert {wrapped.kek_version for wrapped in new} == {2}
        assert await shops.unwrap("demo", list(zip(contexts, new, strict=True))) == [dek for dek, _ in made]
        assert await shops.rewrap("demo", []) == []

    async def test_a_key_moved_to_another_context_is_not_rewrapped(self, shops: KeyService) -> None:
        [(_, wrapped)] = await shops.generate("demo", [b"subject"])
        await shops.rotate("demo", "kek")
        with pytest.raises(UnwrapFailed):
            await shops.rewrap("demo", [(b"another", wrapped)])

    async def test_below_the_minimum_nothing_opens(self, shops: KeyService) -> None:
        [(_, old)] = await shops.generate("demo", [b"subject"])
        await shops.rotate("demo", "kek")
        await shops.raise_minimum("demo", "kek", 2)
        for use in (shops.unwrap, shops.rewrap):
            with pytest.raises(UnknownTenantKey, match="version 1"):
                await use("demo", [(b"subject", old)])

    async def test_trimming_destroys_what_is_below_the_minimum_and_no_more(self, shops: KeyService) -> None:
        await shops.rotate("demo", "kek")
        [(dek, kept)] = await shops.generate("demo", [b"subject"])
        await shops.rotate("demo", "kek")
        assert await shops.trim("demo", "kek") == Versions(1, 1, 3)
        await shops.raise_minimum("demo", "kek", 2)
        assert await shops.trim("demo", "kek") == Versions(2, 2, 3)
        assert await shops.trim("demo", "kek") == Versions(2, 2, 3)
        assert await shops.unwrap("demo", [(b"subject", kept)]) == [dek]

    @pytest.mark.parametrize("kind", KINDS)
    async def test_a_minimum_only_rises_and_never_beyond_what_is_held(self, shops: KeyService, kind: Kind) -> None:
        await shops.rotate("demo", kind)
        await shops.raise_minimum("demo", kind, 2)
        for version in (1, 3, 0):
            with pytest.raises(KeyStepRefused):
                await shops.raise_minimum("demo", kind, version)
        assert (await shops.versions("demo", kind)).minimum == 2

    async def test_index_keys_of_two_versions_differ_until_the_old_one_is_given_up(self, shops: KeyService) -> None:
        old = await shops.index_key("demo", "phone", 1)
        assert await shops.rotate("demo", "index") == 2
        new = await shops.index_key("demo", "phone", 2)
        assert new != old
        assert await shops.index_key("demo", "phone", 1) == old
        await shops.raise_minimum("demo", "index", 2)
        with pytest.raises(UnknownTenantKey, match="version 1"):
            await shops.index_key("demo", "phone", 1)
        assert await shops.trim("demo", "index") == Versions(2, 2, 2)
        assert await shops.index_key("demo", "phone", 2) == new

    async def test_nothing_rotates_that_is_not_there(self, shops: KeyService) -> None:
        with pytest.raises(UnknownTenantKey):
            await shops.rotate("nobody", "kek")
