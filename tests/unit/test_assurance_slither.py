"""What is made of slither's findings: a new one fails, and so does a triage of none."""

from bench.assurance_slither import findings, judged, place


def contract(name):
    return {"type": "contract", "name": name}


def finding(check="reentrancy", name="pay", impact="High", path="contracts/Vault.sol"):
    element = {
        "type": "function",
        "name": name,
        "source_mapping": {"filename_relative": path},
        "type_specific_fields": {"parent": contract("Vault")},
    }
    return {"check": check, "impact": impact, "elements": [element], "description": "…"}


def places(*told):
    return [where for where, _ in findings(told)]


def test_a_finding_goes_by_its_detector_and_function():
    assert places(finding()) == [("reentrancy", "Vault.pay")]


def test_a_variables_place_is_its_function():
    within = {"type": "function", "name": "pay"}
    within["type_specific_fields"] = {"parent": contract("Vault")}
    element = {"type": "variable", "name": "x", "type_specific_fields": {"parent": within}}
    assert place(element) == "Vault.pay.x"


def test_what_is_beside_every_contract_has_its_own_name():
    assert place({"type": "pragma", "name": "0.8.30"}) == "0.8.30"


def test_low_findings_and_other_peoples_code_are_left_out():
    assert places(finding(impact="Low"), finding(path="node_modules/a/B.sol")) == []
    assert len(places(finding(impact="Medium"))) == 1


def test_a_finding_in_ours_that_begins_elsewhere_counts():
    one = finding(path="interfaces/ISeat.sol")
    one["elements"] += finding(name="post")["elements"]
    assert places(one) == [("reentrancy", "Vault.post")]


def test_a_finding_of_no_place_counts():
    assert places({**finding(), "elements": []}) == [("reentrancy", "all")]


def test_what_is_not_triaged_and_what_is_no_more_are_told():
    found = places(finding(), finding(name="post"))
    triaged = [("reentrancy", "Vault.pay"), ("reentrancy", "Vault.gone")]
    new, stale = judged(found, triaged)
    assert new == [("reentrancy", "Vault.post")]
    assert stale == [("reentrancy", "Vault.gone")]


def test_a_second_finding_of_a_kind_in_a_function_is_a_new_one():
    pay = ("reentrancy", "Vault.pay")
    assert judged([pay, pay], [pay]) == ([pay], [])
    assert judged([pay], [pay, pay]) == ([], [pay])
