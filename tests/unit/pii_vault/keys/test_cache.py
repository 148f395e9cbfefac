from pii_vault.core.primitives import new_key
from pii_vault.keys.cache import REFUSED_SECONDS, DekCache

ANNA, VERA, DARYA = (letter * 16 for letter in (b"a", b"v", b"d"))


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def _cache(size: int = 2) -> tuple[DekCache, Clock]:
    clock = Clock()
    return DekCache(size, 60, clock=clock), clock


def test_what_was_put_is_got_and_nothing_else() -> None:
    cache, _ = _cache()
    cipher = cache.put(ANNA, 0, new_key())
    assert cache.get(ANNA, 0) is cipher
    assert cache.get(ANNA, 1) is None
    assert cache.get(VERA, 0) is None


def test_both_groups_of_a_subject_are_held() -> None:
    cache, _ = _cache()
    first, second = cache.put(ANNA, 0, new_key()), cache.put(ANNA, 1, new_key())
    assert (cache.get(ANNA, 0), cache.get(ANNA, 1)) == (first, second)
    assert len(cache) == 1


def test_the_subject_used_longest_ago_goes_first() -> None:
    cache, _ = _cache()
    cache.put(ANNA, 0, new_key())
    cache.put(VERA, 0, new_key())
    assert cache.get(ANNA, 0)
    cache.put(DARYA, 0, new_key())
    assert cache.get(VERA, 0) is None
    assert cache.get(ANNA, 0)
    assert cache.get(DARYA, 0)
    assert len(cache) == 2


def test_a_key_lives_no_longer_for_being_used() -> None:
    cache, clock = _cache()
    cache.put(ANNA, 0, new_key())
    clock.now += 59
    assert cache.get(ANNA, 0)
    cache.put(ANNA, 1, new_key())
    clock.now += 1
    assert cache.get(ANNA, 0) is None
    assert cache.get(ANNA, 1) is None
    assert len(cache) == 0


def test_a_key_put_after_its_time_starts_anew() -> None:
    cache, clock = _cache()
    cache.put(ANNA, 0, new_key())
    clock.now += 61
    cache.put(ANNA, 1, new_key())
    assert cache.get(ANNA, 0) is None
    assert cache.get(ANNA, 1)


def test_an_invalidated_subject_is_forgotten_in_all_groups_and_others_are_not() -> None:
    cache, _ = _cache()
    cache.put(ANNA, 0, new_key())
    cache.put(ANNA, 1, new_key())
    cache.put(VERA, 0, new_key())
    cache.invalidate(ANNA)
    cache.invalidate(DARYA)
    assert cache.get(ANNA, 0) is None
    assert cache.get(ANNA, 1) is None
    assert cache.get(VERA, 0)


def test_a_cleared_cache_is_empty() -> None:
    cache, _ = _cache()
    cache.put(ANNA, 0, new_key())
    cache.clear()
    assert cache.get(ANNA, 0) is None


def test_its_repr_shows_no_key() -> None:
    cache, _ = _cache()
    key = b"K" * 32
    cache.put(ANNA, 0, key)
    assert "KKKK" not in f"{cache!r} {cache.get(ANNA, 0)!r}"


def test_a_key_that_arrives_after_its_subject_was_invalidated_is_not_kept() -> None:
    cache, clock = _cache()
    cache.invalidate(ANNA)
    cache.put(ANNA, 0, new_key())  # it serves the request that waited for it
    assert cache.get(ANNA, 0) is None
    cache.put(VERA, 0, new_key())
    assert cache.get(VERA, 0)
    clock.now += REFUSED_SECONDS
    cache.put(ANNA, 0, new_key())
    assert cache.get(ANNA, 0)


def test_many_are_told_at_once_as_one_by_one() -> None:
    cache, clock = _cache(3)
    anna, vera = cache.put_new(0, [(ANNA, new_key()), (VERA, new_key())])
    other = cache.put(VERA, 1, new_key())
    assert cache.held([ANNA, VERA, DARYA]) == {ANNA: {0: anna}, VERA: {0: vera, 1: other}}
    clock.now += 60
    assert cache.held([ANNA, VERA]) == {}


def test_new_ones_push_out_the_subject_used_longest_ago() -> None:
    cache, _ = _cache(2)
    cache.put_new(0, [(ANNA, new_key()), (VERA, new_key())])
    assert cache.held([ANNA])
    cache.put_new(0, [(DARYA, new_key())])
    assert cache.held([ANNA, VERA, DARYA]).keys() == {ANNA, DARYA}
    assert len(cache) == 2


def test_the_invalidated_are_not_told() -> None:
    cache, _ = _cache(3)
    cache.put_new(0, [(ANNA, new_key()), (VERA, new_key())])
    cache.invalidate(ANNA)
    assert cache.held([ANNA, VERA]).keys() == {VERA}
