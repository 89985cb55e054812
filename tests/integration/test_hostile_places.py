"""Whatever a venue does, at whichever place Ringside calls it: what is lost is the margin sent
there, in numbers, and all else goes on. Place by behaviour, as docs/guarantees.md has it."""

import pytest
from stage import (
    BTC_USD,
    DEPOSIT,
    ETH,
    ETH_USD,
    MAX,
    ONE,
    USDC,
    Refused,
    reverts,
    selector,
    send,
)
from standing import FELL
from tickets import undone

from ringside.accounts import account_id
from ringside.orders import Bounds, venue_set
from ringside.policies import IDLE, Pocket

SENT = 1_000 * USDC
MARGIN = 3_000 * USDC
MOVED = 50 * USDC
PLACES = ("post", "trade", "pull", "held", "margin", "position", "quote")
MOODS = (
    *("honest", "reverts", "reverts with a megabyte", "burns all gas", "returns a megabyte"),
    *("lies to please", "lies to beg", "comes back in", "pays half", "pays in two tokens"),
)
"""As FickleSeat numbers them."""
ANSWERS = MOODS[1:8]
"""What a place that pays nothing can do."""
STUCK = MOODS[1:4]
"""What is a failure to whoever asks."""
PAYING = MOODS[1:]
TRADING = (*ANSWERS, "pays half")
"""Of a trade, to pay half is to fill half."""


def each(**moods_by_place):
    """Every place with every mood that means something there."""
    cells = [(place, mood) for place, moods in moods_by_place.items() for mood in moods]
    return pytest.mark.parametrize(("place", "mood"), cells, ids=[" ".join(c) for c in cells])


class Fickle:
    """The venue, and how it turns. When it comes back in, it wants all that the client has."""

    def __init__(self, ringside):
        self.ringside = ringside
        self.id, self.contract = ringside.add_venue("FickleSeat")
        self.anybody = ringside.actors["attacker"]
        self.other = self.anybody.deploy(ringside.project.LocalUSDC)
        send(self.contract.setOther, self.other, sender=self.anybody)
        vault, account, client = ringside.vault, ringside.account, ringside.actors["client"]
        calls = [
            vault.withdraw.encode_input(account, DEPOSIT, client),
            vault.pull.encode_input(account, self.id, ETH_USD, MAX, 0),
            vault.deposit.encode_input(account, 1),
        ]
        send(self.contract.plan, [(vault.address, call) for call in calls], sender=self.anybody)

    def turns(self, place, mood):
        where = PLACES.index(place), MOODS.index(mood)
        send(self.contract.setMood, *where, sender=self.anybody)

    @property
    def outcomes(self):
        """How each of its calls from within ended; empty if it got to none."""
        return [bytes(outcome) for outcome in self.contract.allOutcomes()]


@pytest.fixture(scope="module")
def fickle(ringside):
    return Fickle(ringside)


@pytest.fixture(scope="module")
def honest(ringside):
    """Another venue, without a fee, so that every number is exact."""
    return ringside.add_venue("StandInSeat")[0]


@pytest.fixture
def long_there(ringside, fickle):
    """An ETH bought on SENT, while the venue was honest."""
    ringside.trade(fickle.id, ETH, SENT)


@pytest.fixture
def all_else_goes_on(ringside, vault, usdc, honest, client, neighbour, account):
    """A fill, a read and an exit at the honest venue; and what is lost, to the unit."""

    def check(lost):
        theirs = account_id(neighbour.address)
        held = (
            ringside.seat_at(honest, "StandInSeat").held_() if _made(vault, account, honest) else 0
        )
        order = ringside.order(nonce=90, venues=venue_set([honest]))
        ringside.fill(order, (honest, ETH, MARGIN))
        seen = ringside.view(account, ETH_USD).seats[honest]
        assert seen.readable
        assert seen.markets[0].position.size == held + ETH
        send(vault.pull, account, honest, ETH_USD, MAX, MARGIN, sender=client)
        everybody = {account_id(who.address) for who in ringside.actors.values()}
        assert usdc.balanceOf(vault) == sum(vault.idle(who) for who in everybody)
        assert vault.idle(theirs) == DEPOSIT
        idle, wallet = vault.idle(account), usdc.balanceOf(client)
        assert DEPOSIT - idle <= lost
        send(vault.withdraw, account, idle, client, sender=client)
        assert usdc.balanceOf(client) - wallet == idle

    return check


