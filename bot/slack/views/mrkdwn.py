"""Slack's mrkdwn: text from outside is escaped, and so is every value of a phrase, unless it is markup already.

Pure.
"""

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache, reduce

from bot import i18n
from bot.core.model.characters import clean, is_mark, to_single_line
from bot.phrase import (
    CHANNEL_KEY,
    PERSON_KEY,
    Phrase,
    Text,
    fill_fields,
    get_english_key,
    names_slack_ids,
)
from bot.slack.views.invisible_spaces import CHINESE, ZERO_WIDTH_SPACE, separate_formatting

ENTITIES = {"&lt;": "<", "&gt;": ">", "&amp;": "&"}
ENTITY_PATTERN = re.compile("|".join(ENTITIES))

USER_ID, CHANNEL_ID = re.compile("[UW][A-Z0-9]{1,40}"), re.compile("[CGD][A-Z0-9]{1,40}")
"""Patterns of Slack's ids of people, and of channels with their private and direct kinds."""

GROUP_ID = re.compile("S[A-Z0-9]{1,40}")
"""Pattern of Slack's id of a user group."""

WEB_ADDRESS = re.compile(r"https?://[!#-&(-;=?-_a-{}~]{1,2000}")
"""A web address in ASCII, without characters that end a link or an address: letters of other scripts can look like
these."""

MAX_PROSE_CHARACTERS, MAX_NAME_CHARACTERS, MAX_COMMAND_CHARACTERS = 2_000, 500, 2_500
"""Maximum characters shown of a text from outside: of a sentence, of a name or path, of a line that may be typed."""

EMOJI_NAME = re.compile(r":[a-z0-9_+-]{1,100}:")

SLACK_TOKEN = re.compile(r"<([^<>|]*)(?:\|([^<>]*))?>")
"""What Slack renders specially: a mention, a link, a date; with the text for clients without markup."""

INDIVISIBLE_PIECE = re.compile(r"<[^<>]*>|&(?:amp|lt|gt);|.", re.DOTALL)
"""A piece that can be cut off only as a whole."""

CODE_SPAN = re.compile(r"(?<![\w`])`[^`]+`(?![\w`])")
"""Code as Slack renders it: a letter next to its back-ticks prevents that."""

WORD_OR_CODE = re.compile(r"(?:`[^`]*`|[^\s`]|`)+")
"""A word between spaces; the spaces within code belong to the word."""

FORMATTING = re.compile(r"[*~`]|(?<![^\W_])_|_(?![^\W_])|:[\w+'-]+:|^&gt;")
"""What Slack renders as bold, italic, struck out, code, an emoji or a quote; Slack leaves an underscore within a word
as it is."""

ELLIPSIS = "…"


class Markup(str):
    """Text as Slack's mrkdwn: the bot intends every mention, link and format in it.

    An f-string of it, a sum and a `str.join` are plain strings again, which are escaped once more: combine markup with
    `mrkdwn` and `join_parts`.
    """

    __slots__ = ()

    def shorten(self, longest: int) -> "Markup":
        """Return it without its end where it is too long; no mention, link or entity is cut, code and bold are closed.

        >>> Markup("*see* `a&amp;b` <@U0ANA>").shorten(16)
        '*see* `a&amp;…`'
        >>> Markup("任务`a b`\u200b的上限").shorten(10).encode("unicode_escape")
        b'\\\\u4efb\\\\u52a1`a b`\\\\u2026'
        """
        if count_utf16_units(self) <= longest:
            return self
        # Two characters are reserved for what closes code and bold.
        pieces = (piece[0] for piece in INDIVISIBLE_PIECE.finditer(self))
        start = take_fitting_pieces(pieces, longest - len(ELLIPSIS) - 2).removesuffix(ZERO_WIDTH_SPACE)
        outside = CODE_SPAN.sub("", start + ("`" if start.count("`") % 2 else ""))
        closing = ("`" if start.count("`") % 2 else "") + ("*" if outside.count("*") % 2 else "")
        return Markup(start + ELLIPSIS + closing)


