"""`grids`: what a network does at several strengths: asked for, read as it grows, cancelled."""

from http import HTTPStatus
from typing import Any

from django.http import Http404
from django.utils.translation import gettext as _
from rest_framework.request import Request
from rest_framework.response import Response

from inference.api import schema as doc
from inference.api.bodies import GridBody, PromptsBody
from inference.grid_shapes import cell_shape, details_of_base_model, grid_shape
from inference.models import BaseModel, Cell, PreviewGrid
from inference.previews import ask_for_grid, cancel_grid, set_own_prompts
from registry.api.permissions import MayReadInPublic
from registry.api.reading import PublicRead, one_of, origin_of
from registry.api.schema.operations import documented
from registry.api.view import ApiView
from registry.api.writing import Nothing, WriteOnly, Writes, person, taken
from registry.models import Version


class Changing(ApiView):
    """Public, and different from one second to the next: an ETag spares the body."""

    permission_classes = (MayReadInPublic,)

    def finalize_response(
        self, request: Request, response: Response, *args: Any, **kwargs: Any
    ) -> Response:
        answer = super().finalize_response(request, response, *args, **kwargs)
        answer["Cache-Control"] = "private, no-cache"
        return answer


class VersionGrids(Writes, Changing):
    @documented(doc.LIST_GRIDS)
    def get(self, request: Request, version_id: int) -> Response:
        """Newest first."""
        version = _version(request, version_id)
        grids = version.preview_grids.select_related("base_model")
        origin = origin_of(request)
        return Response({"items": [grid_shape(grid, origin=origin) for grid in grids]})

    @documented(doc.ASK_FOR_GRID)
    def post(self, request: Request, version_id: int) -> Response:
        version = _version(request, version_id)
        said = taken(request, GridBody)
        base = _base_model(said["baseModelId"]) if "baseModelId" in said else None
        grid = ask_for_grid(
            version=version, by=person(request), base_model=base, again=said.get("again", False)
        )
        origin = origin_of(request)
        return Response(
            grid_shape(grid, origin=origin),
            HTTPStatus.OK if grid.is_finished else HTTPStatus.ACCEPTED,
            headers={"Location": f"{origin}/api/v1/grids/{grid.pk}"},
        )


class GridDetail(Changing):
    @documented(doc.READ_GRID)
    def get(self, request: Request, grid_id: int) -> Response:
        return Response(grid_shape(_grid(request, grid_id), origin=origin_of(request)))


class GridCells(Changing):
    @documented(doc.LIST_CELLS)
    def get(self, request: Request, grid_id: int) -> Response:
        """Row by row; `state` for those that are done, say."""
        state = one_of(request.query_params.get("state"), "state", ("", *Cell.State.values))
        cells = _grid(request, grid_id).cells.select_related("picture")
        shown = cells.filter(state=state) if state else cells
        origin = origin_of(request)
        return Response({"items": [cell_shape(cell, origin=origin) for cell in shown]})


class GridCancellation(WriteOnly):
    @documented(doc.CANCEL_GRID)
    def post(self, request: Request, grid_id: int) -> Response:
        grid = _grid(request, grid_id)
        taken(request, Nothing)
        grid = cancel_grid(grid=grid, by=person(request))
        return Response(grid_shape(grid, origin=origin_of(request)), HTTPStatus.ACCEPTED)


class VersionPrompts(Writes, Changing):
    """A creator's own rows of the next grid."""

    @documented(doc.READ_PROMPTS)
    def get(self, request: Request, version_id: int) -> Response:
        return _prompts(_version(request, version_id))

    @documented(doc.SET_PROMPTS)
    def put(self, request: Request, version_id: int) -> Response:
        version = _version(request, version_id)
        texts = taken(request, PromptsBody)["prompts"]
        set_own_prompts(version=version, texts=texts, by=person(request))
        return _prompts(version)


class BaseModelList(PublicRead):
    @documented(doc.LIST_BASE_MODELS)
    def get(self, request: Request) -> Response:
        usable = BaseModel.objects.usable().prefetch_related("suite")
        return Response({"items": [details_of_base_model(each) for each in usable]})


def _prompts(version: Version) -> Response:
    items = [{"text": each.text, "seed": each.seed} for each in version.own_prompts.all()]
    return Response({"items": items})


def _version(request: Request, version_id: int) -> Version:
    visible = Version.objects.visible_to(request.user).select_related("network__creator")
    version = visible.filter(pk=version_id).first()
    if version is None:
        raise Http404(_("There is no such version."))
    return version


def _grid(request: Request, grid_id: int) -> PreviewGrid:
    visible = PreviewGrid.objects.visible_to(request.user)
    related = ("base_model", "job", "version__network__creator")
    grid = visible.filter(pk=grid_id).select_related(*related).first()
    if grid is None:
        raise Http404(_("There is no such grid."))
    return grid


def _base_model(pk: int) -> BaseModel:
    base_model = BaseModel.objects.usable().filter(pk=pk).first()
    if base_model is None:
        raise Http404(_("There is no such base model in use."))
    return base_model
