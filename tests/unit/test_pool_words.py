"""A reading that leaves words of a pool's bitmap out hides what is in them."""

import pytest

from ringside.venues.pool import PoolConfig, PoolStale, parse_pool
from ringside.venues.uniswap_v3 import Q96

SPAN = 10 << 8
PRICE_TICK = SPAN + 100  # In word 1.


def words(*values: int) -> bytes:
    return b"".join((value % 2**256).to_bytes(32, "big") for value in values)


def answers(config: PoolConfig) -> list[bytes]:
    """A pool with a wide position, and a narrow one above the price within word 1."""
    nets = {0: 10**18, 3 * SPAN - 10: -(10**18), SPAN + 200: 10**20, SPAN + 400: -(10**20)}
    bits: dict[int, int] = {}
    for tick in nets:
        place = tick // 10
        bits[place >> 8] = bits.get(place >> 8, 0) | 1 << (place & 255)
    root = int(1.0001 ** (PRICE_TICK / 2) * Q96)
    return [
        words(root, PRICE_TICK),
        words(10**18),
        *(words(bits.get(word, 0)) for word in config.words),
        *(words(abs(nets[t]), nets[t], 0, 0, 0, 0, 0, 1) for t in config.ticks),
    ]


def test_a_pool_read_without_the_word_that_the_price_is_in_is_not_believed():
    """`ringside audit` leaves `words` and `ticks` to `parse`: a keeper may write down these."""
    hiding = PoolConfig("0x", 10, 500, ticks=(0, 3 * SPAN - 10), words=(0, 2))
    with pytest.raises(PoolStale) as stale:
        parse_pool(hiding, answers(hiding))
    assert stale.value.config.words == hiding.every_word


@pytest.mark.parametrize("words", [(), (2, 1, 0), (0, 0, 1, 2), (1, 3)])
def test_words_that_do_not_follow_one_another_are_read_anew(words):
    config = PoolConfig("0x", 10, 500, ticks=(0, 3 * SPAN - 10), words=words)
    with pytest.raises(PoolStale, match="words are left out"):
        parse_pool(config, answers(config))


def test_words_one_after_another_are_believed():
    ticks = (0, SPAN + 200, SPAN + 400, 3 * SPAN - 10)
    config = PoolConfig("0x", 10, 500, ticks=ticks, words=(-1, 0, 1, 2, 3))
    assert tuple(tick for tick, _ in parse_pool(config, answers(config)).ticks) == ticks
