import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.commands.command import (
    Command,
    CompareRuns,
    DescribeRecipe,
    Explain,
    Extend,
    Launch,
    ListRecipes,
    ListRuns,
    OpenLaunchForm,
    Refuse,
    SetBudget,
    SetMonthlyBudget,
    ShowChart,
    ShowCost,
    ShowHelp,
    ShowLogs,
    ShowRunBudget,
    ShowStatus,
    Stop,
)
from bot.core.commands.parser import parse_command
from bot.core.commands.specs import COMMAND_SPECS
from bot.core.model.policy import Scope
from bot.errors import UserError
from tests.builders import refusal_of


@pytest.mark.parametrize(
    ("text", "command"),
    [
        pytest.param("", ShowHelp(), id="nothing asks for help"),
        pytest.param("help launch", ShowHelp("launch"), id="help on a command"),
        pytest.param("launch ppo", Launch("ppo"), id="a recipe"),
        pytest.param("launch", OpenLaunchForm(), id="no recipe yet"),
        pytest.param("launch ppo nodes=2", Launch("ppo", (("nodes", "2"),)), id="a parameter"),
        pytest.param("LAUNCH ppo Nodes=2", Launch("ppo", (("nodes", "2"),)), id="capitals of a phone"),
        pytest.param(
            "launch ppo trainer.total_epochs=3 +x.y=1 ~z actor@p=q model/base=b ++a=1",
            Launch("ppo", (), ("trainer.total_epochs=3", "+x.y=1", "~z", "actor@p=q", "model/base=b", "++a=1")),
            id="every kind of override",
        ),
        pytest.param("launch ppo --dry-run", Launch("ppo", dry_run=True), id="a dry run"),
        pytest.param("launch ppo —dry-run", Launch("ppo", dry_run=True), id="a dry run typed on a phone"),
        pytest.param("status", ShowStatus(), id="my status"),
        pytest.param("status ppo-7f3a", ShowStatus("ppo-7f3a"), id="a run's status"),
        pytest.param("explain 7f3a", Explain("7f3a"), id="why a run is as it is"),
        pytest.param("Why did ppo-7f3a fail?", Explain("ppo-7f3a"), id="a question that names a run"),
        pytest.param("why isn't `PPO-7F3A` training", Explain("PPO-7F3A"), id="a question with an apostrophe"),
        pytest.param("为什么 ppo-7f3a 这么慢？", Explain("ppo-7f3a"), id="a Chinese question"),
        pytest.param("list", ListRuns("active"), id="active runs"),
        pytest.param("cost", ShowCost("mine"), id="what mine cost"),
        pytest.param("cost Team", ShowCost("team"), id="what this channel's cost"),
        pytest.param("cost PPO-7f3a", ShowCost("PPO-7f3a"), id="what one run costs"),
        pytest.param("list Mine", ListRuns("mine"), id="my runs"),
        pytest.param("logs r", ShowLogs("r"), id="logs"),
        pytest.param(
            "logs r lines=50 grep='out of memory' node=1 --follow",
            ShowLogs("r", 50, "out of memory", 1, follow=True),
            id="logs with everything",
        ),
        pytest.param("logs r grep=a.b=c", ShowLogs("r", grep="a.b=c"), id="a word to look for may hold anything"),
        pytest.param("plot r", ShowChart("r"), id="a chart"),
        pytest.param("plot r kl critic/rewards/mean kl", ShowChart("r", ("kl", "critic/rewards/mean")), id="charts"),
        pytest.param("compare a b", CompareRuns("a", "b", "step"), id="two runs"),
        pytest.param("compare a", CompareRuns("a"), id="a run with the newest other one"),
        pytest.param("compare a b by=Dollars", CompareRuns("a", "b", "dollars"), id="two runs by what they cost"),
        pytest.param("stop r", Stop("r"), id="stop"),
        pytest.param(
            "budget <@U0ANA|ana> 800", SetMonthlyBudget(Scope.PERSON, 800, "U0ANA"), id="a month's dollars of a person"
        ),
        pytest.param("budget <@B0BOT> 800", SetBudget("<@B0BOT>", 800), id="what is no person's id is a run's name"),
        pytest.param("recipes", ListRecipes(), id="recipes"),
        pytest.param("describe ppo", DescribeRecipe("ppo"), id="describe"),
    ],
)
def test_a_line_becomes_the_command_that_was_meant(text: str, command: Command) -> None:
    assert parse_command(text) == command


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param("lanch ppo", "Did you mean `launch`?", id="a mistyped command"),
        pytest.param("launch --dry-run", "Which recipe? Type `/verl launch RECIPE", id="a missing name"),
        pytest.param("launch ppo nodes 2", "I didn't understand `nodes`.", id="a parameter without its ="),
        pytest.param("launch ppo --dryrun", "Did you mean `--dry-run`?", id="a mistyped flag"),
        pytest.param("launch ppo nodes=2 nodes=3", "`nodes` is given twice", id="a parameter given twice"),
        pytest.param("launch ppo nodes=2 nodes=2", "Give it once: `nodes=2`", id="the same given twice"),
        pytest.param(
            "launch ppo nodes = 2", "Remove the spaces around `=`. Write it as `nodes=2`.", id="spaces around the ="
        ),
        pytest.param("launch ppo -n 2", "has no flag `-n`", id="an option as programs have them"),
        pytest.param("stop", "Which run?", id="a missing run"),
        pytest.param("logs r line=3", "Did you mean `lines`?", id="a mistyped option"),
        pytest.param("logs r lines=0", "from 1 to 10,000", id="a number out of range"),
        pytest.param("logs r lines=many", "from 1 to 10,000", id="no number"),
        pytest.param("logs r node=-1", "from 0 to 999", id="a node that cannot be"),
        pytest.param("plot r a b c", "second command", id="more charts than a message takes"),
        pytest.param("compare a b c", "`compare` takes two runs.", id="three runs"),
        pytest.param("compare a b by=gpu", "Valid: `step`, `time`, `dollars`", id="by something else"),
        pytest.param("stop r a.b=1", "takes no Hydra override", id="an override where none is taken"),
        pytest.param("list ended today", "I didn't understand `today`.", id="a word too many"),
        pytest.param("list yours", "Valid: `active`", id="no such list"),
        pytest.param("help lunch", "Did you mean `launch`?", id="help on nothing"),
    ],
)
def test_a_line_that_means_nothing_is_refused_with_what_is_valid(text: str, said: str) -> None:
    with pytest.raises(UserError) as refusal:
        parse_command(text)
    assert said in str(refusal.value.sentence)


