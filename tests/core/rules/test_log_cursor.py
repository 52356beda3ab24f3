"""Looks at the end of a log, which overlap or do not: nothing is taken twice, and nothing is lost that was in sight."""

from hypothesis import given
from hypothesis import strategies as st

from bot.core.model.metrics import LogEvent, StepMetrics
from bot.core.rules.log_cursor import MAX_REDRAWN_PIECES, REMEMBERED_LINES, LogCursor, find_resume_index
from tests.examples import examples

WORDS = st.sampled_from(["", "waiting", "waiting", "[prompt]", "loading weights", "Total training steps: 9"])


def steps(facts: list[LogEvent]) -> list[int]:
    return [fact.step for fact in facts if isinstance(fact, StepMetrics)]


def a_log(words: list[str]) -> list[str]:
    """A log whose step lines stand between other ones, many of which are the same."""
    return [f"step:{n} - a/b:{n} - c/d:{n}" if n % 3 == 0 else word for n, word in enumerate(words)]


@given(st.lists(WORDS, min_size=1, max_size=60), st.data())
def test_overlapping_looks_find_every_step_once(words: list[str], data: st.DataObject) -> None:
    lines, reading, found, end = a_log(words), LogCursor(), [], 0
    while end < len(lines):
        new_end = data.draw(st.integers(end + 1, len(lines)))
        start = data.draw(st.integers(0, max(end - 4, 0)))  # some lines of the look before are in sight, a step too
        reading, facts = reading.read_tail("".join(line + "\n" for line in lines[start:new_end]), 0.0)
        found += steps(facts)
        end = new_end
    assert sorted(set(found)) == [n for n in range(len(words)) if n % 3 == 0]
    assert found == sorted(found)
    assert len(found) == len(set(found))


def test_where_lines_were_out_of_sight_those_in_sight_are_taken_and_the_gap_is_counted() -> None:
    reading, _ = LogCursor().read_tail("step:1 - a/b:1 - c:1\n", 0.0)
    reading, facts = reading.read_tail("step:7 - a/b:1 - c:1\nstep:8 - a/b:1 - c:1\n", 0.0)
    assert (steps(facts), reading.gaps) == ([7, 8], 1)


def test_what_is_in_sight_again_behind_a_gap_is_not_taken_twice_unless_the_training_went_back() -> None:
    lines = [f"step:{n} - a/b:1 - c:1\n" for n in range(9)]
    reading, _ = LogCursor().read_tail("".join(lines[:6]), 0.0)
    _, facts = reading.read_tail("".join(["another head\n", *lines[4:]]), 1.0)
    assert steps(facts) == [6, 7, 8]
    _, facts = reading.read_tail("".join(["Resuming from /c/global_step_3\n", *lines[4:]]), 1.0)
    assert steps(facts) == [4, 5, 6, 7, 8]


def test_a_gap_within_a_sample_does_not_hide_the_steps_behind_it() -> None:
    reading, _ = LogCursor().read_tail("[prompt] How many?\n[response] Let me see\n", 0.0)
    _, facts = reading.read_tail("step:1 - a/b:1 - c/d:0.5\n", 0.0)
    assert steps(facts) == [1]


def test_half_a_line_waits_for_its_other_half() -> None:
    reading, facts = LogCursor().read_tail("step:1 - a/b:1 - c/d:0.5\nstep:2 - a/b:1 - c/d:0.", 0.0)
    assert steps(facts) == [1]
    _, facts = reading.read_tail("step:1 - a/b:1 - c/d:0.5\nstep:2 - a/b:1 - c/d:0.25\n", 0.0)
    assert facts == [StepMetrics(2, {"a/b": 1.0, "c/d": 0.25})]


def test_the_last_line_of_all_is_taken_as_it_stands() -> None:
    _, facts = LogCursor().read_tail("step:1 - a/b:1 - c/d:0.5", 0.0, is_final=True)
    assert steps(facts) == [1]


