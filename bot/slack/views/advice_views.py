"""Advice about a training, as far as its recipe can follow it. Pure."""

import re

from bot.core.frameworks import FRAMEWORK
from bot.core.model.run import Run
from bot.core.rules.relaunch import takes_setting
from bot.phrase import N_, Text
from bot.slack.views.mrkdwn import Markup, code, escape, join_markup_list, join_markup_sentences, render_phrase

OPTION = re.compile(r"`\+?(?P<option>[a-z_]+(?:\.[a-z0-9_]+)+)(?:=[^`\n]*)?`")
"""A setting of the framework within advice, such as `trainer.save_freq=20`."""

OWN_PARAMETERS = N_("Try another {parameters}. {command} lists all parameters of {recipe}.")
NO_SUCH_SETTING = N_(
    "{recipe} takes no settings of verl. {command} lists its own parameters; {retry} tries another value of one, and "
    "{stop} ends this run."
)
EQUIVALENT_SETTINGS = N_("In the trainer of {recipe} that is {parameters}.")
OTHER_TRAINER = N_("{recipe} runs another trainer of verl, which has other settings; {command} lists its parameters.")


def render_advice(run: Run, advice: Text) -> Markup:
    """Return advice for a run. Where it names settings that the run's recipe does not take, name the recipe's own."""
    own_settings = describe_own_settings(run, advice)
    if run.plan.takes_overrides:
        return join_markup_sentences(escape(advice), own_settings)
    return own_settings or escape(advice)


def describe_own_settings(run: Run, advice: Text) -> Markup:
    """Return what a run's recipe takes in place of the settings that advice names; empty if it takes those, and for
    the advice of a team's own rule.
    """
    if isinstance(advice, str) or not list_lacking_settings(run, advice):
        return Markup()
    names = {one.option: one.parameter for one in run.plan.option_parameters}
    lacking = list_lacking_settings(run, advice)
    parameters = [code(names[option]) for option in lacking if option in names]
    about = {
        "recipe": code(run.recipe),
        "command": code(f"/verl describe {run.recipe}"),
        "retry": code(f"/verl retry {run.id} PARAMETER=VALUE"),
        "stop": code(f"/verl stop {run.id}"),
    }
    equivalents = FRAMEWORK.equivalent_options.get(run.plan.program, {})
    own_options = dict.fromkeys(equivalents[option] for option in lacking if option in equivalents)
    if run.plan.takes_overrides and own_options:
        return render_phrase(EQUIVALENT_SETTINGS, parameters=join_markup_list(map(code, own_options)), **about)
    if parameters:
        return render_phrase(OWN_PARAMETERS, parameters=join_markup_list(parameters), **about)
    return render_phrase(OTHER_TRAINER if run.plan.takes_overrides else NO_SUCH_SETTING, **about)


def list_lacking_settings(run: Run, advice: Text) -> list[str]:
    """Return the settings that advice names and the run's program does not take."""
    options = dict.fromkeys(match["option"] for match in OPTION.finditer(str(advice)))
    return [option for option in options if not takes_setting(run.plan, option)]
