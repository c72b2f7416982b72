"""Why a training cannot start or go on: one class per cause, with its data and one sentence."""

from typing import ClassVar


def _(sentence: str) -> str:
    """Mark a sentence for translation; the engine itself speaks English."""
    return sentence


class TrainingError(Exception):
    """``data`` fills the braces of ``sentence``, which a page may translate first."""

    sentence: ClassVar[str]

    def __init__(self, **data: object) -> None:
        self.data = data
        super().__init__(self.sentence.format(**data))


# The options


class UnknownChoice(TrainingError):
    sentence = _("{option} cannot be “{found}”. Choose one of: {choices}.")


class OutOfRange(TrainingError):
    sentence = _("{option} is {found}, but it has to be {expected}.")


class BadName(TrainingError):
    sentence = _(
        "“{found}” cannot be a network's name. Use letters, digits, full stops, hyphens and "
        "underscores only: the name becomes a file's name and is written into prompts."
    )


class BadStructure(TrainingError):
    sentence = _(
        "The layer structure {found} does not work: it needs at least two positive numbers, and "
        "the first and the last have to be 1, as in 1, 2, 1."
    )


class LayerWithoutWidth(TrainingError):
    sentence = _(
        "A layer of {factor} times the width {dim} would have no element: choose a larger factor."
    )


class BadDropout(TrainingError):
    sentence = _(
        "The dropout structure {found} does not work: it needs {expected} rates, one for each "
        "number of the layer structure, each from 0 to below 1, the first and the last 0."
    )


class DropoutDoesNothing(TrainingError):
    sentence = _(
        "Dropout is on, but no layer would drop anything: AUTOMATIC1111 puts it after inner layers "
        "only, and {structure} has none. Give a dropout structure, such as {example}."
    )


class DropoutIsOff(TrainingError):
    sentence = _("A dropout structure is given, but dropout is off. Switch it on, or leave it out.")


class BadSchedule(TrainingError):
    sentence = _(
        "The {option} “{found}” cannot be read: {problem} Write one number, or pairs of a number "
        "and the step until which it holds, such as 0.005:100, 1e-3:1000, 1e-5."
    )


class UnusableOptimizer(TrainingError):
    sentence = _(
        "The optimizer {found} cannot train a hypernetwork: it needs more than gradients and a "
        "learning rate. AdamW is the usual choice."
    )


# The base model and the network to go on with


class WidthNotInBase(TrainingError):
    sentence = _(
        "The base model has no attention of width {dim}: a layer of that width would never learn "
        "anything. It has: {widths}."
    )


class NetworkMissing(TrainingError):
    sentence = _("There is no hypernetwork {file} to train further.")


class NetworkDoesNotFit(TrainingError):
    sentence = _(
        "The network works on the widths {network}, but this base model has {base}. "
        "Train it on the base model that it was made for."
    )


class NothingToResume(TrainingError):
    sentence = _("There is no interrupted training of “{name}” in {folder}.")


class OtherTraining(TrainingError):
    sentence = _(
        "The interrupted training in {folder} was started with another {what} ({then}, now {now}). "
        "Resume with the same, or train into an empty folder."
    )


class UnreadableCheckpoint(TrainingError):
    sentence = _("{file} is damaged and cannot be resumed from: {problem}")


class AlreadyThere(TrainingError):
    sentence = _(
        "{folder} already holds a training of “{name}”. Resume it, or choose another folder."
    )


# The pictures and their captions


class FolderMissing(TrainingError):
    sentence = _("There is no folder {folder}. Give the folder that holds the training pictures.")


class FolderIsFile(TrainingError):
    sentence = _("{folder} is a file. Give the folder that holds the training pictures.")


class NoPictures(TrainingError):
    sentence = _("There are no pictures in {folder}: put files ending in {suffixes} there.")


class UnreadablePicture(TrainingError):
    sentence = _("The picture {file} cannot be read: {problem} Replace it, or take it away.")


class CaptionMissing(TrainingError):
    sentence = _(
        "The picture {file} has no caption: write what it shows into {text_file} beside it, or "
        "into its file name. A template without [filewords] needs none."
    )


class UnreadableCaption(TrainingError):
    sentence = _("The caption {file} is not text in UTF-8. Save it again as UTF-8.")


class TooFewForValidation(TrainingError):
    sentence = _(
        "{wanted} of {found} pictures cannot be kept back for validation: at least one has to be "
        "left to train on."
    )


class TemplateMissing(TrainingError):
    sentence = _("There is no template file “{found}”. Give a file, or one of: {choices}.")


class TemplateEmpty(TrainingError):
    sentence = _("The template file {file} has no line of text.")


# The training itself


class Diverged(TrainingError):
    sentence = _(
        "The loss is no longer a number after step {step}: the training has diverged. "
        "Lower the learning rate, or clip the gradients."
    )


class OutOfMemory(TrainingError):
    sentence = _(
        "The memory of {device} is too small to train on even one picture of {width} × {height} "
        "pixels. Make the pictures smaller, or the network."
    )
