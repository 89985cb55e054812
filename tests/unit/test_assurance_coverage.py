"""What is counted of forge's report on coverage, and what does not pass."""

import pytest

from bench import assurance_coverage as coverage

SOURCES = {
    "contracts/A.sol": "contract A {\n    function f() {\n        require(x, Bad());\n    }\n}\n"
}
"""Line 2 and 3 count; line 3 has two branches."""


@pytest.fixture(autouse=True)
def nothing_is_unreachable(monkeypatch):
    monkeypatch.setattr(coverage, "UNREACHABLE", {})


def report(line=1, branch="1", path="contracts/A.sol"):
    rows = (
        f"SF:{path}",
        "FN:2,A.f",
        "DA:2,5",
        f"DA:3,{line}",
        "BRDA:3,0,0,7",
        f"BRDA:3,0,1,{branch}",
    )
    return "\n".join((*rows, "LF:2", "end_of_record", ""))


def judged(*reports, sources=SOURCES):
    return coverage.judge(coverage.read("".join(reports)), sources)


def test_all_that_is_reached_passes():
    assert judged(report()) == ({"line_coverage": 100.0, "branch_coverage": 100.0}, [])


def test_a_line_that_is_not_reached_fails_and_is_named():
    figures, wrong = judged(report(line=0))
    assert figures == {"line_coverage": 50.0, "branch_coverage": 100.0}
    assert wrong == [
        "line_coverage is 50.00 %, and has to be 100 %",
        "not covered: contracts/A.sol:3 (line): require(x, Bad());",
    ]


@pytest.mark.parametrize("times", ["0", "-"])
def test_a_branch_that_is_not_reached_fails_and_is_named(times):
    figures, wrong = judged(report(branch=times))
    assert figures["branch_coverage"] == 50.0
    assert wrong == [
        "branch_coverage is 50.00 %, and has to be 98 %",
        "not covered: contracts/A.sol:3 (branch 0.1): require(x, Bad());",
    ]


def test_one_line_of_many_is_never_rounded_to_all():
    assert coverage.percent([1] * 99_999 + [0]) == 99.99
    assert coverage.percent([1] * 99_999) == 100


def test_what_one_contract_reaches_counts_for_all_that_share_its_source():
    assert judged(report(line=0, branch="0"), report())[1] == []


@pytest.mark.parametrize("path", ["contracts/test/B.sol", "contracts/local/B.sol", "tests/B.sol"])
def test_contracts_for_tests_count_for_nothing(path):
    assert judged(report(), report(line=0, path=path))[1] == []


def test_a_contract_that_was_not_measured_fails():
    more = {**SOURCES, "contracts/B.sol": SOURCES["contracts/A.sol"]}
    assert judged(report(), sources=more)[1] == [
        "contracts/B.sol has functions and was not measured"
    ]
    # One without functions has nothing to measure.
    assert judged(report(), sources={**SOURCES, "contracts/B.sol": "contract B is A {}\n"})[1] == []


def test_what_is_called_unreachable_counts_as_not_covered_and_is_an_error_once_it_is(monkeypatch):
    here = ("contracts/A.sol", "require(x, Bad());")
    monkeypatch.setattr(coverage, "UNREACHABLE", {here: "f is never called with it"})
    figures, wrong = judged(report(branch="0"))
    assert figures["branch_coverage"] == 50.0
    assert wrong == ["branch_coverage is 50.00 %, and has to be 98 %"]
    (reached,) = judged(report())[1]
    assert reached == (
        "contracts/A.sol: `require(x, Bad());` is listed as unreachable, and was reached or is gone"
    )
