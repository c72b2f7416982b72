"""Faces: what is taken, what is left of it, and what is refused with which sentence."""

import hashlib
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from PIL import Image

from hub.accounts import avatars
from hub.accounts.avatars import SIDE, encode_avatar
from registry.confinement import Limits
from registry.models import AuditEvent, User
from registry.picture_uploads import MAX_BYTES, UnusablePicture

AVATAR = reverse("account_avatar")


def picture(kind: str = "PNG", size: tuple[int, int] = (600, 400), **options: Any) -> bytes:
    file = io.BytesIO()
    image = Image.linear_gradient("L").resize(size).convert("RGB")
    image.save(file, kind, **options)
    return file.getvalue()


def decoded(data: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "AVIF"])
def test_the_four_formats_become_a_square_of_webp(kind: str) -> None:
    image = decoded(encode_avatar(io.BytesIO(picture(kind))))

    assert (image.format, image.size) == ("WEBP", (SIDE, SIDE))


def test_a_small_picture_grows_and_a_transparent_one_stays_transparent() -> None:
    file = io.BytesIO()
    Image.new("RGBA", (8, 8), (255, 0, 0, 0)).save(file, "PNG")
    image = decoded(encode_avatar(io.BytesIO(file.getvalue())))

    assert image.size == (SIDE, SIDE)
    assert image.getchannel("A").getextrema() == (0, 0)


def test_nothing_but_pixels_is_left() -> None:
    exif = Image.Exif()
    exif[0x010E] = "taken at my home"
    data = picture("JPEG", exif=exif, icc_profile=b"a profile", comment=b"a comment")
    encoded = encode_avatar(io.BytesIO(data))

    assert b"taken at my home" in data
    for told in (b"home", b"EXIF", b"ICCP", b"XMP", b"comment"):
        assert told not in encoded
    assert set(decoded(encoded).info) <= {"loop", "background", "timestamp", "duration"}


