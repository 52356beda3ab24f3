"""Samples of a run's answers for people: text that pings no one and renders as nothing. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from bot.core.model.rollout import FindingSamples, RolloutSample, SampleBatch, SampleOrder, ScoreSpread
from bot.core.model.run import Run
from bot.phrase import N_
from bot.slack.views.blocks import MAX_BLOCKS_CHARACTERS, MAX_CODE_BLOCK_CHARACTERS, Block, code_block, context, section
from bot.slack.views.message import Answer, FileUpload, Message, build_answer, build_text_answer
from bot.slack.views.mrkdwn import (
    Markup,
    code,
    count_utf16_units,
    escape,
    join_markup_list,
    join_markup_sentences,
    join_parts,
    link,
    mrkdwn,
    render_phrase,
    render_plural,
    to_literal,
    truncate,
)
from bot.slack.views.progress_views import format_number

HEAD_CHARACTERS, SAMPLE_HEAD_CHARACTERS = 1_000, 250
"""Characters of a message that its heading, and the head of each sample, may take together with their blocks."""

MAX_HEAD_CHARACTERS = 80
"""Maximum characters of an expected answer, and of the name of a tool, in the head of a sample."""

MAX_CALLS_SHOWN = 5

ORDER_NAMES = {
    SampleOrder.BEST: N_("the best answers"),
    SampleOrder.WORST: N_("the worst answers"),
    SampleOrder.RANDOM: N_("random answers"),
}


@dataclass(frozen=True, slots=True)
class SamplePage:
    """Samples of one step of a run, and how they were chosen.

    Attributes:
        is_validation: whether they are answers of a validation.
    """

    run: Run
    batch: SampleBatch
    order: SampleOrder
    is_validation: bool = False

    @property
    def room(self) -> int:
        """Return how many characters of text each sample has in a message."""
        count = max(len(self.batch.samples), 1)
        room = MAX_BLOCKS_CHARACTERS - HEAD_CHARACTERS - SAMPLE_HEAD_CHARACTERS * count
        return min(room // count, MAX_CODE_BLOCK_CHARACTERS)

    @property
    def needs_file(self) -> bool:
        """Return whether a message has no room for all of the texts."""
        return any(count_utf16_units(format_sample(sample)) > self.room for sample in self.batch.samples)


def build_samples_answer(page: SamplePage, *notes: Markup) -> Answer:
    """Return the samples as one message; long texts keep their beginning and their end."""
    heading = render_samples_heading(page)
    blocks: list[Block] = [section(heading)]
    for sample in page.batch.samples:
        blocks += [context(render_sample_head(sample)), code_block(shorten_sample(sample, page.room))]
    return build_answer(heading, [*blocks, *map(context, [*list_sample_notes(page), *notes])])


def render_samples_heading(page: SamplePage) -> Markup:
    """Return which samples these are, and how all answers of the step score."""
    batch, run = page.batch, code(page.run.id)
    which = render_phrase(ORDER_NAMES[page.order])
    step = batch.step or 0
    kind = (
        render_phrase("validation at step {step}", step=step)
        if page.is_validation
        else render_phrase("step {step}", step=step)
    )
    shown = render_phrase(
        "{run} · {kind}: {which} ({shown} of {total})",
        run=run,
        kind=kind,
        which=which,
        shown=len(batch.samples),
        total=f"{batch.total:,}",
    )
    return mrkdwn(":speech_balloon: {}", join_parts(" · ", [shown, *render_spread(batch.scores)]))


def render_spread(scores: ScoreSpread | None) -> list[Markup]:
    """Return the spread of a step's scores; none where no answer has a score."""
    if scores is None:
        return [render_phrase("no scores")]
    low, mean, high = map(format_number, (scores.low, scores.mean, scores.high))
    return [render_phrase("scores {low} to {high}, mean {mean}", low=low, mean=mean, high=high)]


def render_sample_head(sample: RolloutSample) -> Markup:
    """Return the line above a sample: its place, its score, the expected answer, the tools that it calls."""
    score = (
        render_phrase("score unknown")
        if sample.score is None
        else render_phrase("score {score}", score=format_number(sample.score))
    )
    parts = [render_phrase("Answer {number}", number=sample.number), score]
    if sample.truth:
        parts.append(render_phrase("expected {truth}", truth=code(sample.truth, MAX_HEAD_CHARACTERS)))
    return join_parts(" · ", [*parts, *render_tool_calls(sample.tool_calls)])


