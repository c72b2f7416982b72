"""The shapes of the API, built from rows: Civitai's names and types, and ours beside them.

Plain functions: a hundred networks with all their versions and files are thousands of fields, and
serializer classes would take longer than the database. `registry.api.schema` describes the same
shapes for OpenAPI, and the tests hold the two together. Never null where a list or a number is
promised: clients break on it.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

import orjson
from orjson import Fragment

from registry.markdown import to_html
from registry.models import ContentLevel, Network, Picture
from registry.rows import FileRow, NetworkRow, PictureRow, VersionRow, WholeNetwork, WholeVersion

JSON = dict[str, Any]

# Civitai's bits: PG, R, XXX.
NSFW_LEVELS: Final[Mapping[str, int]] = {
    ContentLevel.GENERAL: 1,
    ContentLevel.MATURE: 4,
    ContentLevel.EXPLICIT: 16,
}
NSFW_NAMES: Final[Mapping[str, str]] = {
    ContentLevel.GENERAL: "None",
    ContentLevel.MATURE: "Mature",
    ContentLevel.EXPLICIT: "X",
}
MODES: Final[Mapping[str, str]] = {
    Network.Status.ARCHIVED: "Archived",
    Network.Status.TAKEN_DOWN: "TakenDown",
}
DEFAULT_PICTURE_WIDTH: Final = 450


def model(whole: WholeNetwork, *, origin: str) -> JSON:
    """A network with its versions, newest first; `origin` is this host, "https://hub.example"."""
    network, versions = whole
    return {
        "id": network.id,
        "name": network.name,
        "description": _html(network.description_html, network.description),
        "kind": network.kind,
        "address": f"{origin}/{network.creator}/{network.slug}",
        "licence": network.licence,
        **permissions(network),
        "type": "Hypernetwork",
        "minor": False,
        "sfwOnly": False,
        "poi": False,
        **nsfw(network.content_level),
        "availability": "Public",
        "cosmetic": None,
        "supportsGeneration": False,
        "baseModels": network.base_models,
        **mode(network),
        "stats": {
            "downloadCount": network.download_count,
            "thumbsUpCount": network.like_count,
            "thumbsDownCount": 0,
            "commentCount": network.comment_count,
            "tippedAmountCount": 0,
        },
        "creator": creator(network.creator, network.avatar, origin=origin),
        "tags": network.tags,
        "modelVersions": [version_in_model(each, origin=origin) for each in versions],
    }


def version_in_model(whole: WholeVersion, *, origin: str) -> JSON:
    version, network, files, pictures = whole
    address = download_address(version.id, origin=origin)
    scan = virus_scan(version)
    return {
        "id": version.id,
        "name": version.name,
        "nsfwLevel": NSFW_LEVELS[network.content_level],
        "createdAt": version.created_at,
        "publishedAt": version.published_at,
        "status": version.status.replace("_", " ").title().replace(" ", ""),
        "statusReason": version.status_reason,
        "availability": "Public",
        "trainedWords": version.trigger_words,
        "baseModel": version.base_model or "Other",
        "baseModelType": "Standard",
        "description": _html(version.changelog_html, version.changelog),
        "stats": {
            "downloadCount": version.download_count,
            # People like networks, not versions.
            "thumbsUpCount": network.like_count,
            "thumbsDownCount": 0,
        },
        "files": [file(each, version, scan, address=address) for each in files],
        "images": [image(each, origin=origin) for each in pictures],
        "downloadUrl": address,
        "settings": {
            "strength": version.recommended_strength,
            "minStrength": version.min_strength,
            "maxStrength": version.max_strength,
            "source": version.strength_source or "not measured",
        },
        "network": {
            "layerStructure": version.layer_structure,
            "activation": version.activation or "linear",
            "layerNorm": version.is_layer_norm,
            "dropout": version.dropout_structure,
            "dims": version.dims,
            "step": version.step,
            "parameters": version.parameters,
            "trainedOn": {
                "name": version.trained_on_name or None,
                "hash": version.trained_on_hash or None,
            },
        },
        "compatibility": Fragment(version.compatibility or "[]"),
        "previewGrid": preview_grid(version, origin=origin),
    }


def preview_grid(version: VersionRow, *, origin: str) -> Fragment | None:
    """Prompts × strengths, as `inference` last wrote it; addresses are kept without the host."""
    if version.preview_grid is None:
        return None
    # Inside of a string of the JSON the quotes would be escaped.
    return Fragment(version.preview_grid.replace('"url": "/', f'"url": "{origin}/'))


def version(whole: WholeVersion, *, origin: str) -> JSON:
    """A version alone, by id or by hash: what it belongs to, and pictures with what they say."""
    version, network, _, pictures = whole
    return version_in_model(whole, origin=origin) | {
        "images": [image(each, origin=origin, with_meta=True) for each in pictures],
        "modelId": network.id,
        "updatedAt": version.updated_at,
        "trainingStatus": None,
        "trainingDetails": None,
        "uploadType": "Created",
        "usageControl": "Download",
        "air": air(version, network),
        "model": {
            "name": network.name,
            "type": "Hypernetwork",
            "nsfw": network.content_level != ContentLevel.GENERAL,
            "poi": False,
            **mode(network),
            "creator": network.creator,
            "tags": network.tags,
        },
    }


def version_mini(whole: WholeVersion, *, origin: str) -> JSON:
    """The least that a download needs to know."""
    version, network, files, _ = whole
    primary = next((each for each in files if each.is_primary), None)
    return {
        "id": version.id,
        "air": air(version, network),
        "versionName": version.name,
        "modelName": network.name,
        "baseModel": version.base_model or "Other",
        "availability": "Public",
        "publishedAt": version.published_at,
        "size": primary.size if primary else 0,
        "fileName": primary.name if primary else "",
        "fileType": "Model",
        "format": primary.format if primary else "",
        "hashes": hashes(primary) if primary else {},
        "downloadUrls": [download_address(version.id, origin=origin)],
    }


def file(file: FileRow, version: VersionRow, scan: JSON, *, address: str) -> JSON:
    """`address` is the version's own: the primary file has it, without a query."""
    if not file.is_primary:
        address += f"?type=Model&format={file.format}&flavor={file.flavour}"
    return {
        "id": file.id,
        "sizeKB": file.size / 1024,
        "name": file.name,
        "type": "Model",
        "flavor": file.flavour,
        # Only what the reader accepted is ever written and served.
        "pickleScanResult": "Success",
        "pickleScanMessage": "Written by this hub from checked weights; it can run nothing.",
        **scan,
        "metadata": {"format": file.format, "size": "full", "fp": version.dtype},
        "hashes": hashes(file),
        "primary": file.is_primary,
        "downloadUrl": address,
    }