def _made(vault, account, venue):
    return vault.seatOf(account, venue).made


# ------------------------------------------------------------------ in a multi-leg fill

GOES_THROUGH = {
    *(("post", mood) for mood in ANSWERS if mood not in STUCK),
    *(("trade", mood) for mood in ("returns a megabyte", "lies to please", "comes back in")),
    *(("held", mood) for mood in ("returns a megabyte", "comes back in")),
}
"""Where the hostile leg passes: its margin may be gone. Anything else undoes every leg."""


@each(post=ANSWERS, trade=TRADING, held=ANSWERS)
def test_a_leg_at_a_hostile_venue_undoes_every_leg_or_costs_its_own_margin(
    ringside, vault, account, honest, fickle, all_else_goes_on, place, mood
):
    fickle.turns(place, mood)
    order = ringside.order(size=2 * ETH, venues=venue_set([honest, fickle.id]))
    legs = (honest, ETH, MARGIN), (fickle.id, ETH, SENT)
    if (place, mood) in GOES_THROUGH:
        ringside.fill(order, *legs)
        assert vault.idle(account) == DEPOSIT - MARGIN - SENT
        locked = selector(vault.ReentrancyGuardReentrantCall)
        struck = mood == "comes back in" and place != "held"
        assert fickle.outcomes == [locked] * 3 * struck
    else:
        with pytest.raises(Refused):
            ringside.fill(order, *legs)
        assert vault.idle(account) == DEPOSIT
        assert not _made(vault, account, honest)
        assert not _made(vault, account, fickle.id)
    all_else_goes_on(lost=SENT)


FREES = {("pull", "lies to beg"), ("pull", "comes back in"), ("held", "comes back in")}


@each(pull=PAYING, held=ANSWERS)
def test_margin_that_a_leg_frees_arrives_whole_or_the_leg_is_undone(
    ringside, vault, account, fickle, long_there, all_else_goes_on, place, mood
):
    fickle.turns(place, mood)
    order = ringside.order(size=-ETH, venues=venue_set([fickle.id]), limit_price=1)
    if (place, mood) in FREES:
        ringside.fill(order, (fickle.id, -ETH, -SENT))
        assert vault.idle(account) == DEPOSIT
    else:
        with pytest.raises(Refused):
            ringside.fill(order, (fickle.id, -ETH, -SENT))
        assert vault.idle(account) == DEPOSIT - SENT
    all_else_goes_on(lost=SENT)


