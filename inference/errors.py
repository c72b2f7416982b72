"""What rendering refuses, as types that carry data and one sentence: see `registry.errors`."""

from django.utils.translation import gettext_lazy as _

from registry.errors import Conflict, TooMuch


class NoBaseModel(Conflict, code="no-base-model"):
    """`base_model` is what its creator says it was made for."""

    base_model: str
    sentence = _(
        "This hub has no base model that this network was made for ({base_model}), so it cannot "
        "show what it does."
    )


class WrongBaseModel(Conflict, code="wrong-base-model"):
    """`name` and `family` of the base model that was asked for."""

    name: str
    family: str
    sentence = _("The layers of this network do not fit {name}. Choose another base model.")


class BaseModelOff(Conflict, code="base-model-off"):
    name: str
    sentence = _("{name} is not in use at the moment. Choose another base model.")


class NotServed(Conflict, code="not-served"):
    sentence = _("This version was taken down or deleted: nothing is rendered of it.")


class GridFinished(Conflict, code="grid-finished"):
    status: str
    sentence = _("This grid is “{status}” already: there is nothing to cancel.")


class TooManyGrids(TooMuch, code="too-many-grids"):
    most: int
    sentence = _("You have {most} unfinished grids. Wait for one of them, or cancel one.")


class TooManyPrompts(TooMuch, code="too-many-prompts"):
    most: int
    sentence = _("A version has at most {most} prompts of its own.")
