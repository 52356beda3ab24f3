"""States as people type them: in the words of cards and lists, in every language."""

from dataclasses import replace
from functools import cache

from bot.core.model.run_filter import STATE_TESTS, RunFilter
from bot.core.model.state_names import STATE_NAMES, find_states
from bot.core.model.typed_text import format_inline_code
from bot.errors import UserError
from bot.i18n import load_catalogue
from bot.phrase import LANGUAGES, Phrase, join_list


@cache
def list_state_names() -> dict[str, tuple[str, ...]]:
    """Return the names of each state in all languages, by its English name."""
    catalogues = [load_catalogue(language) for language in LANGUAGES]
    return {state: tuple(catalogue.gettext(state) for catalogue in catalogues) for state in STATE_NAMES}


def resolve_state(criteria: RunFilter) -> RunFilter:
    """Return a filter with the states that its typed state names.

    Raises:
        UserError: there is no such state.
    """
    if not criteria.state or criteria.state in STATE_TESTS:
        return criteria
    states = find_states(criteria.state, list_state_names())
    if not states:
        names = join_list(format_inline_code(name) for name in STATE_TESTS)
        raise UserError(
            Phrase("No state is called {value}.", value=format_inline_code(criteria.state)),
            Phrase("Valid: {names}; or a state as lists show it, such as `over the limit`.", names=names),
        )
    return replace(criteria, shown_states=states)