def render_tool_calls(calls: Sequence[str]) -> list[Markup]:
    """Return how many tools an answer calls, and the first of them; none where it calls none."""
    if not calls:
        return []
    names = [code(name, MAX_HEAD_CHARACTERS) for name in calls[:MAX_CALLS_SHOWN] if name]
    count = render_plural("{count} tool call", "{count} tool calls", len(calls))
    return [render_phrase("{calls}: {names}", calls=count, names=join_markup_list(names)) if names else count]


def list_sample_notes(page: SamplePage) -> list[Markup]:
    """Return what a person should know: how much of the file was read, and which texts the cluster has cut."""
    notes = []
    if page.batch.read_share < 1:
        share = f"{max(page.batch.read_share * 100, 1):.0f}%"
        notes.append(render_phrase("The file is large: I read its first {share} in time.", share=share))
    if any(sample.is_cut for sample in page.batch.samples):
        notes.append(render_phrase("Very long texts are cut in the middle."))
    return notes


def format_sample(sample: RolloutSample) -> str:
    """Return the whole text of a sample: prompt, answer, and what else its file says."""
    details = "\n".join(f"{key}: {value}" for key, value in sample.details.items())
    parts = [
        f"{render_phrase('Prompt:')}\n{sample.prompt.strip()}",
        f"{render_phrase('Answer:')}\n{sample.answer.strip()}",
    ]
    return to_literal("\n\n".join([*parts, *([details] if details else [])]))


def shorten_sample(sample: RolloutSample, room: int) -> str:
    """Return the text of a sample in so many characters: a third for the prompt, the rest for the answer."""
    whole = format_sample(sample)
    if count_utf16_units(whole) <= room:
        return whole
    prompt, answer = (shorten_middle(to_literal(text.strip()), room) for text in (sample.prompt, sample.answer))
    if count_utf16_units(prompt) > room // 3:
        prompt = shorten_middle(prompt, max(room // 3, room - count_utf16_units(answer) - 40))
    answer = shorten_middle(answer, max(room - count_utf16_units(prompt) - 40, 20))
    return f"{render_phrase('Prompt:')}\n{prompt}\n\n{render_phrase('Answer:')}\n{answer}"


def shorten_middle(text: str, room: int) -> str:
    """Return the beginning and the end of a text: an answer ends with its result."""
    if count_utf16_units(text) <= room:
        return text
    half = max(room // 2 - 4, 1)
    end = text[-half:]
    # Python counts code points and Slack counts UTF-16 units: an emoji counts twice.
    return truncate(text[:half], half) + "\n…\n" + end[max(count_utf16_units(end) - half, 0) :]


def list_finding_samples(run: Run) -> list[Message]:
    """Return what the model answered when findings opened: a message of the thread for each, sent once."""
    return [
        build_finding_samples(run, attached)
        for attached in run.training.finding_samples
        if attached.batch and not run.requests.is_muted(attached.finding)
    ]


def build_finding_samples(run: Run, attached: FindingSamples) -> Message:
    """Return the samples of one finding."""
    page = SamplePage(run, attached.batch or SampleBatch(), attached.order)
    answer = build_samples_answer(
        page, render_phrase("These answers are shown because of the finding {finding}.", finding=code(attached.finding))
    )
    return Message(f"samples-{attached.finding}-{attached.since_step}", answer["text"], tuple(answer["blocks"]))


def build_samples_file(page: SamplePage) -> FileUpload:
    """Return the whole texts as a file."""
    heads = [f"{to_literal(render_sample_head(sample))}\n{format_sample(sample)}" for sample in page.batch.samples]
    kind = "validation-" if page.is_validation else ""
    name = f"{page.run.id}-{kind}step-{page.batch.step}-{page.order}.txt"
    title = render_phrase("Samples of {run}, step {step}", run=page.run.id, step=page.batch.step or 0)
    return FileUpload(name, title, f"\n\n{'=' * 72}\n\n".join(heads) + "\n")


def render_samples_posted(page: SamplePage, file: Markup | None = None) -> Answer:
    """Return that the samples are in the run's thread.

    Args:
        file: where the whole texts are, or why they are nowhere.
    """
    count = len(page.batch.samples)
    thread = render_phrase("the thread of {run}", run=page.run.id)
    place = link(page.run.card_url, thread) if page.run.card_url else escape(thread)
    posted = render_plural(
        "I posted {count} answer to {place}.", "I posted {count} answers to {place}.", count, place=place
    )
    return build_text_answer(join_markup_sentences(posted, *([file] if file else [])))


def render_file_link(address: str) -> Markup:
    """Return where the whole texts are."""
    return render_phrase("The full texts are in {file}.", file=link(address, render_phrase("a file")))
