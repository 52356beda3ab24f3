"""`/verl plot` and `/verl compare`: charts of runs' metrics, shown as the workspace takes them."""

from dataclasses import dataclass

from bot.asked import Requester
from bot.core.command import CompareRuns, ShowChart
from bot.core.figure import Chart, RunHistory, build_comparison_chart, build_metric_chart, build_reward_chart
from bot.errors import UserError
from bot.isolation import report_once
from bot.language import translate
from bot.service import RunService
from bot.slack import plotted
from bot.slack.errands import BackgroundReplies, DeferredAnswer, Responder
from bot.slack.gallery import ChartPublisher


@dataclass(frozen=True, slots=True)
class ChartCommands:
    """Answers chart commands. Errors are answered at once; charts in the background, because Slack may refuse them."""

    service: RunService
    background: BackgroundReplies
    chart_publisher: ChartPublisher

    def answer(self, command: ShowChart | CompareRuns, requester: Requester, reply: Responder) -> DeferredAnswer:
        """Return the answer of a chart command."""
        return (
            self.plot(command, requester, reply)
            if isinstance(command, ShowChart)
            else self.compare(command, requester, reply)
        )

    def plot(self, command: ShowChart, requester: Requester, reply: Responder) -> DeferredAnswer:
        """Return the answer with the charts of one run."""
        run_history = self.service.queries.get_run_history(command.run, requester.actor)
        selected_charts = select_charts(run_history, command.metrics)
        show = self.chart_publisher.with_charts(reply, run_history.run, selected_charts)
        return lambda: self.background.answer_later(
            lambda: plotted.build_plot_answer(run_history, selected_charts), show, requester.user
        )

    def compare(self, command: CompareRuns, requester: Requester, reply: Responder) -> DeferredAnswer:
        """Return the answer that compares two runs; without names, the requester's last two."""
        names = (command.a, command.b) if command.a else self.service.queries.find_last_two(requester.user)
        a, b = (self.service.queries.get_run_history(name, requester.actor) for name in names)
        if a.run.id == b.run.id:
            raise UserError(
                translate("Both are `{run}`.", run=a.run.id), translate("Name another run to compare it with.")
            )
        chart, now = draw_comparison_chart(a, b, command.by), self.service.now()
        show = self.chart_publisher.with_charts(reply, a.run, [chart] if chart else [])
        return lambda: self.background.answer_later(
            lambda: plotted.build_comparison_answer(a, b, chart, now), show, requester.user
        )


def draw_comparison_chart(a: RunHistory, b: RunHistory, axis: str) -> Chart | None:
    """Return the chart of two runs; None where there is none, or their numbers cannot be drawn.

    Raises:
        UserError: the axis is dollars, and one of the runs is unpriced.
    """
    try:
        return build_comparison_chart(a, b, axis)
    except UserError:
        raise
    except Exception as error:  # the answer still compares what the runs have reached
        report_once(f"runs {a.run.id} and {b.run.id}: no chart", error)
        return None


def select_charts(run_history: RunHistory, metrics: tuple[str, ...]) -> list[Chart]:
    """Return a chart for each metric; without any, that of the reward.

    Raises:
        UserError: the run has no such metric, or none at all.
    """
    if metrics:
        return [build_metric_chart(run_history.run, run_history.history, metric_name) for metric_name in metrics]
    if (chart := build_reward_chart(run_history.run, run_history.history)) is None:
        sentence = translate("`{run}` has told no numbers yet.", run=run_history.run.id)
        raise UserError(sentence, translate("Its log: `logs {run}`.", run=run_history.run.id))
    return [chart]