@each(pull=PAYING)
def test_what_a_venue_pays_an_owner_is_credited_as_it_arrives(
    ringside, vault, usdc, account, client, fickle, long_there, all_else_goes_on, place, mood
):
    fickle.turns(place, mood)
    arrives = {"lies to beg": SENT, "comes back in": SENT}
    arrives |= {"pays half": SENT // 2, "pays in two tokens": SENT // 2}
    arrives |= {"lies to please": 0, "returns a megabyte": 0}
    where = account, fickle.id, ETH_USD, MAX
    if mood in STUCK:
        with pytest.raises(Refused):
            send(vault.pull, *where, 0, sender=client)
    else:
        if arrives[mood] < SENT:
            with reverts(vault.PaidShort, least=SENT, received=arrives[mood]):
                send(vault.pull, *where, SENT, sender=client)
        send(vault.pull, *where, 0, sender=client)
    assert vault.idle(account) == DEPOSIT - SENT + arrives.get(mood, 0)
    if mood == "pays in two tokens":
        # The second token is no money of the vault's: it leaves in kind, to the owner.
        send(vault.sweep, account, fickle.id, fickle.other, sender=client)
        assert fickle.other.balanceOf(client) == SENT // 2
    all_else_goes_on(lost=SENT - arrives.get(mood, 0))


# ------------------------------------------------------------------------- in a quote

UNANSWERED = {*STUCK, "returns a megabyte", "lies to please"}
"""No price, or none that a venue could honour: to be stopped by, or left out, as signed."""


@each(quote=ANSWERS)
def test_a_hostile_quote_stops_a_fill_or_is_left_out_and_costs_nothing(
    ringside, vault, desk, account, honest, fickle, all_else_goes_on, place, mood
):
    fickle.turns(place, mood)
    allowed = venue_set([honest, fickle.id])
    strict, lenient = (
        ringside.order(
            venues=allowed, bounds=Bounds(tolerance=ONE // 10, skip_unquotable=skip), nonce=n
        )
        for n, skip in ((5, False), (6, True))
    )
    leg = (honest, ETH, MARGIN)
    if mood in UNANSWERED:
        with pytest.raises(Refused):
            ringside.fill(strict, leg)
    else:
        ringside.fill(strict, leg)
    receipt = ringside.fill(lenient, leg)
    skipped = [event.venues for event in receipt.decode_logs(desk.QuotesSkipped)]
    assert skipped == [1 << fickle.id] * (mood in UNANSWERED)
    if mood == "comes back in":
        # No lock holds yet, and none is needed: nothing of the client's is the venue's to take.
        refused = [selector(error) for error in (vault.NotOwner, vault.NotAllowed)]
        assert [outcome for outcome in fickle.outcomes if outcome in refused] == refused * 2
    assert vault.idle(account) == DEPOSIT - MARGIN * (1 if mood in UNANSWERED else 2)


# ------------------------------------------------------------------------ in the Lens


@each(held=ANSWERS, margin=ANSWERS, position=ANSWERS)
def test_the_lens_marks_what_cannot_be_read_and_shows_all_else(
    ringside, account, fickle, honest, long_there, all_else_goes_on, place, mood
):
    ringside.trade(honest, ETH, MARGIN)
    fickle.turns(place, mood)
    seats = ringside.view(account, ETH_USD, BTC_USD).seats
    here, there = seats[fickle.id], seats[honest]
    assert there.readable
    assert there.markets[0].readable
    assert (there.margin.equity, there.markets[0].position.size) == (MARGIN * 10**12, ETH)
    unread = mood in STUCK or mood == "returns a megabyte"
    assert here.made
    assert here.readable == (place != "margin" or not unread)
    assert here.markets[0].readable == (not unread)
    if not here.readable:
        assert here.margin.equity == 0
    all_else_goes_on(lost=SENT + MARGIN)


# ---------------------------------------------------------------------- in a policy

HOSTILE, PERP, RAGE = 2, 0, 1
MOVES = ((IDLE, HOSTILE), (HOSTILE, PERP), (HOSTILE, IDLE))


@pytest.mark.parametrize("place", ["post", "pull", "held", "margin", "position"])
def test_a_policy_loses_no_more_than_it_moved_and_goes_on_without_the_venue(
    ringside, standing, vault, usdc, fickle, neighbour, place
):
    """Where it is moved at all. Under every behaviour, each from the same state."""
    account = ringside.account
    ringside.trade(fickle.id, ETH, SENT)
    pockets = (*standing.policy().pockets, Pocket(fickle.id, "ETH-USD"))
    policy = standing.policy(pockets=pockets)
    standing.oracle(FELL)
    for mood in PAYING if place == "pull" else ANSWERS:
        with undone(ringside):
            fickle.turns(place, mood)
            if place == "post":
                fickle.turns("margin", "lies to beg")  # Or it would get nothing to post.
            before, came = vault.idle(account), 0
            for source, to in MOVES:
                idle = vault.idle(account)
                try:
                    standing.move(policy, source, to, MOVED)
                except Refused:
                    assert vault.idle(account) == idle
                    continue
                assert abs(vault.idle(account) - idle) in (0, MOVED)
                came += 1
            assert before - vault.idle(account) <= MOVED
            # The pocket that is in need is helped as before.
            standing.move(policy, IDLE, PERP, MOVED)
            standing.move(policy, RAGE, PERP, MOVED)
            assert standing.used().moved == MOVED * (came + 2)
            assert vault.idle(account_id(neighbour.address)) == DEPOSIT
            everybody = {account_id(who.address) for who in ringside.actors.values()}
            assert usdc.balanceOf(vault) == sum(vault.idle(who) for who in everybody)
