"""In which language people are spoken to; and that every word comes from the catalogue."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import cache, partial
from gettext import NullTranslations
from typing import Any

import pytest

from bot.adapters.files.recipe_files import RecipeFolder, parse_recipe
from bot.adapters.local.supervisor import describe_failure
from bot.adapters.redis.connection import create_client
from bot.adapters.redis.redis_store import RedisStore
from bot.adapters.sky import mapping
from bot.adapters.sky.refusal_advice import CAUSE_ADVICE, KIND_ADVICE, describe_error
from bot.adapters.sky.task_builder import find_slurm_refusal
from bot.app.log_selection import LogExcerpt
from bot.app.run_queries import LaunchPreview
from bot.config.operation_settings import SOURCE_RECIPES
from bot.core.commands.command import RUN_LISTS, ShowLogs
from bot.core.commands.parser import parse_command
from bot.core.commands.specs import COMMAND_SPECS
from bot.core.model.cluster import JobState
from bot.core.model.launch_plan import build_launch_plan
from bot.core.model.money import Rate
from bot.core.model.parameter import Parameter, ParameterKind
from bot.core.model.resources import PRICE_SOURCE
from bot.core.model.run import Run
from bot.core.model.run_state import Reason
from bot.core.model.typed_text import MAX_LINE_CHARACTERS
from bot.errors import Unavailable, UserError
from bot.i18n import render, use_language
from bot.phrase import LANGUAGES, Phrase
from bot.slack.inbound.modals import to_view
from bot.slack.views import answers, help_views, home_view, launch_form, log_excerpt, run_thread
from bot.slack.views.launch_form import LaunchFormValues
from bot.slack.views.message import Answer
from bot.slack.views.mrkdwn import escape
from bot.slack.views.recipe_views import build_form_preview, describe_recipe, render_launch_preview, render_recipes
from slack_playground.checks import check_message, check_view
from slack_playground.client import PlaygroundClient
from slack_playground.server import Playground
from tests.builders import a_run, running
from tests.slack.views.test_cost_views import COST_ANSWERS
from tests.slack.views.test_report_views import BOARDS, REPORT_ANSWERS
from tests.slack.views.test_run_thread import LOG, NOW, RUNS, ended, over
from tests.story import ANA, BEN, LEA, Bot
from tests.words import CODE, catalogue, phrases, written

CHINESE = re.compile(r"[一-鿿]")


class Bracketed(NullTranslations):
    """A language that says every phrase in brackets, but for what is filled in and what is typed."""

    def gettext(self, message: str) -> str:
        parts = re.split(r"(`[^`]*`|\{[^{}]*\})", message)
        return "".join(f"⟦{part}⟧" if at % 2 == 0 and part else part for at, part in enumerate(parts))

    def ngettext(self, msgid1: str, msgid2: str, n: int) -> str:
        return self.gettext(msgid1 if n == 1 else msgid2)


DATA = re.compile(
    r"⟦[^⟧]*⟧"  # from the catalogue
    r"|`[^`]*`|<[^>]*>|\*?/verl [^*\n⟦]*|:[a-z_]+:|&[a-z]+;"  # code, Slack's own, commands, icons, entities
    # names, and what stands for one in a usage
    r"|ppo-7f3a|\b(?:dapo|grpo|lora|multiturn-tools|own-data|ppo|sft|smoke)\b|\bRUN\b"
    r"|\b\d+e-\d+|H100:\d|k8s|line \d|verlbot"
)


def bare(text: str, stored: Sequence[str] = ()) -> str:
    """The letters of a text that no catalogue holds, and that are no data either.

    Args:
        stored: sentences of the record, in whatever language they were written down.
    """
    for sentence in stored:
        text = text.replace(sentence, "")
    rest = DATA.sub(" ", text)
    return " ".join(re.findall(r"[^\W\d_]+", rest))


def texts_in(value: Any) -> Iterator[str]:
    """Whatever people read of blocks, dialogs and charts included; not what programs have printed."""
    if isinstance(value, dict) and value.get("type") != "rich_text":
        for key, inner in value.items():
            if isinstance(inner, str) and key in ("text", "title", "name", "x_label", "y_label"):
                yield inner
            yield from texts_in(inner)
    if isinstance(value, list):
        for inner in value:
            yield from texts_in(inner)


RECIPES = RecipeFolder(SOURCE_RECIPES)
CATALOGUE = {name: RECIPES.get(name) for name in RECIPES.list_names()}


def caught(action: Callable[[], object]) -> UserError:
    try:
        action()
    except UserError as error:
        return error
    raise AssertionError("it was not refused")


def refused(action: Callable[[str], object], line: str) -> str:
    return render(caught(lambda: action(line)).sentence)


def ranged(kind: ParameterKind, low: float | None, high: float | None) -> str:
    return render(Parameter(name="x", kind=kind, meaning="", minimum=low, maximum=high).range)


def rehearsed(line: str, **changes: Any) -> LaunchPreview:
    asked: Any = parse_command(f"launch {line}")
    made = build_launch_plan(CATALOGUE[asked.recipe], asked.parameters, asked.overrides, "ppo-0000")
    return replace(LaunchPreview(made, "", Rate(4.0, PRICE_SOURCE), None), **changes)


def an_excerpt(lines: list[str], asked: ShowLogs, trouble: str | None = None) -> LogExcerpt:
    return LogExcerpt(running(), asked, lines, trouble)


MANY = [running(id=f"`r{number}`") for number in range(30)]
ANSWERS: dict[str, Callable[[], Answer]] = {
    "recorded": lambda: answers.acknowledge_launch(a_run()),
    "recorded before": lambda: answers.acknowledge_launch(running()),
    "a form for a mention": answers.offer_launch_form,
    "reading": lambda: answers.acknowledge_log_read(a_run()),
    "to be stopped": lambda: answers.acknowledge_stop(running()),
    "stopping": lambda: answers.acknowledge_stop(over(Reason.SUCCEEDED)),
    "stopped already": lambda: answers.acknowledge_stop(ended(Reason.SUCCEEDED)),
    "followed": lambda: answers.acknowledge_follow(running()),
    **{f"no runs: {which}": partial(answers.render_runs, [], which, NOW) for which in RUN_LISTS},
    "runs": lambda: answers.render_runs(list(RUNS.values())[:20], "all", NOW),
    "many runs": lambda: answers.render_runs(MANY, "all", NOW),
    "no recipes": lambda: render_recipes({}, {}),
    "recipes": lambda: render_recipes(dict(CATALOGUE), {}),
    "a broken recipe": lambda: render_recipes({"ppo": caught(lambda: parse_recipe("ppo", "a: 1"))}, {}),
    "a recipe refused": lambda: render_recipes({"ppo": CATALOGUE["ppo"]}, {"ppo": "`why`"}),
    **{f"describe {name}": partial(describe_recipe, CATALOGUE[name]) for name in CATALOGUE},
    "a rehearsal": lambda: render_launch_preview(rehearsed("ppo nodes=2")),
    "a rehearsal without a price": lambda: render_launch_preview(rehearsed("ppo", rate=None)),
    "a rehearsal refused": lambda: render_launch_preview(rehearsed("ppo", refusal="`why`")),
    "help": lambda: help_views.render_help(None),
    **{f"help {word}": partial(help_views.render_help, word) for word in COMMAND_SPECS},
    "log": lambda: log_excerpt.render_log_excerpt(
        an_excerpt(["line 1", "x" * 999], ShowLogs("r", grep="x", node=1), "`why`")
    ),
    "one line of a log": lambda: log_excerpt.render_log_excerpt(an_excerpt(["line 1"], ShowLogs("r"))),
    "no log": lambda: log_excerpt.render_log_excerpt(an_excerpt([], ShowLogs("r"))),
    "a file": lambda: log_excerpt.render_log_file_answer(
        an_excerpt(["line 1"] * 3, ShowLogs("r")), "https://files.example.org/1"
    ),
    "a mistake of ours": lambda: answers.render_internal_error("`1`"),
    "silence": lambda: answers.render_unavailable(Unavailable("`why`")),
    **REPORT_ANSWERS,
    **COST_ANSWERS,
}

LINES = [
    "nonsense", "launch ppo =3", "launch ppo nodes=2 nodes=3", "launch ppo --wet", "logs", "stop a b", "launch ppo x",
    "stop x=1", "stop a.b=1", "list wat", "help wat", "language klingon", "logs r lines=0", "logs r node=x",
    "report monthly", "report daily x", "report every x", "report every 1min", "report every 2 steps",
    "report r every x", "report daily 9 quiet=1-1", "report daily 9 runs=x",
    "launch 'x", "launch \0", "launch 'a\nb'", "x" * (MAX_LINE_CHARACTERS + 1),
]  # fmt: skip
SETTINGS = [
    "ppo node=2", "ppo nodes=x", "ppo learning_rate=x", "ppo infra=-", "ppo gpus=8", "ppo image=-", "ppo budget=x",
    "ppo bucket=x", "ppo lease=x", "ppo bucket=s3://ab volume=x", "ppo model=-", "smoke fail_setup=x", "smoke a.b=1",
]  # fmt: skip


def advised(kind: str) -> str:
    return render(describe_error(kind, "`x`."))


RANGES = [(None, None), (1, None), (None, 2), (1, 2)]
SENTENCES: dict[str, Callable[[], str]] = {
    **{f"typed: {line[:20]!r}": partial(refused, parse_command, line) for line in LINES},
    **{f"set: {line}": partial(refused, rehearsed, line) for line in SETTINGS},
    **{
        f"range {kind} {low}-{high}": partial(ranged, kind, low, high) for kind in ParameterKind for low, high in RANGES
    },
    "on one node": lambda: render(describe_failure("run", 0, "", [])),
    "on several": lambda: render(describe_failure("run", 0, "", [1, 2])),
    "gone": lambda: render(mapping.map_cluster_ending(())[1] or ""),
    "no containers": lambda: render(find_slurm_refusal({"resources": {"image_id": "x", "ports": 1}}) or ""),
    **{f"advice: {kind}": partial(advised, kind) for kind in KIND_ADVICE},
    **{f"advice: {cause}": partial(render, Phrase(advice, cloud="`AWS`")) for cause, advice in CAUSE_ADVICE.items()},
}

VIEWS: dict[str, Callable[[], dict[str, Any]]] = {
    **{
        f"form of {name}": partial(launch_form.build_form, CATALOGUE[name], list(CATALOGUE), LaunchFormValues(name))
        for name in CATALOGUE
    },
    "form with notes": lambda: launch_form.build_form(
        CATALOGUE["ppo"], ["ppo"], LaunchFormValues("ppo", "C1"), build_form_preview(rehearsed("ppo"))
    ),
    "a log": lambda: to_view(answers.acknowledge_log_read(a_run())),
    "an empty page": lambda: home_view.build_home_view(
        home_view.build_home_blocks(home_view.HomeRuns([], [], []), NOW), NOW
    ),
    "a full page": lambda: home_view.build_home_view(
        home_view.build_home_blocks(home_view.HomeRuns(MANY, MANY, MANY), NOW), NOW
    ),
    "a page of one": lambda: home_view.build_home_view(
        home_view.build_home_blocks(home_view.HomeRuns([running()], [running(rate=None)], []), NOW), NOW
    ),
}


def unsaid(value: Any, stored: Sequence[str] = ()) -> list[str]:
    """What of it bypasses the catalogue."""
    return [text for text in texts_in(value) if bare(text, stored)]


def stored_in(run: Run) -> list[str]:
    """Sentences from outside that the record holds: the bot's own are phrases."""
    found = [
        run.detail,
        run.why,
        run.name,
        run.approval and run.approval.note,
        run.launch.last_error,
        run.teardown.last_error,
        run.observed.pending_confirmation and run.observed.pending_confirmation.detail,
        *run.training.unreliable_metrics.values(),
    ]
    found += [text for one in run.training.health.open_findings for text in (one.what, one.evidence, one.advice)]
    texts = [text for text in found if isinstance(text, str) and text]
    return [*texts, *map(escape, texts)]