@pytest.mark.parametrize("word", ["status", "logs", "plot", "stop"])
def test_in_a_runs_thread_its_name_can_be_left_out(word: str) -> None:
    command = parse_command(word, thread_run="ppo-7f3a")
    assert getattr(command, "run", None) == "ppo-7f3a"
    assert getattr(parse_command(f"{word} grpo-1", thread_run="ppo-7f3a"), "run", None) == "grpo-1"


@pytest.mark.parametrize(
    ("text", "command"),
    [
        pytest.param("plot kl", ShowChart("ppo-7f3a", ("kl",)), id="a metric of this run"),
        pytest.param("plot actor/entropy kl", ShowChart("ppo-7f3a", ("actor/entropy", "kl")), id="by verl's key"),
        pytest.param("plot grpo-1 kl", ShowChart("grpo-1", ("kl",)), id="a metric of another run"),
        pytest.param("compare grpo-1 by=time", CompareRuns("ppo-7f3a", "grpo-1", "time"), id="this run with another"),
        pytest.param("compare a b", CompareRuns("a", "b"), id="two others"),
        pytest.param("compare", CompareRuns("ppo-7f3a"), id="this run with the newest other one"),
        pytest.param("extend 2 hours", Extend("ppo-7f3a", 2), id="more time for this run"),
        pytest.param("extend grpo-1 2 hours", Extend("grpo-1", 2), id="more time for another"),
        pytest.param("budget 3.50", SetBudget("ppo-7f3a", 3.5), id="more money for this run"),
        pytest.param("budget grpo-1", ShowRunBudget("grpo-1"), id="what another run may spend"),
        pytest.param("stop", Stop("ppo-7f3a", is_named=False), id="a stop that names no run"),
    ],
)
def test_in_a_runs_thread_it_is_the_run_that_is_meant(text: str, command: Command) -> None:
    assert parse_command(text, thread_run="ppo-7f3a") == command


VALID_SOMEWHERE = [f"`/verl {word}" for word in COMMAND_SPECS] + [
    "Valid: `",
    "`--",
    "RECIPE",
    "RUN",
    "Close it with",
    "Shorten it",
    "Leave the character out",
    "number",
    "Give hours",
    "Give a time",
    "Write the amount as",
    "Such as",
    "Write it as",
    "Slack's list",
]
TYPED = st.text(st.sampled_from("launchstoplogsstatus =.-—'\"“[]()~+@/\n") | st.characters(exclude_categories=["Cs"]))
LINES = TYPED | st.builds(
    " ".join,
    st.lists(st.sampled_from([*COMMAND_SPECS, "nodes=2", "a.b=1", "--dry-run", "—x", "r", "lines=3", "~y"]) | TYPED),
)


@given(LINES)
def test_parsing_never_crashes_and_every_refusal_names_what_is_valid(text: str) -> None:
    if refusal := refusal_of(lambda: parse_command(text)):
        assert refusal.hint
        assert any(valid in str(refusal.sentence) for valid in VALID_SOMEWHERE), refusal.sentence


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("decline ppo-7f3a why=too big for today", "too big for today"),
        ("decline ppo-7f3a reason=too big", "too big"),
        ('decline ppo-7f3a note="too big"', "too big"),
    ],
)
def test_a_reason_at_the_end_of_a_line_needs_no_quotes(line: str, why: str) -> None:
    assert parse_command(line, thread_run="ppo-7f3a") == Refuse("ppo-7f3a", why)


def test_a_name_at_the_end_of_a_line_needs_no_quotes() -> None:
    launch = parse_command("launch ppo nodes=2 name=big batch")
    assert isinstance(launch, Launch)
    assert launch.parameters == (("nodes", "2"), ("name", "big batch"))


@pytest.mark.parametrize(
    ("word", "suggested"),
    [
        ("sotp", True),
        ("stopp", True),
        ("sto", True),
        ("forgte", True),
        ("shop", False),
        ("stomp", False),
        ("cop", False),
    ],
)
def test_what_ends_or_deletes_is_suggested_for_a_clear_mistake_alone(word: str, suggested: bool) -> None:
    with pytest.raises(UserError) as refused:
        parse_command(f"{word} ppo-7f3a")
    assert ("Did you mean" in str(refused.value.hint)) is suggested


def test_top_is_a_list() -> None:
    assert parse_command("top") == ListRuns()
