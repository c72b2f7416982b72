"""The form of a draft's details, and of a published network's: one class, some of its fields."""

import re
from collections.abc import Mapping
from typing import Any, Final

from django import forms
from django.core.exceptions import ValidationError
from django.http import QueryDict
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _

from hub.publish.words import MOST_PROMPTS, follows_its_name, plain
from inference.models import OwnPrompt
from registry.base_models import fitting, suggested
from registry.models import BaseModelName, ContentLevel, Network, Version
from registry.models.network import CommercialUse, Licence, slug_validator
from registry.models.version import strength_validators, version_name_validators
from registry.tagging import meant_tags

STRENGTHS: Final = ("recommended_strength", "min_strength", "max_strength")
PROMPTS: Final = tuple(f"prompt_{number}" for number in range(1, MOST_PROMPTS + 1))
LONGEST_PROMPT: Final = OwnPrompt._meta.get_field("text").max_length
_COMMAS: Final = re.compile(r"[,\n、،]+")
_MOST_TRIGGER_WORDS: Final = 30
_NETWORK_FIELDS: Final = (
    *("name", "slug", "kind", "tags", "description", "content_level", "licence"),
    *("allow_no_credit", "allow_commercial_use", "allow_derivatives", "allow_different_licence"),
)
_VERSION_FIELDS: Final = (
    *("version_name", "changelog", "trigger_words", "base_model", *STRENGTHS, *PROMPTS),
)


class Listed(forms.CharField):
    """Several, with commas between them; cleans to a list."""

    def prepare_value(self, value: Any) -> Any:
        return ", ".join(value) if isinstance(value, list | tuple) else value

    def clean(self, value: Any) -> list[str]:
        text = super().clean(value)
        each = (" ".join(part.split()) for part in _COMMAS.split(text))
        return list(dict.fromkeys(filter(None, each)))


class Prose(forms.CharField):
    """Markdown, line by line as it is stored."""

    def __init__(self, **words: Any) -> None:
        super().__init__(widget=forms.Textarea(attrs={"rows": 6}), required=False, **words)

    def clean(self, value: Any) -> str:
        return plain(super().clean(plain(value or "")))


