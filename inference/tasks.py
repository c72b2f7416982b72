"""Jobs of the queues "render" and "train". torch is imported inside the handlers, never here."""

from registry.jobs import handler, selfcheck
from registry.models import Job

handler(selfcheck.kind_for("render"), queue=Job.Queue.RENDER)(selfcheck.count)
handler(selfcheck.kind_for("train"), queue=Job.Queue.TRAIN)(selfcheck.count)
