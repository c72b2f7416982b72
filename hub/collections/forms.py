"""The words of a collection."""

from django import forms
from django.utils.translation import gettext_lazy as _

from hub.publish.forms import Prose
from registry.models import Collection


class CollectionForm(forms.Form):
    name = forms.CharField(label=_("Name"), max_length=60)
    description = Prose(label=_("Description"), max_length=2000, help_text=_("Markdown."))
    is_public = forms.BooleanField(
        label=_("Everyone sees it"),
        required=False,
        help_text=_("Else it is yours alone: others are told that there is nothing."),
    )

    @classmethod
    def of(cls, collection: Collection) -> "CollectionForm":
        """With what is stored."""
        return cls(initial={name: getattr(collection, name) for name in cls.base_fields})
