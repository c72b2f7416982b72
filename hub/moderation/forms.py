"""What people write: a report, and a decision about it."""

from collections.abc import Sequence
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from registry.models import ContentLevel, Decision, Report
from registry.models.report import LONGEST

# Nobody could judge these without a word more.
NEED_WORDS = (Report.Reason.STOLEN, Report.Reason.OTHER)


class ReportForm(forms.Form):
    reason = forms.ChoiceField(
        label=_("What is wrong"), choices=Report.Reason.choices, widget=forms.RadioSelect
    )
    text = forms.CharField(
        label=_("What should the moderators know"),
        required=False,
        max_length=LONGEST,
        widget=forms.Textarea(attrs={"rows": 5}),
        help_text=_(
            "What lets them judge it: where you saw the original, who is shown, what the file did."
        ),
    )

    def clean(self) -> dict[str, Any]:
        said = super().clean() or {}
        if said.get("reason") in NEED_WORDS and not said.get("text", "").strip():
            self.add_error("text", _("Say in a few words what is wrong, or where the original is."))
        return said


class DecisionForm(forms.Form):
    """What can be done is offered; whether it still can be, the verb decides."""

    measure = forms.CharField(label=_("What is to be done"), widget=forms.RadioSelect)
    level = forms.ChoiceField(
        label=_("Its content level"),
        choices=[("", _("Only when it is set")), *ContentLevel.choices],
        required=False,
    )
    reason = forms.CharField(
        label=_("Why"),
        max_length=LONGEST,
        widget=forms.Textarea(attrs={"rows": 4}),
        help_text=_(
            "The creator reads it; so does everyone who comes to what was taken down. The audit "
            "trail keeps it."
        ),
    )

    def offer(self, measures: Sequence[Decision.Measure]) -> None:
        """Only these are shown."""
        choices = [(str(each), _capital(str(each.label))) for each in measures]
        self.fields["measure"].widget.choices = choices
        if Decision.Measure.SET_LEVEL not in measures:
            del self.fields["level"]


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
