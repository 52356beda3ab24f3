"""Details of errors that only Slack can show: times in the reader's own zone, and people by name. Pure."""

from bot.errors import AmbiguousRun, LaunchDecided
from bot.phrase import N_
from bot.slack.views.mrkdwn import DAY_AND_TIME, Markup, code, date, join_markup_list, mention, mrkdwn, render_phrase

MAX_CHOICES = 8
"""Maximum runs among which a person is asked to choose; the newest are shown."""


def render_choices(error: AmbiguousRun) -> Markup:
    """Return the ids of the runs that may be meant, with the times of their launches."""
    choices = (
        mrkdwn("{} ({})", code(run_id), date(launched_at, DAY_AND_TIME))
        for run_id, launched_at in error.choices[:MAX_CHOICES]
    )
    return render_phrase("Type one of these ids: {runs}.", runs=join_markup_list(choices))


DECISION_PHRASES = {
    True: N_("{person} has already approved {run}: {time}."),
    False: N_("{person} has already declined {run}: {time}."),
}


def render_decision(error: LaunchDecided) -> Markup:
    """Return who decided on a launch, how, and when."""
    time = date(error.at, DAY_AND_TIME) if error.at else Markup()
    return render_phrase(DECISION_PHRASES[error.granted], person=mention(error.by), run=code(error.run_id), time=time)
