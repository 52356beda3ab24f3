"""`/verl plot` and `/verl compare`: charts of runs' metrics, shown as the workspace takes them."""

from dataclasses import dataclass

from bot.asked import Caller
from bot.core.command import Compare, Plot
from bot.core.figure import Figure, Told, compare_figure, metric_figure, reward_figure
from bot.errors import UserError
from bot.isolation import report_once
from bot.language import say
from bot.service import Service
from bot.slack import plotted
from bot.slack.errands import Errands, Reply, Said
from bot.slack.gallery import Gallery


@dataclass(frozen=True, slots=True)
class Plots:
    """Answers chart commands. Errors are answered at once; charts in the background, because Slack may refuse them."""

    service: Service
    errands: Errands
    gallery: Gallery

    def answer(self, asked: Plot | Compare, caller: Caller, reply: Reply) -> Said:
        """Return the answer of a chart command."""
        return self.plot(asked, caller, reply) if isinstance(asked, Plot) else self.compare(asked, caller, reply)

    def plot(self, asked: Plot, caller: Caller, reply: Reply) -> Said:
        """Return the answer with the charts of one run."""
        told = self.service.queries.told(asked.run, caller.actor)
        figures = wanted(told, asked.metrics)
        shown = self.gallery.showing(reply, told.run, figures)
        return lambda: self.errands.run(lambda: plotted.plotted(told, figures), shown, caller.user)

    def compare(self, asked: Compare, caller: Caller, reply: Reply) -> Said:
        """Return the answer that compares two runs; without names, the requester's last two."""
        names = (asked.a, asked.b) if asked.a else self.service.queries.last_two(caller.user)
        a, b = (self.service.queries.told(name, caller.actor) for name in names)
        if a.run.id == b.run.id:
            raise UserError(say("Both are `{run}`.", run=a.run.id), say("Name another run to compare it with."))
        figure, now = figure_of_both(a, b, asked.by), self.service.now()
        shown = self.gallery.showing(reply, a.run, [figure] if figure else [])
        return lambda: self.errands.run(lambda: plotted.compared(a, b, figure, now), shown, caller.user)


def figure_of_both(a: Told, b: Told, by: str) -> Figure | None:
    """Return the chart of two runs; None where there is none, or their numbers cannot be drawn.

    Raises:
        UserError: the axis is dollars, and one of the runs is unpriced.
    """
    try:
        return compare_figure(a, b, by)
    except UserError:
        raise
    except Exception as error:  # the answer still compares what the runs have reached
        report_once(f"runs {a.run.id} and {b.run.id}: no chart", error)
        return None


def wanted(told: Told, metrics: tuple[str, ...]) -> list[Figure]:
    """Return a chart for each metric; without any, that of the reward.

    Raises:
        UserError: the run has no such metric, or none at all.
    """
    if metrics:
        return [metric_figure(told.run, told.history, word) for word in metrics]
    if (figure := reward_figure(told.run, told.history)) is None:
        nothing = say("`{run}` has told no numbers yet.", run=told.run.id)
        raise UserError(nothing, say("Its log: `logs {run}`.", run=told.run.id))
    return [figure]
