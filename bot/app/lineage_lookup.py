"""The lineage of a launch: whether the policy has resumed a run before, in the line of runs that it continues."""

import logging

from bot.app.store_ports import RunReader
from bot.core.commands.command import Launch
from bot.core.model.lineage import ResumeOrigin
from bot.core.model.recipe import RESUME
from bot.errors import UnreadableRecord

log = logging.getLogger(__name__)


def find_resume_origin(store: RunReader, launch: Launch) -> ResumeOrigin | None:
    """Return the resume that the policy has made in the lineage that a launch continues; None where it continues none,
    where the policy has made none, and where the record is gone.
    """
    settings = {name.replace("-", "_"): value for name, value in launch.parameters}
    earlier_id, _, _ = settings.get(RESUME.name, "").partition("/")
    try:
        earlier = store.get(earlier_id) if earlier_id else None
    except UnreadableRecord as error:
        log.error("%s: %s", earlier_id, error)
        return None
    return earlier.lineage.find_origin(earlier.id) if earlier else None
