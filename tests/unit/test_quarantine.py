"""A venue that refuses everybody is left out; one account's trouble is its own."""

from ringside.service import quarantine
from ringside.service.quarantine import STRIKES, Quarantine


def accounts(count):
    return [bytes([n]) * 32 for n in range(count)]


def test_refusing_several_accounts_in_a_row_puts_a_venue_out():
    held = Quarantine()
    for account in accounts(STRIKES):
        assert not held.out
        held.refused(["a"], account)
    assert held.out == {"a"}


def test_one_account_alone_puts_no_venue_out():
    held = Quarantine()
    for _ in range(10 * STRIKES):
        held.refused(["a", "b"], accounts(1)[0])
    assert not held.out


def test_of_two_that_refuse_together_one_is_put_out_and_back_if_it_was_the_other():
    held = Quarantine()
    for account in accounts(3 * STRIKES):
        held.refused(["a", "b"], account)
    assert len(held.out) == 1
    (innocent,) = held.out
    (guilty,) = {"a", "b"} - held.out
    for account in accounts(STRIKES):
        held.refused([guilty], account)
    assert held.out == {guilty}
    held.passed([innocent])
    assert held.out == {guilty}


def test_of_two_that_refuse_together_the_one_that_refuses_alone_too_is_put_out():
    held = Quarantine()
    held.refused(["b"], accounts(1)[0])
    for account in accounts(STRIKES)[1:]:
        held.refused(["a", "b"], account)
    assert held.out == {"b"}


def test_a_fill_that_passes_clears_the_count():
    held = Quarantine()
    for account in accounts(STRIKES - 1):
        held.refused(["a"], account)
    held.passed(["a"])
    held.refused(["a"], accounts(STRIKES)[-1])
    assert not held.out


def test_it_ends(monkeypatch):
    held = Quarantine()
    for account in accounts(STRIKES):
        held.refused(["a"], account)
    later = quarantine.time.monotonic() + quarantine.TERM + 1
    monkeypatch.setattr(quarantine.time, "monotonic", lambda: later)
    assert not held.out
