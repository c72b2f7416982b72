"""A refusal has a stable rule, data for machines, and a sentence for people."""

import json

import pytest

from registry.formats import errors
from registry.formats.errors import Checksum, NotFinite, PickleImport, Refusal, Severity, shown

REFUSALS = sorted(Refusal.by_rule.values(), key=lambda refusal: refusal.rule)


def test_a_refusal_carries_typed_data_and_says_it_in_a_sentence() -> None:
    refusal = Checksum(member="data/3", found=1, expected=2)

    assert refusal.rule == "zip-crc"
    assert refusal.severity is Severity.MALFORMED
    assert refusal.data() == {"member": "data/3", "found": 1, "expected": 2}
    assert "data/3" in refusal.message
    assert str(refusal) == refusal.message


def test_it_can_be_told_in_another_language() -> None:
    refusal = NotFinite(tensor="768.k.linear.0.bias", index=7, value="NaN")

    assert refusal.render("{tensor} enthält {value}") == "768.k.linear.0.bias enthält NaN"


def test_its_data_do_not_change_but_it_can_be_raised_from_another() -> None:
    refusal = Checksum(member="data/3", found=1, expected=2)

    with pytest.raises(AttributeError):
        refusal.member = "data/4"  # type: ignore[misc]
    with pytest.raises(Checksum) as caught:
        raise refusal from ValueError("the cause")
    assert isinstance(caught.value.__cause__, ValueError)


def test_as_a_finding_it_keeps_everything() -> None:
    finding = Checksum(member="data/3", found=1, expected=2).finding()

    assert (finding.rule, finding.severity) == ("zip-crc", Severity.MALFORMED)
    assert finding.data == {"member": "data/3", "found": 1, "expected": 2}


def test_what_a_hostile_file_says_is_quoted_cut_and_always_json() -> None:
    refusal = PickleImport(
        module="os\x00\ud800" + "a" * 1000, name="system\u202e", opcode="GLOBAL", offset=2, runs=""
    )

    data = json.loads(json.dumps(refusal.data(), allow_nan=False))
    assert len(data["module"]) <= errors.SHOWN_CHARACTERS
    assert data["module"].startswith("os\\x00\\ud800")
    assert data["name"] == "system\\u202e"


def test_numbers_beyond_json_become_text() -> None:
    assert errors.plain([1.5, float("nan"), float("-inf")]) == [1.5, "nan", "-inf"]


@pytest.mark.parametrize(
    ("raw", "printed"),
    [(b"data\xff", "data\\xff"), ("täxt", "täxt"), ("a\nb", "a\\nb"), ("x" * 300, "x" * 199 + "…")],
)
def test_shown_text_is_printable_and_short(raw: str | bytes, printed: str) -> None:
    assert shown(raw) == printed


@pytest.mark.parametrize("refusal", REFUSALS, ids=lambda refusal: refusal.rule)
def test_each_rule_is_refused_with_a_whole_sentence(refusal: type[Refusal]) -> None:
    assert refusal.severity in (Severity.MALFORMED, Severity.UNSUPPORTED, Severity.MALICIOUS)
    assert refusal.sentence.rstrip("”)").endswith((".", "}"))
    assert refusal.sentence[0].isupper() or refusal.sentence[0] in "“{"


def test_two_rules_never_share_a_name() -> None:
    with pytest.raises(TypeError, match="zip-crc"):

        class Another(Refusal, rule="zip-crc"):
            sentence = "Another."
