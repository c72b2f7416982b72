"""`GET images`, `creators`, `tags` and `enums`."""

import hashlib
from typing import Any, Final

from django.core.cache import cache
from django.db.models import Count, Exists, OuterRef, Q, QuerySet
from django.utils.http import urlencode
from redis import RedisError
from rest_framework.request import Request
from rest_framework.response import Response

from registry.api import shapes
from registry.api.reading import (
    IMAGE_LEVELS,
    IMAGE_SORTS,
    MAX_IMAGES,
    Paging,
    PublicRead,
    address_with,
    boolean,
    one_of,
    origin_of,
    page_metadata,
    whole_number,
    words_of,
)
from registry.api.schema import catalogue as doc
from registry.api.schema.operations import documented
from registry.filters import APPS, PERIODS, SORTS, TYPES, content_level
from registry.keyset import LARGEST_KEY, MAX_BY_NUMBER, Order, TooManyPages, keyset_page
from registry.models import BaseModelName, ContentLevel, Network, Picture, Tag, User
from registry.search import normal_tag

COUNTED_FOR_SECONDS: Final = 60
DEFAULT_NUMBERED: Final = 20


class ImageList(PublicRead):
    @documented(doc.LIST_IMAGES)
    def get(self, request: Request) -> Response:
        parameters = request.query_params
        paging = Paging.of(request, most=MAX_IMAGES)
        sort = one_of(parameters.get("sort"), "sort", IMAGE_SORTS)
        page = keyset_page(
            self._pictures(request),
            order=Order("id", descending=sort == "Newest"),
            limit=paging.limit,
            cursor=paging.cursor,
            number=paging.page,
        )
        with_meta = bool(boolean(parameters.get("withMeta"), "withMeta"))
        origin = origin_of(request)
        items = [
            shapes.image_in_list(each, origin=origin, with_meta=with_meta) for each in page.rows
        ]
        return Response({"items": items, "metadata": page_metadata(request, paging, page)})

    def _pictures(self, request: Request) -> QuerySet[Picture]:
        parameters = request.query_params
        pictures = Picture.objects.visible_to(request.user).filter(
            content_level__in=ContentLevel.up_to(_level_of(request))
        )
        for name, column in (
            ("modelId", "versions__network"),
            ("modelVersionId", "versions"),
            ("postId", "pk"),
            ("imageId", "pk"),
        ):
            number = whole_number(parameters.get(name), name, least=0, most=LARGEST_KEY)
            if number is not None:
                pictures = pictures.filter(**{column: number})
        if username := words_of(request, "username"):
            pictures = pictures.filter(owner__username__iexact=username)
        return pictures.select_related("owner").prefetch_related("versions")


def _level_of(request: Request) -> ContentLevel:
    """By Civitai's names too, which clients send for pictures: `nsfw=X` is up to explicit."""
    asked = request.query_params.get("nsfw")
    if asked in IMAGE_LEVELS:
        return IMAGE_LEVELS[asked]
    return content_level(request.user, asked=boolean(asked, "nsfw"))


class NumberedList(PublicRead):
    """Pages by number with their totals, for lists of moderate length."""

    def rows(self, request: Request) -> QuerySet[Any]:
        raise NotImplementedError

    def item(self, row: Any, *, origin: str) -> shapes.JSON:
        raise NotImplementedError

    def page(self, request: Request) -> Response:
        paging = Paging.of(request, default=DEFAULT_NUMBERED)
        number = paging.page or 1
        if number * paging.limit > MAX_BY_NUMBER:
            raise TooManyPages
        rows = self.rows(request)
        total = self._total(request, rows)
        start = (number - 1) * paging.limit
        origin = origin_of(request)
        metadata: shapes.JSON = {
            "totalItems": total,
            "currentPage": number,
            "pageSize": paging.limit,
            "totalPages": -(-total // paging.limit) if paging.limit else 0,
        }
        if start + paging.limit < total:
            metadata["nextPage"] = address_with(request, page=number + 1)
        if number > 1:
            metadata["prevPage"] = address_with(request, page=number - 1)
        shown = rows[start : start + paging.limit]
        items = [self.item(row, origin=origin) for row in shown]
        return Response({"items": items, "metadata": metadata})

    def limit_of(self, request: Request) -> str:
        return "search" if request.query_params.get("query") else "read"

    def _total(self, request: Request, rows: QuerySet[Any]) -> int:
        """Counted at most once a minute: a count reads every row."""
        query = request.query_params.get("query", "").lower()
        digest = hashlib.sha256(query.encode()).hexdigest()
        key = f"total:{type(self).__name__}:{digest}"
        try:
            return int(cache.get_or_set(key, rows.count, COUNTED_FOR_SECONDS) or 0)
        except RedisError:
            return rows.count()


class CreatorList(NumberedList):
    """Creators who have something listed, by name."""

    @documented(doc.LIST_CREATORS)
    def get(self, request: Request) -> Response:
        return self.page(request)

    def rows(self, request: Request) -> QuerySet[User]:
        listed = Network.objects.filter(creator=OuterRef("pk"), is_listed=True)
        creators = User.objects.filter(Exists(listed))
        if query := words_of(request, "query"):
            creators = creators.filter(username__icontains=query)
        return creators.annotate(
            model_count=Count("networks", filter=Q(networks__is_listed=True))
        ).order_by("username")

    def item(self, row: Any, *, origin: str) -> shapes.JSON:
        return {
            **shapes.creator(row.username, row.avatar, origin=origin),
            "modelCount": row.model_count,
            "link": f"{origin}/api/v1/models?username={row.username}",
        }


class TagList(NumberedList):
    """Tags in use, the most used first."""

    @documented(doc.LIST_TAGS)
    def get(self, request: Request) -> Response:
        return self.page(request)

    def rows(self, request: Request) -> QuerySet[Tag]:
        tags = Tag.objects.filter(alias_of=None, network_count__gt=0)
        if query := request.query_params.get("query"):
            tags = tags.filter(name__contains=normal_tag(query))
        return tags.order_by("-network_count", "name")

    def item(self, row: Any, *, origin: str) -> shapes.JSON:
        return {
            "name": row.name,
            "namespace": row.namespace,
            "modelCount": row.network_count,
            "link": f"{origin}/api/v1/models?{urlencode({'tag': row.name})}",
        }


class Enums(PublicRead):
    """The values that parameters take."""

    @documented(doc.READ_ENUMS)
    def get(self, request: Request) -> Response:
        return Response(
            {
                "ModelType": list(TYPES),
                "ModelFileType": ["Model"],
                "ActiveBaseModel": BaseModelName.values,
                "BaseModel": BaseModelName.values,
                "BaseModelType": ["Standard"],
                "Kind": Network.Kind.values,
                "ModelSort": list(SORTS),
                "ImageSort": list(IMAGE_SORTS),
                "Period": list(PERIODS),
                "WorksWith": list(APPS),
                "ContentLevel": ContentLevel.values,
            }
        )
