"""Forms of the account area, and allauth's own in our words."""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from allauth.account import forms as account
from django import forms
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from registry.models import ContentLevel, Scope, User

if TYPE_CHECKING:  # generic for the type checker only
    UserModelForm = forms.ModelForm[User]
else:
    UserModelForm = forms.ModelForm

PASSWORD_HINT: Final = _("At least 8 characters, not only digits, and none that everyone uses.")


class LoginForm(account.LoginForm):  # type: ignore[misc]  # allauth has no types
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["login"].label = _("Name or e-mail address")
        self.fields["login"].widget.attrs["autocomplete"] = "username"


class SignupForm(account.SignupForm):  # type: ignore[misc]
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        name = self.fields["username"]
        name.label = _("Public name")
        name.help_text = _("Letters, digits, “_” and “-”. It stands in the address of your work.")
        self.fields["email"].label = _("E-mail address")
        self.fields["email"].help_text = _("Never shown to anyone.")
        self.fields["password1"].help_text = PASSWORD_HINT


class AddEmailForm(account.AddEmailForm):  # type: ignore[misc]
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["email"].label = _("New address")


class ChangePasswordForm(account.ChangePasswordForm):  # type: ignore[misc]
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["oldpassword"].label = _("Current password")
        _label_new_passwords(self)


class SetPasswordForm(account.SetPasswordForm):  # type: ignore[misc]
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _label_new_passwords(self)


class ResetPasswordForm(account.ResetPasswordForm):  # type: ignore[misc]
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["email"].label = _("E-mail address")


class ResetPasswordKeyForm(account.ResetPasswordKeyForm):  # type: ignore[misc]
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _label_new_passwords(self)


def _label_new_passwords(form: forms.Form) -> None:
    form.fields["password1"].label = _("New password")
    form.fields["password1"].help_text = PASSWORD_HINT
    form.fields["password2"].label = _("New password again")


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
        label=_("Picture"),
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
