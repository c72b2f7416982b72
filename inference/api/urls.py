"""`/api/v1/`: grids, base models."""

from django.urls import path

from inference.api import grids

urlpatterns = [
    path("base-models", grids.BaseModelList.as_view()),
    path("model-versions/<int:version_id>/grids", grids.VersionGrids.as_view()),
    path("model-versions/<int:version_id>/prompts", grids.VersionPrompts.as_view()),
    path("grids/<int:grid_id>", grids.GridDetail.as_view()),
    path("grids/<int:grid_id>/cells", grids.GridCells.as_view()),
    path("grids/<int:grid_id>/cancel", grids.GridCancellation.as_view()),
]