def escape(value: object, longest: int = MAX_PROSE_CHARACTERS) -> Markup:
    r"""Return text from outside as mrkdwn shows it: on one line, without invisible characters, and without live markup.

    Slack has no way to write a star, a tilde or `:name:` that formats nothing. A word with such a thing in it is shown
    as code, where it is as it was written and can be copied; well-formed code stays. Markup is returned unchanged, and
    a phrase is rendered first.

    >>> escape("<!channel> & co"), escape("see `a b` of x_y"), escape("*all*\nis ~/well")
    ('&lt;!channel&gt; &amp; co', 'see `a b` of x_y', '`*all*` is `~/well`')
    """
    if isinstance(value, Markup):
        return value
    if isinstance(value, Phrase) and names_slack_ids(value):
        return render_with_names(value).shorten(longest)
    text = escape_entities(truncate(to_single_line(to_text(value)), longest))
    return Markup(WORD_OR_CODE.sub(neutralize_word, text) if FORMATTING.search(text) else text).shorten(longest)


def render_with_names(phrase: Phrase) -> Markup:
    """Return a phrase with the people and channels in it as Slack names them.

    >>> render_with_names(Phrase("{who} & {what}", who=Phrase(PERSON_KEY, person="U0ANA"), what="<!here>"))
    '<@U0ANA> &amp; &lt;!here&gt;'
    """
    if phrase.key == PERSON_KEY:
        return mention(str(phrase.values["person"]))
    if phrase.key == CHANNEL_KEY:
        return channel_link(str(phrase.values["channel"]))
    fields = {
        name: join_markup_list(value) if isinstance(value, tuple) else escape(value)
        for name, value in phrase.values.items()
    }
    return fill_escaped(i18n.translate_key_of(phrase), get_english_key(phrase), fields)


def to_text(value: object) -> str:
    """Return a value as text: a phrase of the bot's in the current language."""
    return i18n.render(value) if isinstance(value, Phrase) else str(value)


def neutralize_word(word: re.Match[str]) -> str:
    """Return a word, as code where Slack would format it."""
    rest = CODE_SPAN.sub(" ", word[0])
    # A quote begins a line; anywhere else `>` formats nothing.
    is_within = rest.startswith("&gt;") and word.start() > 0
    shapes = FORMATTING.search(rest[1:] if is_within else rest)
    return f"`{word[0].replace('`', chr(39))}`" if shapes else word[0]


def escape_entities(text: str) -> str:
    """Return text with Slack's three special characters escaped."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def escape_and_shorten(text: str, longest: int) -> Markup:
    """Return clean text with its three special characters escaped, cut after that."""
    return Markup(escape_entities(text)).shorten(longest)


def code(text: str, longest: int = MAX_NAME_CHARACTERS) -> Markup:
    """Return text from outside as a line of code, which its own back-ticks cannot end.

    >>> code("a `b` <c>"), code("")
    ("`a 'b' &lt;c&gt;`", '` `')
    """
    return Markup(f"`{escape_in_code(text, longest)}`")


def escape_in_code(value: object, longest: int = MAX_NAME_CHARACTERS) -> Markup:
    """Return text from outside as it may be put between two back-ticks: nothing in it is markup, and none ends the
    code.
    """
    text = to_plain_line(value).strip("`") if isinstance(value, Markup) else to_single_line(to_text(value))
    return escape_and_shorten(text.replace("`", "'") or " ", longest)


def command_code(text: str) -> Markup:
    """Return what a person may type or copy as a line of code, as long as a message has room for."""
    return code(text, MAX_COMMAND_CHARACTERS)


def mention(user: str | None) -> Markup:
    """Return what notifies a person by Slack's id; anything that is no such id is shown and notifies no one.

    >>> mention("U0ANA"), mention("!channel"), mention(None)
    ('<@U0ANA>', '`!channel`', '')
    """
    if not user:
        return Markup()
    return Markup(f"<@{user}>") if USER_ID.fullmatch(user) else code(user)


def mention_person_or_group(holder_id: str) -> Markup:
    """Return what notifies a person, or a user group, by Slack's id: for people and groups that the policy names.

    >>> mention_person_or_group("U0ANA"), mention_person_or_group("S0LEADS"), mention_person_or_group("S|<!here>")
    ('<@U0ANA>', '<!subteam^S0LEADS>', '`S|&lt;!here&gt;`')
    """
    return Markup(f"<!subteam^{holder_id}>") if GROUP_ID.fullmatch(holder_id) else mention(holder_id)


def channel_link(channel_id: str) -> Markup:
    """Return what names a channel by Slack's id.

    >>> channel_link("C0TRAIN"), channel_link("C0|<!here>")
    ('<#C0TRAIN>', '`C0|&lt;!here&gt;`')
    """
    return Markup(f"<#{channel_id}>") if CHANNEL_ID.fullmatch(channel_id) else code(channel_id)


def link(address: str, label: object) -> Markup:
    """Return a link; its label alone where the address is not a web address.

    >>> link("https://a.b/c?d&e", "here"), link("javascript:x", "here")
    ('<https://a.b/c?d&amp;e|here>', 'here')
    """
    label_text = escape(label)
    # A label with a token in it would end the link early.
    if not WEB_ADDRESS.fullmatch(address) or SLACK_TOKEN.search(label_text):
        return label_text
    return Markup(f"<{escape_and_shorten(address, len(address) * 5)}|{label_text.replace('|', '/')}>")


def date(moment: datetime, pattern: str = "{time}") -> Markup:
    """Return a moment that each reader sees in the reader's own time zone; in UTC where a client cannot."""
    return Markup(f"<!date^{int(moment.timestamp())}^{pattern}|{moment.astimezone(UTC):%H:%M} UTC>")