@pytest.mark.parametrize("name", RUNS)
def test_every_word_of_a_runs_messages_comes_from_the_catalogue(name: str) -> None:
    run = RUNS[name]
    stored = stored_in(run)
    with use_language("xx", Bracketed()):
        for message in run_thread.build_conversation(replace(run, recipe="`ppo`"), NOW, LOG):
            assert [bare(message.text, stored), *unsaid(list(message.blocks), stored)] == [""]


@pytest.mark.parametrize("name", ANSWERS)
def test_every_word_of_an_answer_comes_from_the_catalogue(name: str) -> None:
    with use_language("xx", Bracketed()):
        found = ANSWERS[name]()
    assert [text for text in (found["text"], *texts_in(found["blocks"])) if bare(text)] == []


@pytest.mark.parametrize("name", BOARDS)
def test_every_word_of_a_board_comes_from_the_catalogue(name: str) -> None:
    with use_language("xx", Bracketed()):
        message = BOARDS[name]()
    assert [text for text in (message.text, *texts_in(list(message.blocks))) if bare(text)] == []


@pytest.mark.parametrize("name", SENTENCES)
def test_every_word_of_a_refusal_comes_from_the_catalogue(name: str) -> None:
    with use_language("xx", Bracketed()):
        said = SENTENCES[name]()
    assert "⟦" in said or name.startswith("range choice")
    assert bare(said) == ""


