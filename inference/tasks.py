"""Jobs of the queues "render" and "train". torch is imported inside the handlers, never here."""

from inference.previews import RENDER_GRID
from inference.rendering import render_grid
from registry.jobs import handler, selfcheck
from registry.models import Job

handler(RENDER_GRID, queue=Job.Queue.RENDER)(render_grid)
handler(selfcheck.kind_for("render"), queue=Job.Queue.RENDER)(selfcheck.count)
handler(selfcheck.kind_for("train"), queue=Job.Queue.TRAIN)(selfcheck.count)
