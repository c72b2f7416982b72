"""Which base models the layers of a file fit (section 4 of the format specification)."""

import pytest

from registry.base_models import FAMILIES, family_of, fitting, require_fitting, suggested
from registry.errors import BaseModelMismatch, BaseModelMissing
from registry.models import BaseModelName


@pytest.mark.parametrize(
    ("dims", "family", "suggestion"),
    [
        ([320, 640, 768, 1280], "sd1", "SD 1.5"),
        ([768], "sd1", "SD 1.5"),
        ([320, 640, 1024, 1280], "sd2", "SD 2.1"),
        ([768, 1024], "sd2", "SD 2.1"),
        ([320, 640, 1280], "any", None),
        ([], "any", None),
    ],
)
def test_the_widths_of_the_text_states_say_the_family(
    dims: list[int], family: str, suggestion: str | None
) -> None:
    assert family_of(dims) == family
    assert suggested(dims) == suggestion


def test_a_fine_tune_may_be_of_any_family() -> None:
    assert BaseModelName.OTHER in fitting([768]) and BaseModelName.OTHER in fitting([1024])


def test_every_base_model_fits_a_file_of_self_attention_only() -> None:
    assert set(fitting([320])) == set(BaseModelName)


def test_a_base_model_of_the_other_family_is_refused_with_those_that_fit() -> None:
    for name in FAMILIES["sd1"]:
        require_fitting(name, dims=[768])
    with pytest.raises(BaseModelMismatch) as raised:
        require_fitting("SD 1.5", dims=[1024])
    assert raised.value.family == "sd2"
    assert "SD 2.1" in raised.value.message and "SD 1.5" in raised.value.message


def test_none_is_asked_for() -> None:
    with pytest.raises(BaseModelMissing):
        require_fitting("", dims=[768])
