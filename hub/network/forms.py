"""The form of a picture that somebody shows."""

from collections.abc import Sequence
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from registry.models import ContentLevel, Network, Version


class PictureForm(forms.Form):
    picture = forms.FileField(
        label=_("A picture"),
        help_text=_(
            "PNG, JPEG, WebP or AVIF, at most 20 MB. A picture from A1111 says how it was made, "
            "and is linked with every network in it. Nothing else in the file is kept."
        ),
        widget=forms.ClearableFileInput(
            attrs={"accept": "image/png,image/jpeg,image/webp,image/avif"}
        ),
    )
    version = forms.TypedChoiceField(label=_("Made with version"), coerce=int)
    content_level = forms.ChoiceField(label=_("Content level"))

    def __init__(
        self, *args: Any, network: Network, versions: Sequence[Version], **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.fields["version"].choices = [(each.number, each.name) for each in versions]  # type: ignore[attr-defined]
        least = ContentLevel(network.content_level)
        self.fields["content_level"].choices = [  # type: ignore[attr-defined]
            choice
            for choice in ContentLevel.choices
            if not ContentLevel(choice[0]).is_milder_than(least)
        ]