NEAR_TIME = timedelta(hours=12)
"""A time of day alone names a moment that is no further away."""

DAY_AND_TIME = "{date_short} {time}"
"""Slack's pattern of a moment within a sentence: its word for a near day would begin with a capital."""


def date_and_time(moment: datetime, now: datetime) -> Markup:
    """Return a moment within a sentence: its time of day where that is near, else its day too.

    >>> noon = datetime(2026, 1, 2, 12, tzinfo=UTC)
    >>> date_and_time(noon, noon), date_and_time(noon, noon - timedelta(days=1))
    ('<!date^1767355200^{time}|12:00 UTC>', '<!date^1767355200^{date_short} {time}|12:00 UTC>')
    """
    return date(moment, "{time}" if abs(moment - now) < NEAR_TIME else DAY_AND_TIME)


def emoji(name: str) -> Markup:
    """Return one of Slack's emoji, by its name in colons.

    >>> emoji(":rocket:"), emoji(":a b:")
    (':rocket:', '`:a b:`')
    """
    return Markup(name) if EMOJI_NAME.fullmatch(name) else code(name)


def mrkdwn(pattern: str, *values: object) -> Markup:
    """Return the bot's own pattern with its `{}` filled in, each value escaped unless it is markup.

    >>> mrkdwn(":rocket: *{}* {}", "a & b", code("c"))
    ':rocket: *a &amp; b* `c`'
    """
    return Markup(pattern.format(*map(escape, values)))


def join_parts(separator: str, parts: Iterable[object]) -> Markup:
    """Return the parts that are not empty, escaped unless they are markup, with the bot's own separator between them.

    >>> join_parts(" · ", [code("a"), "", None, "<b>"])
    '`a` · &lt;b&gt;'
    """
    return Markup(separator.join(filter(None, (escape(part) for part in parts if part is not None))))


BOLD_MARK = re.compile(rf"{ZERO_WIDTH_SPACE}\*|\*{ZERO_WIDTH_SPACE}?")
"""Matches a mark of bold text, with the invisible space that separates it from Chinese."""


def strip_bold(text: Markup) -> Markup:
    """Return markup without bold, for places that show plain text only.

    >>> strip_bold(Markup("*failed* in `a*b`"))
    'failed in `a*b`'
    """
    parts = re.split("(`[^`]*`)", text)
    return Markup("".join(part if part.startswith("`") else BOLD_MARK.sub("", part) for part in parts))


def to_literal(text: str) -> str:
    """Return text as Slack shows it where it renders no markup, line by line and without invisible characters.

    >>> to_literal(mrkdwn("{} of {}", "a & b", mention("U0ANA")))
    'a & b of @U0ANA'
    """
    if isinstance(text, Markup):
        labelled = SLACK_TOKEN.sub(lambda token: token[2] or token[1].removeprefix("!"), text)
        text = ENTITY_PATTERN.sub(lambda entity: ENTITIES[entity[0]], labelled)
    return clean(text)


def to_plain_line(text: str, longest: int = 0) -> str:
    """Return text as Slack shows it where it renders no markup, on one line; without limit where `longest` is 0."""
    line = to_single_line(to_literal(text))
    return truncate(line, longest) if longest else line


def truncate(text: str, longest: int) -> str:
    """Return the text, without its end where it is too long; no letter is separated from its marks.

    >>> truncate("abcdef", 4), truncate("🎉🎉🎉", 4)
    ('abc…', '🎉…')
    """
    return text if count_utf16_units(text) <= longest else take_fitting_pieces(text, longest - len(ELLIPSIS)) + ELLIPSIS


