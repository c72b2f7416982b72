"""From a picture to the networks that made it."""

import io

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from registry.models import ContentLevel, User
from tests.hub.gallery.networks import published
from tests.pictures import png

pytestmark = pytest.mark.django_db
LAST_LINE = "Steps: 20, Sampler: DPM++ 2M, CFG scale: 7, Seed: 7, Size: 512x512"


def dropped(client: Client, content: bytes, *, status: int = 200) -> str:
    picture = SimpleUploadedFile("00001-7.png", content, "image/png")
    response = client.post("/find", {"picture": picture})
    assert response.status_code == status
    return response.content.decode()


def pasted(client: Client, text: str) -> str:
    return client.post("/find", {"text": text}).content.decode()


def test_a_picture_names_its_network_by_tag(anonymous: Client, alice: User) -> None:
    published(alice, "Ink wash", stem="InkWash")
    said = f"a fox <hypernet:inkwash:0.5>\nNegative prompt: blurry\n{LAST_LINE}"
    page = dropped(anonymous, png(parameters=said))

    for fact in ("a fox", "blurry", "DPM++ 2M", "512x512", "at 0.5", "Known by its name"):
        assert fact in page
    assert 'href="/alice/ink-wash"' in page


def test_a_hash_goes_before_a_name(anonymous: Client, alice: User, bob: User) -> None:
    right = published(alice, "Right", stem="ink")
    published(bob, "Wrong", stem="ink")
    short = right.files.get(is_primary=True).sha256[:10]
    page = pasted(
        anonymous, f'<hypernet:ink:1>\n{LAST_LINE}, Hashes: {{"hypernet:ink": "{short}"}}'
    )

    assert "<bdi>Right</bdi>" in page
    assert "<bdi>Wrong</bdi>" not in page
    assert "This very file" in page


def test_the_hash_of_what_was_uploaded_is_known_too(anonymous: Client, alice: User) -> None:
    version = published(alice, "Ink", stem="renamed", original=b"the bytes on a disk")
    said = version.original.sha256[:10]
    page = pasted(
        anonymous, f'<hypernet:other:1>\n{LAST_LINE}, Hashes: {{"hypernet:other": "{said}"}}'
    )

    assert "<bdi>Ink</bdi>" in page


def test_a_name_that_several_have(anonymous: Client, alice: User, bob: User) -> None:
    published(alice, "One", stem="ink")
    published(bob, "Two", stem="ink")
    page = pasted(anonymous, f"<hypernet:ink:1>\n{LAST_LINE}")

    assert "Several have this name" in page
    assert "<bdi>One</bdi>" in page
    assert "<bdi>Two</bdi>" in page


def test_what_is_not_here_is_named(anonymous: Client) -> None:
    page = pasted(anonymous, f"a fox <hypernet:unknown:0.8>\n{LAST_LINE}")

    assert "unknown" in page
    assert "Not here" in page


def test_a_picture_of_the_base_model_alone(anonymous: Client) -> None:
    assert "No hypernetwork" in pasted(anonymous, f"a fox\n{LAST_LINE}")


def test_an_explicit_network_is_found_and_covered(anonymous: Client, alice: User) -> None:
    published(alice, "Night", stem="night", content_level=ContentLevel.EXPLICIT)
    page = pasted(anonymous, f"<hypernet:night:1>\n{LAST_LINE}")

    assert "shot-blurred" in page


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"\xff\xd8\xff\xe0 a JPEG", "This is no PNG"),
        (b"", "This is no PNG"),
        (png(), "says nothing of how it was made"),
    ],
)
def test_what_cannot_be_read_ends_in_a_sentence(
    anonymous: Client, content: bytes, sentence: str
) -> None:
    assert sentence in dropped(anonymous, content, status=400)


def test_nothing_given(anonymous: Client) -> None:
    response = anonymous.post("/find")

    assert response.status_code == 400
    assert b"Choose a picture" in response.content


def test_what_a_picture_says_is_text(anonymous: Client) -> None:
    page = pasted(anonymous, f"<script>alert(1)</script> <hypernet:<b>:1>\n{LAST_LINE}")

    assert "<script>alert" not in page
    assert "&lt;script&gt;alert" in page


def test_it_needs_no_token_and_keeps_nothing(anonymous: Client) -> None:
    strict = Client(enforce_csrf_checks=True)
    response = strict.post("/find", {"picture": io.BytesIO(png(parameters=LAST_LINE))})

    assert response.status_code == 200
    assert not response.cookies
