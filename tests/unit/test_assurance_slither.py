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


def test_a_finding_goes_by_its_detector_and_function():
    assert list(findings([finding()])) == [("reentrancy", "Vault.pay")]


def test_a_variables_place_is_its_function():
    within = {"type": "function", "name": "pay"}
    within["type_specific_fields"] = {"parent": contract("Vault")}
    element = {"type": "variable", "name": "x", "type_specific_fields": {"parent": within}}
    assert place(element) == "Vault.pay.x"


def test_what_is_beside_every_contract_has_its_own_name():
    assert place({"type": "pragma", "name": "0.8.30"}) == "0.8.30"


def test_low_findings_and_other_peoples_code_are_left_out():
    assert not findings([finding(impact="Low"), finding(path="node_modules/a/B.sol")])
    assert findings([finding(impact="Medium")])


def test_what_is_not_triaged_and_what_is_no_more_are_told():
    found = findings([finding(), finding(name="post")])
    triaged = {("reentrancy", "Vault.pay"): "locked", ("reentrancy", "Vault.gone"): "locked"}
    new, stale = judged(found, triaged)
    assert new == [("reentrancy", "Vault.post")]
    assert stale == [("reentrancy", "Vault.gone")]
