"""Keys, nonces, rates, and where a server without keys may listen."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.api.binding import check_binding
from engine.api.keys import Key, KeyRing
from engine.api.nonces import Nonce, NonceStore
from engine.api.rates import Excess, Rates
from engine.errors import UsageError


@pytest.mark.parametrize(
    ("patterns", "domain", "may"),
    [
        (("*",), "any.example.com", True),
        (("push.example.com",), "push.example.com", True),
        (("push.example.com",), "Push.Example.COM", True),
        (("push.example.com",), "x.push.example.com", False),
        (("*.example.com",), "push.example.com", True),
        (("*.example.com",), "a.b.example.com", True),
        (("*.example.com",), "example.com", False),
        (("*.example.com",), ".example.com", False),
        (("*.example.com",), "evilexample.com", False),
        (("a.example", "b.example"), "b.example", True),
        ((), "push.example.com", False),
        (("push.example.com",), "", False),
        (("*",), "", True),
    ],
)
def test_domains_of_a_key(patterns: tuple[str, ...], domain: str, may: bool) -> None:
    assert Key("id", "secret", patterns).may(domain) is may


def test_a_ring_finds_its_keys() -> None:
    first, second = Key("AKID1", "a"), Key("AKID2", "b", ("x.example",))
    ring = KeyRing([first, second])
    assert ring
    assert ring.find("AKID2") is second
    assert ring.find("AKID3") is None
    assert not KeyRing()
    assert "secret" not in repr(Key("AKID1", "hunter2"))
    assert "hunter2" not in repr(Key("AKID1", "hunter2"))


@pytest.mark.parametrize(
    "keys", [[Key("a b", "s")], [Key("", "s")], [Key("a", "")], [Key("a", "1"), Key("a", "2")]]
)
def test_a_ring_of_wrong_keys(keys: list[Key]) -> None:
    with pytest.raises(UsageError, match=r"api\.keys"):
        KeyRing(keys)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "[::1]", "localhost", "::ffff:127.0.0.1"])
def test_without_keys_a_loopback_address_may_be_listened_on(host: str) -> None:
    check_binding(host, KeyRing())


@pytest.mark.parametrize("host", ["0.0.0.0", "", "::", "10.0.0.1", "example.com", "::ffff:10.0.0.1"])
def test_without_keys_nothing_else_may(host: str) -> None:
    with pytest.raises(UsageError, match=r"api\.keys is empty.*127\.0\.0\.1"):
        check_binding(host, KeyRing())
    check_binding(host, KeyRing([Key("a", "b")]))


@given(
    st.lists(
        st.tuples(st.sampled_from("ab"), st.sampled_from("xyz"), st.integers(-100, 100), st.integers(0, 90)),
        max_size=30,
    )
)
def test_a_nonce_is_known_while_its_call_would_be_accepted(uses: list[tuple[str, str, int, int]]) -> None:
    """Time goes on by the last of four; a call of a timestamp outside of the window is not asked about."""
    store = NonceStore(100)
    now = 1000
    used: dict[tuple[str, str], int] = {}
    for key, nonce, skew, passed in uses:
        now += passed
        found = store.use(key, nonce, now + skew, now)
        last = used.get((key, nonce))
        if last is not None and last + 100 >= now:
            assert found is Nonce.USED
            continue
        if found is Nonce.FRESH:
            used[key, nonce] = now + skew
        else:  # kept for no longer than a share of the window more
            assert last is not None
            assert last + 100 + 100 // 6 + 1 >= now


def test_a_store_is_bounded_and_a_key_fills_only_its_own() -> None:
    store = NonceStore(60, capacity=3)
    assert [store.use("a", str(number), 0, 0) for number in range(4)] == [Nonce.FRESH] * 3 + [Nonce.FULL]
    assert store.use("a", "0", 0, 0) is Nonce.USED
    assert store.use("b", "0", 0, 0) is Nonce.FRESH
    assert store.use("a", "9", 200, 200) is Nonce.FRESH
    store.clear()
    assert store.use("b", "0", 0, 0) is Nonce.FRESH


def test_rates_count_each_key_and_action() -> None:
    clock = [0.0]
    rates = Rates({"Slow": 1, "Free": 0}, clock=lambda: clock[0])
    assert [rates.count("a", "Any", 2) for _ in range(4)] == [None, None, Excess(3, 2), Excess(4, 2)]
    assert rates.count("b", "Any", 2) is None
    assert rates.count("a", "Other", 2) is None
    assert [rates.count("a", "Slow", 100) for _ in range(2)] == [None, Excess(2, 1)]
    assert [rates.count("a", "Free", 1) for _ in range(3)] == [None] * 3
    assert [rates.count("c", "Any", 0) for _ in range(3)] == [None] * 3
    clock[0] = 1.0
    assert rates.count("a", "Any", 2) is None


def test_rates_can_be_off() -> None:
    rates = Rates({"Slow": 1}, is_on=False, clock=lambda: 0.0)
    assert [rates.count("a", "Slow", 1) for _ in range(3)] == [None] * 3
