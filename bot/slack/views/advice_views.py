"""Advice about a training, as far as the run's program, machines and state can follow it. Pure."""

import re
from collections.abc import Mapping

from bot import i18n
from bot.core.frameworks import FRAMEWORK
from bot.core.model.run import Run
from bot.core.model.training_framework import Direction
from bot.core.rules.relaunch import takes_setting
from bot.phrase import N_, Phrase, Text
from bot.slack.views.mrkdwn import Markup, code, escape, join_markup_list, join_markup_sentences, render_phrase

OPTION = re.compile(r"`\+?(?P<option>[a-z_]+(?:\.[a-z0-9_]+)+)(?:=[^`\n]*)?`")
"""A setting of the framework within advice, such as `trainer.save_freq=20`."""

DIRECTIONS: Mapping[Direction, str] = {
    Direction.LOWER: N_("Lower {settings}."),
    Direction.RAISE: N_("Raise {settings}."),
    Direction.SET: N_("Set {settings}."),
    Direction.CHECK: N_("Check {settings}."),
    Direction.CHANGE: N_("Try another value of {settings}."),
}
ALL_PARAMETERS = N_("{command} lists all parameters of {recipe}.")
NO_SUCH_SETTING = N_("{recipe} takes no settings of verl; {command} lists its own parameters.")
OTHER_TRAINER = N_("{recipe} runs another trainer of verl, which has other settings; {command} lists its parameters.")
RETRY = N_("{retry} tries another value of one.")
STOP = N_("{stop} ends this run.")


def render_advice(run: Run, advice: Text) -> Markup:
    """Return advice for a run, which names only settings that its program takes and commands that its state accepts.

    Of a setting that the program lacks, its own of the same meaning is named; where it has none, the advice is given in
    general words. The advice of a team's own rule is shown as it is.
    """
    if isinstance(advice, str):
        return escape(advice)
    if run.is_finished and advice.key == FRAMEWORK.stall_advice.silent_log:  # it asks the processes that hang
        return Markup()
    lacking = list_lacking_settings(run, advice)
    is_for_gpus = not run.plan.gpus and advice.key == FRAMEWORK.stall_advice.silent_log
    general = FRAMEWORK.general_advice.get(advice.key)
    if not lacking and not (is_for_gpus and general):
        return escape(advice)
    own_settings = map_own_settings(run, lacking)
    directed = name_directed_settings(run, advice, own_settings)
    if lacking and own_settings.keys() >= set(lacking) and len(set(own_settings.values())) == len(lacking):
        return escape(OPTION.sub(lambda match: rename_option(match, own_settings), i18n.render(advice)))
    if directed:
        return directed
    if general:
        return render_phrase(general, **advice.values)
    return describe_lack(run)


def name_directed_settings(run: Run, advice: Phrase, own_settings: Mapping[str, str]) -> Markup:
    """Return what the advice says of those of its settings that the program has, a sentence for each direction; empty
    where that is too little to follow.

    Args:
        own_settings: what the program calls settings that it has by other names.
    """
    names_by_direction: dict[Direction, list[str]] = {}
    for setting in FRAMEWORK.find_directions(str(advice)):
        name = own_settings.get(setting.option)
        is_clear = setting.direction not in (Direction.CHECK, Direction.CHANGE)
        if name is None and is_clear and takes_setting(run.plan, setting.option):
            name = setting.option
        if name is not None:
            names_by_direction.setdefault(setting.direction, []).append(name + setting.value)
    sentences = [
        render_phrase(DIRECTIONS[direction], settings=join_markup_list(map(code, dict.fromkeys(names))))
        for direction, names in names_by_direction.items()
    ]
    if sentences and not run.plan.takes_overrides:
        about = {"recipe": code(run.recipe), "command": code(f"/verl describe {run.recipe}")}
        sentences.append(render_phrase(ALL_PARAMETERS, **about))
    return join_markup_sentences(*sentences)


def describe_lack(run: Run) -> Markup:
    """Return that the recipe lacks the settings, and what a person can do in the run's state."""
    about = {"recipe": code(run.recipe), "command": code(f"/verl describe {run.recipe}")}
    if run.plan.takes_overrides:
        return render_phrase(OTHER_TRAINER, **about)
    if run.is_finished:
        next_step = render_phrase(RETRY, retry=code(f"/verl retry {run.id} PARAMETER=VALUE"))
    else:
        is_ending = run.requests.stop_requested_by is not None
        next_step = Markup() if is_ending else render_phrase(STOP, stop=code(f"/verl stop {run.id}"))
    return join_markup_sentences(render_phrase(NO_SUCH_SETTING, **about), next_step)


def rename_option(match: re.Match[str], own_settings: Mapping[str, str]) -> str:
    """Return a setting within advice by the name that the run's program has for it."""
    option = match["option"]
    if option not in own_settings:
        return match[0]
    return match[0].replace("`+", "`", 1).replace(option, own_settings[option], 1)


def map_own_settings(run: Run, lacking: list[str]) -> dict[str, str]:
    """Return the settings or parameters of a run's recipe that mean what it lacks, by the latter."""
    if run.plan.takes_overrides:
        equivalents = FRAMEWORK.equivalent_options.get(run.plan.program, {})
    else:
        equivalents = {one.option: one.parameter for one in run.plan.option_parameters if one.option}
    return {option: equivalents[option] for option in lacking if option in equivalents}


def list_lacking_settings(run: Run, advice: Phrase) -> list[str]:
    """Return the settings that advice names and the run's program does not take."""
    options = dict.fromkeys(match["option"] for match in OPTION.finditer(str(advice)))
    return [option for option in options if not takes_setting(run.plan, option)]
