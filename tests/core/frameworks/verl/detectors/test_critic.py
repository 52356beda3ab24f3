"""A critic that diverges: it once predicted the returns, and now does so worse than a constant."""

import pytest

from bot.core.frameworks.verl.detectors.critic import EXPLAINED, VALUE_LOSS, detect_diverging_critic
from bot.core.model.finding import Severity
from tests.core.frameworks.verl.detectors.windows import constant, series, verdict, window


@pytest.mark.parametrize(
    ("before", "now", "found"),
    [
        pytest.param(0.5, -0.5, Severity.WARNING, id="learned, then worse than a constant"),
        pytest.param(0.5, 0.1, "healthy", id="worse, and still useful"),
        pytest.param(0.1, -0.1, "healthy", id="about 0 all the time"),
        pytest.param(-8.0, -1.5, "healthy", id="not learned yet"),
        pytest.param(-1.5, -8.0, "healthy", id="never learned"),
    ],
)
def test_the_explained_variance_tells(before: float, now: float, found: Severity | str) -> None:
    rows = series(EXPLAINED[0], [before] * 40 + [now] * 20)
    assert verdict(detect_diverging_critic(window(rows))) == found


@pytest.mark.parametrize(
    ("before", "now", "highest", "found"),
    [
        pytest.param(0.05, 0.2, 1.0, Severity.WARNING, id="more than a constant has"),
        pytest.param(0.0, 0.2, 1.0, Severity.WARNING, id="after nothing to learn"),
        pytest.param(0.05, 0.2, 2.0, "healthy", id="returns that range further"),
        pytest.param(14.0, 0.2, 1.0, "healthy", id="falling from the start"),
        pytest.param(0.1, 0.2, 1.0, "healthy", id="as it scatters"),
        pytest.param(0.0, 0.2, 0.0, "healthy", id="returns that are all the same"),
    ],
)
def test_the_loss_tells_where_the_variance_is_not_logged(
    before: float, now: float, highest: float, found: Severity | str
) -> None:
    values = [before] * 40 + [now] * 20
    rows = [{VALUE_LOSS[0]: value, "critic/returns/min": 0.0, "critic/returns/max": highest} for value in values]
    assert verdict(detect_diverging_critic(window(rows))) == found


@pytest.mark.parametrize(
    "rows",
    [
        pytest.param(constant("actor/grad_norm", 1.0, 60), id="no critic"),
        pytest.param(constant(EXPLAINED[0], -3.0, 9), id="too few steps"),
        pytest.param(constant(VALUE_LOSS[0], 9.0, 60), id="a loss without returns"),
    ],
)
def test_nothing_is_said_where_nothing_is_known(rows: list[dict[str, float]]) -> None:
    assert verdict(detect_diverging_critic(window(rows))) == "unknown"