def test_a_photograph_stands_upright() -> None:
    lying = Image.new("RGB", (300, 300), "white")
    lying.paste("black", (0, 0, 300, 150))
    exif = Image.Exif()
    exif[0x0112] = 6  # turn a quarter to the right
    file = io.BytesIO()
    lying.save(file, "PNG", exif=exif)
    image = decoded(encode_avatar(io.BytesIO(file.getvalue()))).convert("L")

    assert image.getpixel((SIDE - 10, SIDE // 2)) == pytest.approx(0, abs=8)
    assert image.getpixel((10, SIDE // 2)) == pytest.approx(255, abs=8)


def test_an_animation_is_its_first_picture() -> None:
    frames = [Image.new("RGB", (40, 40), colour) for colour in ("red", "blue")]
    file = io.BytesIO()
    frames[0].save(file, "WEBP", save_all=True, append_images=frames[1:])
    image = decoded(encode_avatar(io.BytesIO(file.getvalue()))).convert("RGB")

    red, _, blue = image.getpixel((SIDE // 2, SIDE // 2))  # type: ignore[misc]
    assert red > 200 > blue
    assert getattr(image, "n_frames", 1) == 1


@pytest.mark.parametrize("kind", ["GIF", "BMP", "TIFF", "ICO"])
def test_other_formats_are_refused_however_they_are_named(kind: str) -> None:
    with pytest.raises(UnusablePicture, match="cannot be read as a picture"):
        encode_avatar(io.BytesIO(picture(kind)))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        picture()[:200],
        b"\x89PNG\r\n\x1a\n" + b"\0" * 64,
        b"%!PS-Adobe",
    ],
)
def test_what_is_no_whole_picture_is_refused(data: bytes) -> None:
    with pytest.raises(UnusablePicture, match="cannot be read as a picture"):
        encode_avatar(io.BytesIO(data))


@pytest.mark.parametrize("size", [(8000, 5001), (30_000, 30_000)])
def test_a_picture_of_too_many_pixels_is_refused(size: tuple[int, int]) -> None:
    file = io.BytesIO()
    Image.new("1", size).save(file, "PNG")

    with pytest.raises(UnusablePicture, match="more than 40 million pixels"):
        encode_avatar(io.BytesIO(file.getvalue()))


def test_this_process_decodes_no_upload(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object, **__: object) -> None:
        raise AssertionError("decoded here")

    data = picture()
    with monkeypatch.context() as patched:
        patched.setattr("PIL.Image.open", never)
        encoded = encode_avatar(io.BytesIO(data))

    assert decoded(encoded).size == (SIDE, SIDE)


@pytest.mark.parametrize(
    ("limits", "sentence"),
    [
        (Limits(memory=16 << 20), "takes too much memory"),
        (Limits(answer_size=100), "cannot be read as a picture"),
    ],
)
def test_a_child_that_comes_to_a_bad_end_refuses_the_picture(
    monkeypatch: pytest.MonkeyPatch, limits: Limits, sentence: str
) -> None:
    monkeypatch.setattr(avatars, "LIMITS", limits)

    with pytest.raises(UnusablePicture, match=sentence):
        encode_avatar(io.BytesIO(picture(size=(4000, 4000))))


def test_a_file_of_more_than_20_mb_is_refused() -> None:
    with pytest.raises(UnusablePicture, match="larger than 20 MB"):
        encode_avatar(io.BytesIO(picture() + b"\0" * MAX_BYTES))


class TestInTheAccount:
    @pytest.fixture(autouse=True)
    def own_files(self, tmp_path: Path, settings: Any) -> Iterator[None]:
        settings.MEDIA_ROOT = tmp_path
        yield

    def upload(self, client: Client, data: bytes) -> Any:
        return client.post(AVATAR, {"picture": SimpleUploadedFile("me.png", data)})

    def test_it_is_stored_under_its_hash_and_served_for_good(
        self, alice_client: Client, alice: User, anonymous: Client
    ) -> None:
        self.upload(alice_client, picture())
        alice.refresh_from_db()
        answer = anonymous.get(alice.avatar_url)
        data = b"".join(answer)

        assert alice.avatar == f"avatars/{hashlib.sha256(data).hexdigest()}.webp"
        assert decoded(data).size == (SIDE, SIDE)
        assert answer["Content-Type"] == "image/webp"
        assert answer["X-Content-Type-Options"] == "nosniff"
        assert "immutable" in answer["Cache-Control"]
        assert "sandbox" in answer["Content-Security-Policy"]

    def test_a_refused_one_changes_nothing_and_says_why(
        self, alice_client: Client, alice: User
    ) -> None:
        answer = self.upload(alice_client, b"no picture")

        assert answer.status_code == 400
        assert "cannot be read as a picture" in answer.content.decode()
        alice.refresh_from_db()
        assert alice.avatar == ""

    def test_the_former_one_is_dropped_unless_another_wears_it(
        self, alice: User, bob: User, django_capture_on_commit_callbacks: Any
    ) -> None:
        with django_capture_on_commit_callbacks(execute=True):
            avatars.change_avatar(user=alice, upload=io.BytesIO(picture()))
            avatars.change_avatar(user=bob, upload=io.BytesIO(picture()))
        shared = alice.avatar
        assert bob.avatar == shared

        with django_capture_on_commit_callbacks(execute=True):
            avatars.change_avatar(user=alice, upload=io.BytesIO(picture(size=(50, 90))))
        assert default_storage.exists(shared)

        with django_capture_on_commit_callbacks(execute=True):
            avatars.remove_avatar(user=bob)
        assert not default_storage.exists(shared)
        assert default_storage.exists(alice.avatar)

    def test_a_change_leaves_a_line_and_the_same_again_none(
        self, alice_client: Client, alice: User
    ) -> None:
        self.upload(alice_client, picture())
        self.upload(alice_client, picture())

        event = AuditEvent.objects.get(action="profile.changed")
        assert event.data == {"fields": ["avatar"]}

    def test_it_can_be_removed(self, alice_client: Client, alice: User) -> None:
        self.upload(alice_client, picture())
        alice_client.post(AVATAR, {"remove": ""})

        alice.refresh_from_db()
        assert alice.avatar == ""

    def test_nothing_else_of_the_files_is_served_there(self, anonymous: Client) -> None:
        for address in (f"/media/avatars/{'0' * 64}.webp", "/media/../secret_key", "/media/x"):
            assert anonymous.get(address).status_code == 404
