"""Forms of the account area that are ours; `allauth_forms` has the others."""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from django import forms
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from registry.models import ContentLevel, Scope, User, Webhook
from registry.webhooks import SUBSCRIBABLE

if TYPE_CHECKING:  # generic for the type checker only
    UserModelForm = forms.ModelForm[User]
else:
    UserModelForm = forms.ModelForm


class ProfileForm(UserModelForm):
    class Meta:
        model = User
        fields = ("display_name", "bio", "content_level")
        widgets = {
            "bio": forms.Textarea(attrs={"rows": 4}),
            "content_level": forms.RadioSelect(choices=ContentLevel.choices),
        }
        help_texts = {
            "display_name": _("Shown instead of your public name."),
            "bio": _("Markdown. Shown on your page."),
            "content_level": _("Stronger pictures stay blurred until you ask for them."),
        }


class AvatarForm(forms.Form):
    picture = forms.FileField(
        label=_("A new picture"),
        help_text=_("PNG, JPEG, WebP or AVIF, at most 20 MB. It is cut to a square."),
        widget=forms.ClearableFileInput(
            attrs={"accept": "image/png,image/jpeg,image/webp,image/avif"}
        ),
    )


class Lifetime(forms.ChoiceField):
    """How long a key works; cleans to the moment it ends, or None."""

    DAYS: Final = {"30": _("30 days"), "90": _("90 days"), "365": _("a year")}
    NEVER: Final = "never"

    def __init__(self, **kwargs: Any) -> None:
        choices = [*self.DAYS.items(), (self.NEVER, _("until you revoke it"))]
        super().__init__(choices=choices, initial="90", **kwargs)

    def clean(self, value: Any) -> datetime | None:
        chosen = super().clean(value)
        return None if chosen == self.NEVER else timezone.now() + timedelta(days=int(chosen))


class ApiKeyForm(forms.Form):
    name = forms.CharField(
        label=_("Name"), max_length=60, help_text=_("Where you will use it, to know it again.")
    )
    scopes = forms.MultipleChoiceField(
        label=_("It may"),
        choices=Scope.choices,
        initial=[Scope.READ],
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": _("Tick at least one thing that the key may do.")},
    )
    expires_at = Lifetime(label=_("It works for"), widget=forms.Select)

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not user.is_moderator:
            scopes = self.fields["scopes"]
            scopes.choices = [each for each in Scope.choices if each[0] != Scope.MODERATE]  # type: ignore[attr-defined]


class WebhookForm(forms.Form):
    url = forms.CharField(
        label=_("Address"),
        max_length=500,
        widget=forms.URLInput(attrs={"placeholder": "https://example.org/hyperhub"}),
        help_text=_("Called by POST. It must be reachable from the public internet."),
    )
    about = forms.ChoiceField(
        label=_("It is called about"),
        choices=Webhook.About.choices,
        initial=Webhook.About.OWN,
        widget=forms.RadioSelect,
    )
    events = forms.MultipleChoiceField(
        label=_("It is called when"),
        choices=[(each.value, each.label) for each in SUBSCRIBABLE],
        initial=[Webhook.Event.VERSION_PUBLISHED],
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": _("Tick at least one event.")},
    )


class CloseAccountForm(forms.Form):
    networks = forms.ChoiceField(
        label=_("What you have published"),
        choices=[
            ("delete", _("Delete it. Name, hashes and versions stay to be looked up, no files.")),
            ("keep", _("Leave it here, under “a former member”.")),
        ],
        initial="delete",
        widget=forms.RadioSelect,
    )
    name = forms.CharField(
        label=_("Your public name"),
        help_text=_("Type it to show that you mean it."),
        widget=forms.TextInput(
            attrs={"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"}
        ),
    )

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.user = user
        if not user.networks.filter(published_at__isnull=False).exists():
            del self.fields["networks"]

    def clean_name(self) -> str:
        name: str = self.cleaned_data["name"]
        if name != self.user.username:
            raise forms.ValidationError(
                _("This is not your public name, which is “%(name)s”."),
                params={"name": self.user.username},
            )
        return name
