"""A report read back from the child's JSON: every type is checked, nothing is taken on trust."""

from __future__ import annotations

from typing import Any

import pytest

from registry.formats.errors import EmptyFile, Finding, Severity
from registry.formats.report import Report

REMARK = Finding("strong-gain", Severity.INFO, "Strong.", {"gain": 2.0})
ACCEPTED = Report(
    findings=(REMARK,),
    hashes={"sha256": "00", "size": 1, "autov1": None},
    container="torch-zip",
    spec={"name": "a"},
    dims=(320, 768),
    dtype="fp32",
    parameters=1,
    base_family="sd1",
    epoch="undated",
    weights={},
    compatibility={"uploaded": [{"app": "ComfyUI"}]},
)


def test_remarks_do_not_refuse_a_file_and_a_refusal_does() -> None:
    assert ACCEPTED.accepted
    refused = Report(findings=(EmptyFile().finding(), REMARK))
    assert not refused.accepted
    assert refused.refusal == EmptyFile().finding()


@pytest.mark.parametrize(
    "lie",
    [
        {"findings": None},
        {"findings": [{"rule": "a"}]},
        {"findings": [{"rule": 1, "severity": "info", "message": "", "data": {}}]},
        {"findings": [{"rule": "a", "severity": "fine", "message": "", "data": {}}]},
        {"hashes": {"sha256": ["00"]}},
        {"hashes": {"crc32": "00"}},
        {"spec": "a"},
        {"spec": None},
        {"dims": ["320"]},
        {"dims": [True]},
        {"parameters": "1"},
        {"compatibility": {"uploaded": ["works"]}},
        {"files": {"dangerous": {}}},
    ],
)
def test_a_report_of_another_shape_is_not_taken(lie: dict[str, Any]) -> None:
    assert Report.from_dict(ACCEPTED.as_dict()).accepted
    with pytest.raises((ValueError, TypeError, KeyError)):
        Report.from_dict({**ACCEPTED.as_dict(), **lie})