def virus_scan(version: VersionRow) -> JSON:
    """What a virus scanner said of the upload; "Pending" where none was asked."""
    opinions = orjson.loads(version.opinions) if version.opinions not in (None, "[]") else []
    clam: JSON = next((each for each in opinions if each.get("scanner") == "ClamAV"), {})
    results = {"clean": "Success", "infected": "Danger", "error": "Error"}
    return {
        "virusScanResult": results.get(clam.get("verdict", ""), "Pending"),
        "virusScanMessage": clam.get("message") or "Not scanned by ClamAV.",
        "scannedAt": version.scanned_at,
    }


def hashes(file: FileRow) -> dict[str, str]:
    """Upper-case, as clients compare them; AutoV1 and AutoV3 only where the file has them."""
    sha256 = file.sha256.upper()
    shape = {"AutoV1": file.autov1.upper()} if file.autov1 else {}
    shape["AutoV2"] = sha256[:10]
    if file.autov3:
        shape["AutoV3"] = file.autov3.upper()
    shape["SHA256"] = sha256
    shape["CRC32"] = file.crc32.upper()
    shape["BLAKE3"] = file.blake3.upper()
    return shape


def image(picture: Picture | PictureRow, *, origin: str, with_meta: bool = False) -> JSON:
    meta = picture.meta if isinstance(picture, Picture) else orjson.loads(picture.meta)
    shape = {
        "id": picture.id,
        "url": picture_address(picture, origin=origin),
        **nsfw(picture.content_level),
        "width": picture.width,
        "height": picture.height,
        "hash": picture.blurhash,
        "type": "image",
        "hasMeta": bool(meta),
        "hasPositivePrompt": bool(meta.get("prompt")),
        "onSite": picture.is_preview,
    }
    return shape | {"meta": meta or None} if with_meta else shape


def image_in_list(picture: Picture, *, origin: str, with_meta: bool) -> JSON:
    """An item of `GET images`: there the level is a word, and reactions are counted."""
    reactions = ("cry", "laugh", "like", "dislike", "heart", "comment")
    versions = list(picture.versions.all())
    return image(picture, origin=origin) | {
        "nsfwLevel": NSFW_NAMES[picture.content_level],
        "createdAt": moment(picture.created_at),
        "postId": picture.pk,
        "stats": {f"{name}Count": 0 for name in reactions},
        "meta": (picture.meta or None) if with_meta else None,
        "username": picture.owner.username if picture.owner else "",
        "baseModel": versions[0].base_model if versions else "Other",
        "modelVersionIds": [each.pk for each in versions],
    }


def _html(kept: str, text: str) -> str:
    """As it was made when the text was saved; rows from before that have none."""
    return kept or (to_html(text) if text else "")


def permissions(network: NetworkRow) -> JSON:
    return {
        "allowNoCredit": network.allow_no_credit,
        "allowCommercialUse": network.allow_commercial_use,
        "allowDerivatives": network.allow_derivatives,
        "allowDifferentLicense": network.allow_different_licence,
    }


def nsfw(level: str) -> JSON:
    return {"nsfw": level != ContentLevel.GENERAL, "nsfwLevel": NSFW_LEVELS[level]}


def mode(network: NetworkRow) -> JSON:
    """Present only on tombstones."""
    return {"mode": MODES[network.status]} if network.status in MODES else {}


def creator(username: str, avatar: str, *, origin: str) -> JSON:
    return {"username": username, "image": f"{origin}/media/{avatar}" if avatar else None}


def air(version: VersionRow, network: NetworkRow) -> str:
    family = "sd2" if version.base_model.startswith("SD 2") else "sd1"
    return f"urn:air:{family}:hypernetwork:hyperhub:{network.id}@{version.id}"


def download_address(version: int, *, origin: str) -> str:
    """Of the primary file, without a query: clients rely on it."""
    return f"{origin}/api/download/models/{version}"


def picture_address(picture: Picture | PictureRow, *, origin: str) -> str:
    """`/width=450/` stands for any width: clients put their own in its place."""
    return f"{origin}/pictures/{picture.sha256}/width={DEFAULT_PICTURE_WIDTH}/{picture.id}.webp"


def moment(at: datetime | None) -> str | None:
    """ISO 8601 in UTC with milliseconds and Z, as JavaScript writes it."""
    if at is None:
        return None
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