@pytest.mark.parametrize("name", VIEWS)
def test_every_word_of_a_view_comes_from_the_catalogue(name: str) -> None:
    with use_language("xx", Bracketed()):
        view = VIEWS[name]()
    assert [text for text in unsaid(view) if set(bare(text).split()) - typed()] == []


@cache
def typed() -> frozenset[str]:
    """Words that are typed: parameters with their values, and what phrases quote: a hint has no back-ticks."""
    parameters = [one for recipe in CATALOGUE.values() for one in recipe.parameters]
    quoted = [code for message in phrases() for text in written(message) for code in CODE.findall(text)]
    given = [text for one in parameters for text in (one.name, one.default, *one.choices)]
    words = (bare(text.replace("`", "")) for text in (*quoted, *given, "true", "false"))
    return frozenset(word for text in words for word in text.split())


def test_words_that_bypass_the_catalogue_are_found() -> None:
    with use_language("xx", Bracketed()):
        assert bare("It is `ppo-7f3a`.") == "It is"
        assert unsaid({"confirm": {"title": {"text": "Stop?"}}}) == ["Stop?"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_slack_takes_every_answer_and_view_in_every_language(language: str) -> None:
    with use_language(language):
        for answer in ANSWERS.values():
            found = answer()
            check_message(found["text"], found["blocks"])
        for made in VIEWS.values():
            view = made()
            check_view(view, view["type"])
            titles = [view[key]["text"] for key in ("title", "submit", "close") if key in view]
            assert all(len(title) <= 24 for title in titles), titles


def test_chinese_as_it_is_read_leaves_room_around_code() -> None:
    """What is filled in may be code too, which Slack shows as such only where no letter touches it."""
    with use_language("zh-CN"):
        messages = [message for run in RUNS.values() for message in run_thread.build_conversation(run, NOW, LOG)]
        read = [text for message in messages for text in texts_in(list(message.blocks))]
        read += [text for made in ANSWERS.values() for text in texts_in(made()["blocks"])]
        read += [text for board in BOARDS.values() for text in texts_in(list(board().blocks))]
        read += [made() for made in SENTENCES.values()]
    assert [text for text in read if re.search(r"[一-鿿]`|`[一-鿿]", text)] == []


# as people meet it


def test_a_person_who_chose_chinese_is_answered_in_it_and_the_channel_stays_english(bot: Bot) -> None:
    assert "简体中文" in bot.say("language zh-CN")
    assert "正在启动 `smoke-0001`" in bot.say("launch smoke")
    bot.ticks(2)
    assert "is running*" in bot.card()
    assert "[Logs] [Stop]" in bot.reads(user=BEN)
    assert not CHINESE.search(bot.reads(user=BEN))
    assert not CHINESE.search(bot.say("list", user=BEN) or bot.told(BEN))


def test_without_a_word_it_is_told_which_languages_there_are_in_each_of_them(bot: Bot) -> None:
    said = bot.say("language")
    assert "Your language is English." in said
    assert "Type `/verl language en` for English." in said
    assert "输入 `/verl language zh-CN` 即可使用简体中文。" in said


@pytest.mark.parametrize("typed", ["zh-CN", "zh_cn", "ZH-CN"])
def test_a_language_may_be_spelled_as_people_spell_it(bot: Bot, typed: str) -> None:
    assert "你的语言是简体中文" in bot.say(f"language {typed}")


def test_a_language_that_there_is_not_is_refused_with_those_that_there_are(bot: Bot) -> None:
    assert "Valid: `en`, `zh-CN`, `workspace`." in bot.say("language fr")


def test_what_was_chosen_is_remembered_by_the_bot_after_a_restart_and_taken_back(bot: Bot) -> None:
    bot.say("language zh-CN")
    later = bot.later()
    assert CHINESE.search(later.say("status") or later.told())
    assert not CHINESE.search(later.say("language workspace").splitlines()[0])
    assert bot.store.get_languages() == {}


def test_a_refusal_is_in_the_language_of_the_person(bot: Bot) -> None:
    bot.say("language zh-CN")
    assert "没有配方 `smok`\u200b。你是指 `smoke` 吗？" in bot.say("launch smok")
    bot.click("stop", "smoke-9999")
    assert "没有任务 `smoke-9999`\u200b。" in bot.told()


def test_the_workspaces_language_is_that_of_cards_and_of_those_who_chose_none(
    store: RedisStore, playground: Playground, slack: PlaygroundClient
) -> None:
    bot = Bot(store, playground, slack, language="zh-CN")
    bot.say("language en", user=BEN)
    bot.running()
    assert "*smoke-0001 正在运行*" in bot.card()
    assert "正在启动" in bot.say("launch smoke", user=LEA)
    assert "Launching" in bot.say("launch smoke", user=BEN)


def test_what_the_tick_keeps_of_a_run_is_in_the_workspaces_language(
    store: RedisStore, playground: Playground, slack: PlaygroundClient
) -> None:
    bot = Bot(store, playground, slack, language="zh-CN")
    run_id = bot.running()
    bot.cloud.finish(f"verl-{run_id}", JobState.CANCELLED)
    bot.cloud.refuses = "There is no H100."
    bot.ticks(14, seconds=10)
    assert "在 verlbot 之外被取消*" in bot.reads()


def test_an_errand_keeps_the_language_of_the_person_who_sent_it(bot: Bot) -> None:
    bot.say("language zh-CN")
    bot.say("launch smoke --dry-run")
    assert "试运行" in bot.told()
    bot.running()
    bot.click("logs", "smoke-0001", user=BEN)
    assert "it has printed nothing yet" in bot.told(user=BEN)
    bot.click("logs", "smoke-0001")
    assert "尚无输出" in bot.told()


def test_a_mention_is_answered_to_all_in_the_workspaces_language_and_refused_in_the_persons(bot: Bot) -> None:
    bot.say("language zh-CN")
    bot.mention("list")
    assert "No run is active." in bot.reads(user=BEN)
    bot.mention("status nonsense")
    assert "没有任务 `nonsense`" in bot.told()
    bot.mention("launch smoke")
    assert "正在启动" in bot.told()
    bot.mention("launch smoke --dry-run")
    assert "*This would launch.* The dry run starts nothing." in bot.reads(user=BEN)


def test_a_language_chosen_by_a_mention_is_the_persons_own_affair(bot: Bot) -> None:
    bot.mention("language zh-CN")
    assert "你的语言是简体中文" in bot.told()
    assert "简体中文" not in bot.reads(user=BEN)


def test_a_persons_page_and_form_are_in_her_language(bot: Bot) -> None:
    assert "Your runs" in bot.opens_page()
    bot.say("language zh-CN")
    bot.homes.publish()
    assert "你的任务" in bot.page()
    bot.say("launch")
    assert bot.view()["title"]["text"] == "启动任务"
    assert "整数" in bot.submits(nodes="99")["smoke.nodes"]


def test_a_log_that_goes_up_as_a_file_is_named_for_all(bot: Bot) -> None:
    bot.running()
    bot.say("language zh-CN")
    bot.cloud.print("verl-smoke-0001", *(f"(job, pid=1) line {number} {'x' * 50}" for number in range(200)))
    bot.say("logs smoke-0001 lines=200")
    assert "|200 行> 发到任务的消息列。" in bot.told()
    assert "[file Log of smoke-0001, last 200 lines]" in bot.reads(user=BEN)


def test_a_store_that_is_down_is_told_of_in_the_workspaces_language(
    playground: Playground, slack: PlaygroundClient
) -> None:
    bot = Bot(RedisStore(create_client("redis://127.0.0.1:1", 0.2)), playground, slack, language="zh-CN")
    assert "我无法连接数据库。" in (bot.say("list") or bot.told())
    assert "我无法连接数据库。" in bot.say("language en")


def test_what_was_known_stands_while_the_store_is_down(bot: Bot) -> None:
    language_preferences = bot.listeners.language_preferences
    bot.say("language zh-CN")
    language_preferences._store = RedisStore(create_client("redis://127.0.0.1:1", 0.2))
    language_preferences.refresh()
    assert (
        language_preferences.get_language(ANA),
        language_preferences.get_language(BEN),
        language_preferences.get_language(None),
    ) == ("zh-CN", "en", "en")


def test_a_choice_made_at_another_bot_is_learnt(bot: Bot) -> None:
    bot.store.choose_language(ANA, "zh-CN")
    bot.listeners.language_preferences.refresh()
    assert CHINESE.search(bot.say("list") or bot.told())


def test_a_delivery_asks_the_store_for_no_language(bot: Bot) -> None:
    language_preferences = bot.listeners.language_preferences
    bot.store.choose_language(ANA, "zh-CN")
    assert language_preferences.get_language(ANA) == "en"  # until the next look, which no answer waits for


def test_chinese_says_in_one_word_that_a_launch_needs_approval() -> None:
    """The glossary's 待审批 in every text, also in the table of commands."""
    others = re.compile("等待(?:批准|审批|获批)|这样的启动")
    translated = [text for message in catalogue("zh-CN") for text in as_texts(message.string)]
    assert sum("待审批" in text for text in translated) > 5
    assert [text for text in translated if others.search(text)] == []


def as_texts(string: object) -> list[str]:
    """The forms of a translation."""
    return [string] if isinstance(string, str) else list(map(str, string)) if isinstance(string, list | tuple) else []