def take_fitting_pieces(pieces: Iterable[str], room: int) -> str:
    """Return as many of the first pieces as fit, and no letter without all of its marks."""
    pieces_that_fit: list[str] = []
    for piece in pieces:
        room -= count_utf16_units(piece)
        if room < 0:
            while pieces_that_fit and is_mark(piece[0]):
                piece = pieces_that_fit.pop()  # noqa: PLW2901  # in the end the letter that the marks belong to
            break
        pieces_that_fit.append(piece)
    return "".join(pieces_that_fit)


def count_utf16_units(text: str) -> int:
    """Return the length of a text as JavaScript counts it, in which an emoji is two: Slack may count either way."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2


MAX_PHRASE_CHARACTERS = 3_000
"""Maximum characters of one of the bot's own phrases, which are all far shorter."""

CODE_IN_PHRASE = re.compile("`[^`]*`")
FIELD_IN_PHRASE = re.compile(r"(?<!\{)\{(\w+)\}(?!\})")

IN_CODE_SUFFIX = "__in_code"
"""Suffix of the name of a field within code of the phrase, as in "`/verl logs {run}`"."""


def render_phrase(phrase: str, /, **fields: object) -> Markup:
    """Return the phrase in the current language, its named fields filled in and escaped.

    The phrase may contain formatting, as `*{run}*`, but no mentions and no links: markup with such is a field.

    >>> render_phrase("{who} & {what}", who="<!channel>", what=Markup("<@U0ANA>"))
    '&lt;!channel&gt; &amp; <@U0ANA>'
    """
    return fill_escaped(i18n.translate_template(phrase), phrase, fields)


def render_plural(singular: str, plural: str, count: int, /, **fields: object) -> Markup:
    """Return the phrase for this count, with the number as its field `count`."""
    english = singular if count == 1 else plural
    return fill_escaped(i18n.translate_plural(singular, plural, count), english, {"count": count} | fields)


def translate_text(text: str) -> Markup:
    """Return a text that may be a phrase, such as the title of a recipe: translated where the catalogue has it, and
    escaped.
    """
    return escape(i18n.translate_template(text))


CHINESE_END = re.compile(rf"{CHINESE}{ZERO_WIDTH_SPACE}?$")
"""Matches the end of a Chinese sentence, after which there is no space."""


def join_markup_sentences(*sentences: Text) -> Markup:
    """Return the sentences that are not empty, one after the other."""
    markups = [escape(sentence) for sentence in sentences if sentence]
    return reduce(join_two_sentences, markups or [Markup()])


def join_two_sentences(before: Markup, after: Markup) -> Markup:
    """Return two sentences, with a space after one that is not in Chinese, such as one from outside.

    >>> join_two_sentences(Markup("No route to host."), Markup("I keep trying."))
    'No route to host. I keep trying.'
    """
    if CHINESE_END.search(before) is None:
        return mrkdwn("{} {}", before, after)
    return render_phrase("{before} {next}", before=before, next=after)


def join_markup_list(items: Iterable[object]) -> Markup:
    """Return the items, separated as a list in the current language."""
    return join_parts(i18n.translate(", "), items)


def fill_escaped(translation: str, english: str, fields: Mapping[str, object]) -> Markup:
    """Return the translation, with its own three special characters and its fields escaped."""
    safe = {name: escape(value) for name, value in fields.items()}
    translation_template, english_template = escape_template(translation), escape_template(english)
    if IN_CODE_SUFFIX in translation_template or IN_CODE_SUFFIX in english_template:
        safe |= {f"{name}{IN_CODE_SUFFIX}": escape_in_code(value) for name, value in fields.items()}
    return Markup(separate_formatting(fill_fields(translation_template, english_template, safe)))


@lru_cache(maxsize=4_096)
def escape_template(phrase: str) -> str:
    """Return a phrase with its three special characters escaped, and with its fields within code marked as such.

    >>> escape_template("`/verl logs {run}` & {more}")
    '`/verl logs {run__in_code}` &amp; {more}'
    """
    marked_phrase = CODE_IN_PHRASE.sub(lambda code: FIELD_IN_PHRASE.sub(rf"{{\1{IN_CODE_SUFFIX}}}", code[0]), phrase)
    return escape_and_shorten(marked_phrase, MAX_PHRASE_CHARACTERS)
