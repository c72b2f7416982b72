"""Making base models known: the one that ships, those of BASE_MODELS, and what the admin enters.

BASE_MODELS is a JSON list; each entry has the columns of the model that are not the defaults:

    [{"name": "SD 1.5", "family": "sd1", "path": "/models/v1-5-pruned-emaonly.safetensors",
      "stands_for": ["SD 1.5", "SD 1.4"], "encoder_path": "/models/clip-vit-base-patch32"}]
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

import structlog
from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from inference.engine.base_checksum import hash_of_base
from inference.models import BaseModel
from inference.suites import add_suite
from registry import audit
from registry.models import User

if TYPE_CHECKING:
    from inference.engine.base import BaseSource

logger = structlog.get_logger(__name__)
DEMO_NAME: Final = "HyperHub demo"
SIZE_OF_FAMILY: Final = {BaseModel.Family.SD1: 512, BaseModel.Family.SD2: 768}
# What about.json may say of the demo base model.
FROM_ABOUT: Final = frozenset(
    {"name", "about", "width", "height", "steps", "cfg_scale", "scheduler", "negative_prompt"}
)


def register_base_model(*, by: User | None, origin: str, **words: Any) -> BaseModel:
    """Keep a base model under its name: new, or as it is said now. Reads the file's hash.

    Raises ValidationError, with what is wrong with which field; the weights themselves are read by
    the render worker, which says so at the first grid if they are not a model.
    """
    name = str(words.get("name", ""))
    known = BaseModel.objects.filter(name=name).first()
    base_model = known or BaseModel(name=name)
    if "width" not in words and known is None:
        side = SIZE_OF_FAMILY.get(words.get("family", ""), 512)
        words |= {"width": side, "height": side}
    before = _values(base_model)
    for field, value in words.items():
        setattr(base_model, field, value)
    base_model.origin = origin
    check(base_model)
    if known is not None and _values(base_model) == before:
        add_suite(base_model)
        return base_model
    with transaction.atomic():
        base_model.full_clean()
        base_model.save()
        add_suite(base_model)
        data = {"name": base_model.name, "hash": base_model.hash}
        audit.record("base_model.registered", by=by, on=base_model, data=data)
    return base_model


def check(base_model: BaseModel) -> None:
    """That its files are there and are no pickles; sets its hash. Raises ValidationError."""
    path = Path(base_model.path)
    for field in ("path", "vae_path", "encoder_path"):
        named = getattr(base_model, field)
        if named and not Path(named).exists():
            raise ValidationError({field: _("There is nothing at %(path)s.") % {"path": named}})
    if path.is_file() and path.suffix != ".safetensors":
        sentence = _(
            "Only .safetensors is read: a .ckpt can run anything. `manage.py base_models` shows "
            "the command that converts one."
        )
        raise ValidationError({"path": sentence})
    base_model.hash = hash_of_base(path)


def sync_base_models() -> Iterator[tuple[str, str]]:
    """Register the demo base model and those of BASE_MODELS; each name with "" or what is wrong.

    What cannot be read here is left as it was: it may be on the render workers' disks alone.
    """
    for words, origin in _declared():
        name = str(words.get("name", "?"))
        try:
            register_base_model(by=None, origin=origin, **words)
        except ValidationError as error:
            said = " ".join(error.messages)
            logger.warning("base model not registered", name=name, reason=said)
            yield name, said
        else:
            yield name, ""


def source_of(base_model: BaseModel) -> "BaseSource":
    """Where the engine finds it, and how it is to be used."""
    from inference.engine.base import BaseSource

    return BaseSource(
        path=Path(base_model.path),
        family=cast(Any, base_model.family),
        prediction_type=base_model.prediction_type,
        clip_skip=base_model.clip_skip,
        vae_path=Path(base_model.vae_path) if base_model.vae_path else None,
        precision=cast(Any, base_model.precision),
    )


def fingerprint_of(
    base_model: BaseModel, *, base_hash: str, prompt: str, seed: int, settings: dict[str, Any]
) -> str:
    """Of all that decides a picture of the base model alone."""
    vae = base_model.vae_path
    decides = {
        "base": base_hash,
        "prediction": base_model.prediction_type,
        "clip_skip": base_model.clip_skip,
        "precision": base_model.precision,
        "vae": hash_of_base(Path(vae)) if vae else "",
        "prompt": prompt,
        "seed": seed,
        "settings": settings,
    }
    return hashlib.sha256(json.dumps(decides, sort_keys=True).encode()).hexdigest()


def _declared() -> Iterator[tuple[dict[str, Any], str]]:
    demo = Path(settings.DEMO_BASE)
    if (demo / "model_index.json").is_file() and (demo / "about.json").is_file():
        yield _demo(demo), BaseModel.Origin.PROJECT
    for entry in settings.BASE_MODELS:
        yield dict(entry), BaseModel.Origin.SETTINGS


def _demo(folder: Path) -> dict[str, Any]:
    said: Mapping[str, Any] = json.loads((folder / "about.json").read_text())
    encoder = Path(settings.DEMO_ENCODER)
    return {
        "name": DEMO_NAME,
        "family": BaseModel.Family.SD1,
        "path": str(folder),
        "encoder_path": str(encoder) if (encoder / "config.json").is_file() else "",
        "width": 128,
        "height": 128,
        "cfg_scale": 4.0,
        "about": _about_demo(said),
        "is_demo": True,
        **{name: value for name, value in said.items() if name in FROM_ABOUT},
    }


def _about_demo(said: Mapping[str, Any]) -> str:
    """What it is, honestly; with its measured figures where they are there."""
    about = (
        "A small model of Stable Diffusion 1.x's architecture that this project trained from "
        "nothing, on scenes of 128 × 128 pixels that it draws itself. It knows some sixty words: "
        "twelve subjects, eight colours, eight backgrounds. It shows how hypernetworks work; it "
        "is no replacement for Stable Diffusion."
    )
    prompts = said.get("prompts") or {}
    if prompts.get("asked"):
        about += (
            f" Of {prompts['asked']} random prompts, {prompts['shown_whole']} were shown whole."
        )
    return about


def _values(base_model: BaseModel) -> dict[str, Any]:
    return {
        field.attname: getattr(base_model, field.attname)
        for field in BaseModel._meta.concrete_fields
        if field.name not in ("created_at", "updated_at")
    }
