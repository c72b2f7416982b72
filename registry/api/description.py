"""`GET /api/v1/schema`: the API about itself, as OpenAPI 3.1 in JSON."""

from typing import Final

from django.http import HttpResponse
from rest_framework.request import Request

from registry.api.reading import PublicRead
from registry.api.schema.document import document
from registry.api.schema.operations import Answer, Operation, documented, said
from registry.api.schema.words import ANYTHING

CONTENT_TYPE: Final = "application/vnd.oai.openapi+json"
READ_SCHEMA: Final = Operation(
    "readSchema",
    "This description, for programs",
    group="The API",
    answers={
        200: Answer(
            "An OpenAPI 3.1 document.",
            ANYTHING,
            content_type=CONTENT_TYPE,
            headers={"ETag": said("Changes with the document.")},
        ),
        304: Answer("The client has it already (`If-None-Match`)."),
    },
)


class Schema(PublicRead):
    @documented(READ_SCHEMA)
    def get(self, request: Request) -> HttpResponse:
        described = document()
        # ConditionalGetMiddleware compares it with `If-None-Match`.
        etag = {"ETag": f'"{described.etag}"'}
        return HttpResponse(described.body, content_type=CONTENT_TYPE, headers=etag)
