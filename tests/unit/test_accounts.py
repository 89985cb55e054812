"""How an owner and a label name an account."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringside.accounts import AccountError, Right, account_id, owner_of

ADDRESSES = st.binary(min_size=20, max_size=20).filter(any)
LABELS = st.text(st.characters(max_codepoint=127, min_codepoint=1), max_size=12)
OWNER = "0x" + "11" * 20


@given(ADDRESSES, LABELS)
def test_an_account_is_its_owner_then_its_label(owner, label):
    account = account_id("0x" + owner.hex(), label)
    assert account[:20] == owner
    assert account[20:].rstrip(b"\0").decode() == label
    assert len(account) == 32
    assert owner_of(account) == "0x" + owner.hex()


@given(ADDRESSES, ADDRESSES, LABELS, LABELS)
def test_two_names_are_two_accounts(owner, other, label, another):
    same = (owner, label) == (other, another)
    assert (account_id(owner.hex(), label) == account_id(other.hex(), another)) == same


def test_an_address_may_be_in_either_case():
    assert account_id("0x" + "aB" * 20) == account_id("0x" + "ab" * 20)


@pytest.mark.parametrize("owner", ["", "0x", "0x" + "11" * 19, "0x" + "11" * 21, "0x" + "zz" * 20])
def test_what_is_no_address_is_refused(owner):
    with pytest.raises(AccountError, match="40 hex digits"):
        account_id(owner)


def test_the_zero_address_is_refused():
    with pytest.raises(AccountError, match="zero address owns nothing"):
        account_id("0x" + "00" * 20)


@pytest.mark.parametrize("label", ["thirteen char", "é"])
def test_a_label_that_does_not_fit_is_refused(label):
    with pytest.raises(AccountError, match="ASCII of at most 12"):
        account_id(OWNER, label)


def test_rights_are_the_vaults_bits():
    assert [int(Right.TRADE), int(Right.MOVE), int(Right.PAY)] == [1, 2, 4]
