"""What the catalogue can be asked for: one FilterSet for the API and the pages."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any, ClassVar, Final

import django_filters as filters
from django import forms
from django.contrib.auth.models import AnonymousUser
from django.db.models import QuerySet
from django.http import QueryDict
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from registry import search
from registry.formats.compatibility import App
from registry.keyset import LARGEST_KEY, Order
from registry.models import BaseModelName, ContentLevel, Network, User

# Every sort is a total order with an index of its own; the first is the default.
SORTS: Final = {
    "Highest Rated": Order("like_count"),
    "Most Downloaded": Order("download_count"),
    "Most Liked": Order("like_count"),
    "Most Discussed": Order("comment_count"),
    "Most Collected": Order("collected_count"),
    "Most Images": Order("picture_count"),
    "Newest": Order("last_version_at"),
    "Oldest": Order("last_version_at", descending=False),
}
DEFAULT_SORT: Final = next(iter(SORTS))
PERIODS: Final = {
    "AllTime": None,
    "Year": timedelta(days=365),
    "Month": timedelta(days=30),
    "Week": timedelta(days=7),
    "Day": timedelta(days=1),
}
# The types that clients of this API ask for; this hub has one of them.
OUR_TYPE: Final = "Hypernetwork"
TYPES: Final = (
    "Checkpoint",
    "TextualInversion",
    OUR_TYPE,
    "AestheticGradient",
    "LORA",
    "LoCon",
    "DoRA",
    "Controlnet",
    "Upscaler",
    "MotionModule",
    "VAE",
    "Poses",
    "Wildcards",
    "Workflows",
    "Detection",
    "Other",
)
# "a1111-old" for A1111 ≤1.9: addresses want words.
APPS: Final = {app.slug: app for app in App}
BOOLEANS: Final = {"true": True, "false": False, "True": True, "False": False}


def _choices(values: Iterable[str]) -> list[tuple[str, str]]:
    return [(value, value) for value in values]


def content_level(viewer: User | AnonymousUser, *, asked: bool | None) -> ContentLevel:
    """The strongest content to show: as asked (`nsfw`), else as the viewer wishes, else general."""
    if asked is not None:
        return ContentLevel.EXPLICIT if asked else ContentLevel.GENERAL
    return ContentLevel(getattr(viewer, "content_level", ContentLevel.GENERAL))


class NumbersField(forms.Field):
    """Whole numbers, repeated or with commas: `ids=1&ids=2`, `ids=1,2`."""

    widget = forms.SelectMultiple
    MOST = 100

    def to_python(self, value: list[str] | None) -> list[int]:
        texts = [text for part in value or [] for text in part.split(",") if text.strip()]
        try:
            numbers = [int(text) for text in texts]
        except ValueError:
            raise forms.ValidationError(_("Whole numbers only.")) from None
        if len(numbers) > self.MOST or any(not 0 <= n <= LARGEST_KEY for n in numbers):
            raise forms.ValidationError(_("At most 100 numbers, none below 0."))
        return numbers


class OneOfFilter(filters.MultipleChoiceFilter):  # type: ignore[misc]
    """Repeatable: one of the values. On columns of the network itself, so that no row comes twice;
    a DISTINCT would sort all rows before the first page."""

    def __init__(self, *, choices: Iterable[str], **words: Any) -> None:
        super().__init__(choices=[(value, value) for value in choices], distinct=False, **words)


class NumbersFilter(filters.Filter):  # type: ignore[misc]  # django-filter has no types
    field_class = NumbersField


class AllOfField(forms.Field):
    """Repeatable, and all of them are meant: `tag=ink&tag=night`."""

    widget = forms.SelectMultiple
    MOST = 20

    def to_python(self, value: list[str] | None) -> list[str]:
        values = list(dict.fromkeys(value or []))
        if len(values) > self.MOST:
            raise forms.ValidationError(_("At most 20 of them."))
        return values


class AllOfFilter(filters.Filter):  # type: ignore[misc]
    field_class = AllOfField


class NetworkFilter(filters.FilterSet):  # type: ignore[misc]
    """Listed networks that answer to all the parameters; `order` says in which order.

    The search language of `query` is taken apart first: `kind:style` there is `kind=style` here.
    """

    query = filters.CharFilter(method="by_query")
    ids = NumbersFilter(field_name="pk", lookup_expr="in")
    tag = AllOfFilter(method="by_tags")
    username = filters.CharFilter(field_name="creator__username", lookup_expr="iexact")
    types = OneOfFilter(choices=TYPES, method="by_types")
    kind = OneOfFilter(choices=Network.Kind.values)
    baseModels = OneOfFilter(
        field_name="base_models", choices=BaseModelName.values, method="by_overlap"
    )
    activation = filters.CharFilter(method="by_activation")
    works_with = OneOfFilter(choices=APPS, method="by_overlap")
    minSize = filters.NumberFilter(field_name="file_size", lookup_expr="gte", min_value=0)
    maxSize = filters.NumberFilter(field_name="file_size", lookup_expr="lte", min_value=0)
    period = filters.ChoiceFilter(choices=_choices(PERIODS), method="by_period")
    # These two decide the level and the order, not which rows: see the properties below.
    nsfw = filters.TypedChoiceFilter(
        choices=_choices(BOOLEANS), coerce=BOOLEANS.get, empty_value=None, method="leave"
    )
    sort = filters.ChoiceFilter(choices=_choices(SORTS), method="leave")
    favorites = filters.TypedChoiceFilter(
        choices=_choices(BOOLEANS), coerce=BOOLEANS.get, empty_value=None, method="by_favorites"
    )

    base_filters: dict[str, filters.Filter]  # those above

    class Meta:
        model = Network
        fields: ClassVar[list[str]] = []

    def __init__(self, data: QueryDict, *, viewer: User | AnonymousUser) -> None:
        self.viewer = viewer
        self._tag_keys: dict[str, list[int]] = {}
        self.parsed = search.parse(data.get("query", ""))
        terms = self._with_terms(data)
        # The parent copies every filter, and then every field of its form, for each request; the
        # ones that nobody gave change nothing.
        self.base_filters = {n: each for n, each in self.base_filters.items() if n in terms}
        super().__init__(terms, queryset=Network.objects.all())

    def _with_terms(self, data: QueryDict) -> QueryDict:
        """The parameters that say something, and the prefixed terms of the query beside them."""
        terms = QueryDict(mutable=True)
        for name, values in data.lists():
            if said := [value for value in values if value]:
                terms.setlist(name, said)
        for name, known in self.parsed.filters.items():
            terms.setlistdefault(name, list(known))
        return terms

    def is_valid(self) -> bool:
        """False with a sentence at `query` too when a term there makes no sense."""
        valid = bool(super().is_valid())
        if valid and self.parsed.problems:
            self.form.add_error("query", [str(each.sentence) for each in self.parsed.problems])
        return valid and not self.parsed.problems

    @property
    def level(self) -> ContentLevel:
        return content_level(self.viewer, asked=self.form.cleaned_data.get("nsfw"))

    @property
    def order(self) -> Order:
        return SORTS[self.form.cleaned_data.get("sort") or DEFAULT_SORT]

    @property
    def did_you_mean(self) -> list[str]:
        """Names and tags close to the words of the query."""
        words = (each for each in self.parsed.words.split() if not each.startswith("-"))
        among = Network.objects.listed(up_to=self.level)
        return search.suggestions(" ".join(words).replace('"', ""), among=among)

    def filter_queryset(self, queryset: QuerySet[Network]) -> QuerySet[Network]:
        return self.without("")

    def without(self, name: str) -> QuerySet[Network]:
        """What all parameters but this one find."""
        networks = Network.objects.listed(up_to=self.level)
        for each, value in self.form.cleaned_data.items():
            if each != name:
                networks = self.filters[each].filter(networks, value)
        return networks

    def by_query(self, networks: QuerySet[Network], *_: object) -> QuerySet[Network]:
        return search.matching(networks, self.parsed)

    def by_tags(self, networks: QuerySet[Network], _: str, names: list[str]) -> QuerySet[Network]:
        for name in names:
            # Asked for again by each facet.
            if name not in self._tag_keys:
                self._tag_keys[name] = search.tag_ids({search.normal_tag(name)})
            networks = networks.filter(tag_ids__overlap=self._tag_keys[name])
        return networks

    def by_types(self, networks: QuerySet[Network], _: str, types: list[str]) -> QuerySet[Network]:
        return networks if not types or OUR_TYPE in types else networks.none()

    def by_overlap(
        self, networks: QuerySet[Network], column: str, values: list[str]
    ) -> QuerySet[Network]:
        return networks.filter(**{f"{column}__overlap": values}) if values else networks

    def by_activation(self, networks: QuerySet[Network], _: str, name: str) -> QuerySet[Network]:
        return networks.filter(activations__contains=[name.lower()])

    def by_period(self, networks: QuerySet[Network], _: str, name: str) -> QuerySet[Network]:
        age = PERIODS[name]
        return networks.filter(last_version_at__gte=timezone.now() - age) if age else networks

    def by_favorites(self, networks: QuerySet[Network], _: str, asked: bool) -> QuerySet[Network]:
        """What the viewer likes; nobody anonymous likes anything."""
        if not asked:
            return networks
        return networks.filter(likes__user=self.viewer.pk) if self.viewer.pk else networks.none()

    def leave(self, networks: QuerySet[Network], *_: object) -> QuerySet[Network]:
        return networks
