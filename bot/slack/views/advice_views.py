"""Advice about a training, as far as its recipe can follow it. Pure."""

import re

from bot.core.model.run import Run
from bot.phrase import N_, Text
from bot.slack.views.mrkdwn import Markup, code, escape, join_markup_list, render_phrase

OPTION = re.compile(r"`\+?(?P<option>[a-z_]+(?:\.[a-z0-9_]+)+)(?:=[^`\n]*)?`")
"""A setting of the framework within advice, such as `trainer.save_freq=20`."""

OWN_PARAMETERS = N_("Try another {parameters}. {command} lists all parameters of {recipe}.")
NO_SUCH_SETTING = N_("{recipe} takes no settings of verl; {command} lists its own parameters.")


def render_advice(run: Run, advice: Text) -> Markup:
    """Return advice for a run. Where it names settings that the run's recipe does not take, name the recipe's own."""
    return describe_own_settings(run, advice) or escape(advice)


def describe_own_settings(run: Run, advice: Text) -> Markup:
    """Return what a run's recipe takes in place of the settings that advice names; empty if it takes those, and for
    the advice of a team's own rule.
    """
    options = dict.fromkeys(match["option"] for match in OPTION.finditer(str(advice)))
    if run.plan.takes_overrides or not options or isinstance(advice, str):
        return Markup()
    names = {one.option: one.parameter for one in run.plan.option_parameters}
    parameters = [code(names[option]) for option in options if option in names]
    about = {"recipe": code(run.recipe), "command": code(f"/verl describe {run.recipe}")}
    if parameters:
        return render_phrase(OWN_PARAMETERS, parameters=join_markup_list(parameters), **about)
    return render_phrase(NO_SUCH_SETTING, **about)
