"""Command lines, the whole way through Bolt: every answer is one that Slack would take, and nothing in it is live."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from hypothesis import strategies as st

from bot.core.commands.command import Launch
from bot.core.commands.parser import parse_command
from bot.core.commands.specs import COMMAND_SPECS
from bot.core.model import typed_text
from bot.errors import UserError
from bot.slack.views import answers
from tests.fuzz.target import Check, Target
from tests.fuzz.texts import ANY, changed, secrets
from tests.fuzz.world import World, a_world
from tests.hostile import refuse_unsafe
from tests.secret_corpus import Planted
from tests.stories.test_secrets import everything, leaks, shown_in_slack
from tests.story import ANA, BEN, RANDOM, RECIPES, TRAINING, Bot

NAMES = ["smoke-0001", "smoke-0002", "ppo-0002", "smoke", "ppo", "grpo", "all", "mine", "team", "runs", "none", "now"]
FLAGS = sorted({f"--{flag}" for form in COMMAND_SPECS.values() for flag in form.flags})
OPTIONS = sorted({key for form in COMMAND_SPECS.values() for key in form.options})
PARAMETERS = sorted({one.name for name in RECIPES.list_names() for one in RECIPES.get(name).parameters})
VALUES = st.one_of(
    st.sampled_from(
        ["1", "2", "8", "0", "-1", "1h", "30m", "$5", "true", "none", "k8s", "s3://a/b", "H100:8", "a b", "*"]
    ),
    ANY,
)
HYDRA = [
    "trainer.total_epochs",
    "+x.y",
    "++a",
    "~z",
    "actor@p",
    "model/base",
    "hydra.run.dir",
    "trainer.default_local_dir",
]

SETTINGS = st.builds(lambda key, value: f"{key}={value}", st.sampled_from(PARAMETERS + OPTIONS + HYDRA), VALUES)
WORDS = st.sampled_from(NAMES) | SETTINGS | SETTINGS.map(typed_text.quote_word) | st.sampled_from(FLAGS) | ANY
WRITTEN = st.builds(
    lambda word, rest: " ".join([word, *rest]), st.sampled_from(sorted(COMMAND_SPECS)), st.lists(WORDS, max_size=5)
)
EXAMPLES = st.sampled_from([form.example for form in COMMAND_SPECS.values()] + ["launch smoke", "launch", "", "help"])
TEXTS = changed(EXAMPLES | WRITTEN)

PEOPLE, PLACES = st.sampled_from([ANA, ANA, BEN]), st.sampled_from([TRAINING, TRAINING, RANDOM])


@dataclass(frozen=True, slots=True)
class Typed:
    """A line, how it is said, and what in it is a secret."""

    text: str
    user: str = ANA
    channel: str = TRAINING
    is_mention: bool = False
    planted: Planted | None = None


def with_secret(planted: Planted) -> Typed:
    return Typed(f"launch smoke why={planted.text}", planted=planted)


SAID = st.builds(Typed, TEXTS, PEOPLE, PLACES, st.booleans()) | secrets().filter(lambda one: "\n" not in one.text).map(
    with_secret
)


@contextmanager
def opened() -> Iterator[Check]:
    with a_world() as world:
        yield lambda said: check(world, said)


def check(world: World, said: Sequence[Typed]) -> None:
    for one in said:
        read_alone(one.text)
    with world.bot() as bot:
        bot.say("launch smoke nodes=2")
        for at, one in enumerate(said):
            hear(bot, one)
            if at % 2:
                bot.tick()
        planted = [one.planted for one in said if one.planted]
        assert leaks(planted, everything(world.redis), shown_in_slack(bot) if planted else "") == []


def read_alone(text: str) -> None:
    """A line is a command, or is refused in words; a launch is written as it is read."""
    try:
        asked = parse_command(text)
    except UserError as error:
        refuse_unsafe(answers.render_user_error(error))
        return
    if isinstance(asked, Launch):
        words = (asked.recipe, *(f"{key}={value}" for key, value in asked.parameters), *asked.overrides)
        assert typed_text.split_words(typed_text.join_words(words)) == words


def hear(bot: Bot, typed: Typed) -> None:
    if typed.is_mention and typed.planted is None:
        bot.mention(typed.text.encode(errors="replace").decode(), typed.user)  # a person posts it first, as UTF-8
    else:
        bot.say(typed.text, typed.user, typed.channel)


TARGET = Target(
    name="lines",
    promise="an answer that Slack takes, nothing live, no secret kept",
    examples=st.lists(SAID, min_size=1, max_size=5),
    opened=opened,
    slice=4,
)