def test_a_look_that_brings_nothing_changes_nothing() -> None:
    reading, _ = LogCursor().read_tail("step:1 - a/b:1\n", 0.0)
    assert reading.read_tail("", 0.0) == (reading, [])
    assert reading.read_tail("step:1 - a/b:1\n", 0.0) == (reading, [])


def test_a_longer_look_than_before_finds_its_place_too() -> None:
    lines = [f"step:{n} - a/b:1 - c/d:1\n" for n in range(300)]
    reading, _ = LogCursor().read_tail("".join(lines[200:250]), 0.0)
    reading, facts = reading.read_tail("".join(lines), 0.0)
    assert steps(facts) == list(range(250, 300))
    assert len(reading.last_digests) == REMEMBERED_LINES
    assert reading.gaps == 0


@given(st.lists(st.text(max_size=20), max_size=20).map("\n".join))
def test_what_was_read_is_noted_at(text: str) -> None:
    _, facts = LogCursor().read_tail(text + "\nstep:5 - a/b:1 - c/d:2\n", 7.5)
    assert [fact.at for fact in facts if isinstance(fact, StepMetrics) and fact.step == 5][-1:] == [7.5]


WORDS_OF_TWO = st.lists(st.sampled_from("ab"), max_size=9)


def place_by_looking(last: list[str], seen: list[str]) -> int | None:
    """Where the lines begin that come after the last ones, by comparing all of them at every place."""
    for start in range(len(seen), 0, -1):
        compared = min(start, len(last))
        if compared and seen[start - compared : start] == last[-compared:]:
            return start
    return None


@given(WORDS_OF_TWO, WORDS_OF_TWO)
@examples(300)
def test_the_place_is_found_without_comparing_all_lines_at_every_place(last: list[str], seen: list[str]) -> None:
    assert find_resume_index(last, seen) == place_by_looking(last, seen)


@given(st.lists(WORDS, min_size=1, max_size=40), st.lists(st.integers(1, 9), max_size=20))
def test_new_lines_that_are_taken_a_few_at_a_time_tell_the_same(words: list[str], counts: list[int]) -> None:
    text = "".join(line + "\n" for line in a_log(words))
    whole, facts = LogCursor().read_tail(text, 0.0)
    reading, found, news = LogCursor(), list[LogEvent](), LogCursor().find_new_lines(text)
    for count in [*counts, len(words)]:
        if news.lines:
            part, news = news.take_first(count), news.drop_first(count)
            reading, more = reading.advance(part, 0.0)
            found += more
    assert (reading.end_read(), found) == (whole, facts)


def test_a_look_that_was_broken_off_behind_a_gap_takes_nothing_twice_in_the_next() -> None:
    lines = [f"step:{n} - a/b:1 - c:1\n" for n in range(12)]
    reading, _ = LogCursor().read_tail("".join(lines[:6]), 0.0)
    news = reading.find_new_lines("".join(["another head\n", *lines[2:]]))
    reading, facts = reading.advance(news.take_first(2), 1.0)
    assert steps(facts) == []
    reading, facts = reading.read_tail("".join(lines[2:]), 1.0)
    assert steps(facts) == [6, 7, 8, 9, 10, 11]
    assert reading.floor is None


def test_lines_that_are_skipped_are_not_taken_later_and_the_next_ones_are() -> None:
    lines = [f"step:{n} - a/b:1 - c:1\n" for n in range(9)]
    reading, _ = LogCursor().read_tail("".join(lines[:3]), 0.0)
    reading = reading.skip_lines(reading.find_new_lines("".join(lines[:6])), 1.0)
    assert (steps(reading.read_tail("".join(lines), 2.0)[1]), reading.read_at, reading.gaps) == ([6, 7, 8], 1.0, 0)


def test_of_a_line_that_is_drawn_over_and_over_the_last_pieces_are_read() -> None:
    drawn = "\r".join(f"step:{n} - a/b:1 - c:1" for n in range(1, 5001))
    _, facts = LogCursor().read_tail(drawn + "\n", 0.0)
    assert steps(facts) == list(range(5001 - MAX_REDRAWN_PIECES, 5001))
