"""What is no plan is refused before anything is sent, and where it is wrong."""

import copy

import pytest
import yaml

from ringside.deploy.plan import PlanFileError, load

HERE = "0x" + "11" * 20
NOBODY = "0x" + "00" * 20
PLAN = {
    "token": HERE,
    "markets": {"ETH-USD": {"feed": HERE, "heartbeat": 3_600}},
    "venues": [
        {
            "name": "one",
            "seat": "PerpV2Seat",
            "arguments": [HERE],
            "cap": 1_000,
            "account_cap": "100.5",
            "markets": {"ETH-USD": 7},
        }
    ],
    "owners": {"admin": HERE, "governor": HERE, "guardian": HERE, "delay": 172_800},
}


def written(tmp_path, plan):
    place = tmp_path / "plan.yaml"
    place.write_text(plan if isinstance(plan, str) else yaml.safe_dump(plan))
    return place


def changed(path, value):
    plan = copy.deepcopy(PLAN)
    place = plan
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    return plan


def test_a_plan_is_read(tmp_path):
    plan = load(written(tmp_path, PLAN))
    (venue,) = plan.venues
    assert venue.caps == (1_000_000_000, 100_500_000)
    assert venue.instrument("ETH-USD") == (7).to_bytes(32, "big")
    assert plan.sequencer == NOBODY


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        (("token",), "0x12", "token: .* is no address"),
        (("token",), NOBODY, "the zero address owns nothing"),
        (("owners", "guardian"), NOBODY, "owners.guardian"),
        (("owners", "delay"), 3_599, "owners.delay"),
        (("owners", "delay"), 31 * 86_400, "owners.delay"),
        (("markets",), {}, "markets"),
        (("markets", "ETH-USD", "heartbeat"), 0, "heartbeat"),
        (("venues",), [], "venues"),
        (("venues", 0, "cap"), -1, "venues.0.cap"),
        (("venues", 0, "cap"), "NaN", "venues.0.cap"),
        (("venues", 0, "cap"), 10, "for one account is above that for all"),
        (("venues", 0, "account_cap"), "0.0000001", "account_cap|decimals|digits"),
        (("venues", 0, "markets"), {"BTC-USD": 7}, "lists BTC-USD, which"),
        (("venues", 0, "markets"), {"ETH-USD": 0}, "a name of its own"),
        (("venues", 0, "markets"), {"ETH-USD": -1}, "no plan"),
        (("venues", 0, "markets"), {"ETH-USD": "rubbish"}, "no plan"),
        (("venues", 0, "hidden"), 1, "venues.0.hidden"),
    ],
)
def test_what_is_wrong_is_named(tmp_path, path, value, said):
    with pytest.raises(PlanFileError, match=said):
        load(written(tmp_path, changed(path, value)))


def test_two_venues_of_one_name_are_refused(tmp_path):
    with pytest.raises(PlanFileError, match="two venues are called one"):
        load(written(tmp_path, changed(("venues",), PLAN["venues"] * 2)))


@pytest.mark.parametrize("text", ["", "{", "- 1", "\x00"])
def test_what_is_no_yaml_of_a_plan_is_refused(tmp_path, text):
    with pytest.raises(PlanFileError):
        load(written(tmp_path, text))


def test_a_file_that_is_not_there_is_said_to_be_missing(tmp_path):
    with pytest.raises(PlanFileError, match="There is no plan"):
        load(tmp_path / "nothing.yaml")