class DetailsForm(forms.Form):
    name = forms.CharField(label=_("Name"), max_length=60)
    slug = forms.CharField(
        label=_("Address"),
        max_length=80,
        required=False,
        validators=[slug_validator],
        help_text=_("Made from the name unless you choose one. Once published it stays."),
        widget=forms.TextInput(attrs={"spellcheck": "false", "autocapitalize": "none"}),
    )
    kind = forms.ChoiceField(
        label=_("Kind"), choices=Network.Kind.choices, widget=forms.RadioSelect
    )
    tags = Listed(
        label=_("Tags"),
        required=False,
        help_text=_("With commas between them, at most 20. “style: ink wash” says what kind."),
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    description = Prose(label=_("Description"), max_length=20_000)
    version_name = forms.CharField(
        label=_("Version"), max_length=60, validators=version_name_validators
    )
    changelog = Prose(label=_("What changed"), max_length=10_000)
    trigger_words = Listed(
        label=_("Trigger words"),
        required=False,
        help_text=_("Words that a prompt needs for it, with commas between them."),
    )
    base_model = forms.ChoiceField(label=_("Base model"), required=False)
    recommended_strength = forms.FloatField(label=_("Recommended"), required=False)
    min_strength = forms.FloatField(label=_("From"), required=False)
    max_strength = forms.FloatField(label=_("To"), required=False)
    prompt_1 = forms.CharField(
        label=_("A prompt of your own"), max_length=LONGEST_PROMPT, required=False
    )
    prompt_2 = forms.CharField(label=_("Another one"), max_length=LONGEST_PROMPT, required=False)
    licence = forms.ChoiceField(label=_("Licence"), choices=Licence.choices)
    allow_no_credit = forms.BooleanField(label=_("No credit needed"), required=False)
    allow_derivatives = forms.BooleanField(
        label=_("Merges and further training allowed"), required=False
    )
    allow_different_licence = forms.BooleanField(
        label=_("Merges may have another licence"), required=False
    )
    allow_commercial_use = forms.MultipleChoiceField(
        label=_("Others may"),
        choices=CommercialUse.choices,
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )
    content_level = forms.ChoiceField(
        label=_("Content level"),
        choices=ContentLevel.choices,
        widget=forms.RadioSelect,
        help_text=_("Of the pictures it is meant for. Say the stronger one when in doubt."),
    )

    def __init__(
        self,
        data: QueryDict | None = None,
        *,
        words: Mapping[str, Any],
        network: Network | None,
        version: Version | None,
    ) -> None:
        """`words` are those stored; without a network, or a version, its fields are not there."""
        super().__init__(data, initial=_shown(words, version), use_required_attribute=False)
        self.network, self.version = network, version
        for name in () if network else _NETWORK_FIELDS:
            del self.fields[name]
        for name in () if version else _VERSION_FIELDS:
            del self.fields[name]
        if version is not None:
            self._offer_base_models(version)
            self._limit_strengths()
        if network is not None:
            self._settle_address(network)

    @property
    def has_network(self) -> bool:
        return self.network is not None

    @property
    def has_version(self) -> bool:
        return self.version is not None

    @property
    def said(self) -> dict[str, Any]:
        """What is well said, by the names of `hub.publish.words`; after `is_valid()`."""
        clean = self.cleaned_data
        several = {*STRENGTHS, *PROMPTS}
        said = {name: clean[name] for name in self.fields if name in clean and name not in several}
        if self.version is not None and all(name in clean for name in STRENGTHS):
            said["strength"] = [clean[name] for name in STRENGTHS]
        if self.version is not None and all(name in clean for name in PROMPTS):
            said["prompts"] = list(dict.fromkeys(filter(None, (clean[n] for n in PROMPTS))))
        return said

    def object_to(self, errors: Mapping[str, list[str]]) -> None:
        """Put what the verbs objected to beside its field."""
        places = {"strength": STRENGTHS[0], "prompts": PROMPTS[0]}
        for name, sentences in errors.items():
            place = places.get(name, name)
            for sentence in sentences:
                self.add_error(place if place in self.fields else None, sentence)

    def show_instead(self, values: Mapping[str, Any]) -> None:
        """Let fields of a form that was sent show these."""
        data = QueryDict(mutable=True)
        data.update(self.data)
        for name, value in _shown(values, None).items():
            if value in (None, False, ""):
                data.pop(name, None)
            elif isinstance(value, list) and name == "allow_commercial_use":
                data.setlist(name, value)
            else:
                data[name] = ", ".join(value) if isinstance(value, list) else str(value)
        self.data = data

    def clean_slug(self) -> str:
        slug: str = self.cleaned_data["slug"]
        own = self.network
        return "" if own is not None and slug == own.slug and follows_its_name(own) else slug

    def clean_tags(self) -> list[str]:
        try:
            return meant_tags(self.cleaned_data["tags"])
        except ValidationError as error:
            raise ValidationError(error.message_dict["tags"]) from None

    def clean_trigger_words(self) -> list[str]:
        words: list[str] = self.cleaned_data["trigger_words"]
        if len(words) > _MOST_TRIGGER_WORDS or any(len(word) > 120 for word in words):
            raise ValidationError(_now("At most 30 trigger words, of 120 characters each."))
        return words

    def clean_allow_commercial_use(self) -> list[str]:
        return sorted(self.cleaned_data["allow_commercial_use"])

    def clean(self) -> dict[str, Any]:
        clean = self.cleaned_data
        best, least, most = (clean.get(name) for name in STRENGTHS)
        if best is None and (least is not None or most is not None):
            self.add_error(STRENGTHS[0], _now("Say the strength itself, not only its range."))
        elif best is not None and not (
            (best if least is None else least) <= best <= (best if most is None else most)
        ):
            self.add_error(STRENGTHS[0], _now("The recommended strength lies within its range."))
        for name in PROMPTS:
            if "<" in (text := clean.get(name, "")) or ">" in text:
                self.add_error(
                    name, _now("A prompt without < and >: the grid sets the strengths itself.")
                )
        return clean

    def _offer_base_models(self, version: Version) -> None:
        offered = fitting(version.dims) if version.dims else tuple(BaseModelName)
        names = dict.fromkeys([*map(str, offered), *filter(None, [version.base_model])])
        field = self.fields["base_model"]
        # Their names as everyone writes them: "SD 1.5".
        field.choices = [("", _("choose…")), *((n, n) for n in names)]  # type: ignore[attr-defined]
        if version.dims:
            field.help_text = _("Those that the layers of your file fit.")

    def _limit_strengths(self) -> None:
        for name in STRENGTHS:
            self.fields[name].validators += strength_validators
            self.fields[name].widget.attrs |= {"step": "0.05", "min": "-4", "max": "4"}

    def _settle_address(self, network: Network) -> None:
        if network.status == Network.Status.DRAFT:
            self.fields["slug"].widget.attrs["placeholder"] = network.slug
        else:
            del self.fields["slug"]


def _shown(words: Mapping[str, Any], version: Version | None) -> dict[str, Any]:
    """By the names of the fields."""
    shown = {name: value for name, value in words.items() if name not in ("strength", "prompts")}
    if "strength" in words:
        shown |= dict(zip(STRENGTHS, words["strength"], strict=True))
    if "prompts" in words:
        prompts = [*words["prompts"], *([""] * MOST_PROMPTS)]
        shown |= dict(zip(PROMPTS, prompts, strict=False))
    if version is not None and not shown.get("base_model"):
        shown["base_model"] = suggested(version.dims) or ""
    return shown


class ReasonForm(forms.Form):
    reason = forms.CharField(
        label=_("Why"),
        max_length=2000,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=_("Shown to everyone who comes to it."),
    )


class OptionalReasonForm(ReasonForm):
    reason = forms.CharField(
        label=_("Why"),
        max_length=2000,
        required=False,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=_("Shown where it was."),
    )
