"""Names whose values are secrets, as programs write them: `DB_PASSWORD`, `apiKey`, `a.b.api_key`, `--token`."""

import re
from enum import IntEnum
from functools import lru_cache


def split_words(text: str) -> frozenset[str]:
    """Return the words of a list that is written as text."""
    return frozenset(text.split())


class Suspicion(IntEnum):
    """How strongly a name suggests that its value is a secret.

    NONE: not at all. SLIGHT: it is a secret if it looks like one. STRONG: it is one in any case.
    """

    NONE = 0
    SLIGHT = 1
    STRONG = 2


NAME_PARTS = re.compile(r"[A-Z]++(?![a-z])|[A-Z]?[a-z]++|[A-Z]|[0-9]++")

HARMLESS_ENDINGS = split_words(
    "id ids name names path paths file files dir folder url uri link len length count counts type types size "
    "limit max min index idx mask masks ratio prob probs logprob logprobs level budget usage mean sum std "
    "rate expiry expires ttl field fields env var variable arn ref refs version store manager class policy "
    "hint prompt attempts enabled required provider source format algorithm alg server endpoint bits "
    "threshold penalty loss scheme mode header prefix suffix column columns func function fn error errors "
    "status valid invalid age date at step steps per num number"
)
"""Last parts of names that mention a secret without being one: `token_count`, `secret_name`, `KEY_FILE`."""

KEY_QUALIFIERS = split_words(
    "api access secret private auth account encryption signing master license licence subscription storage "
    "service shared deploy client consumer app application admin ssh gpg ssl tls rsa pem host write ingest "
    "ingestion integration security session wandb hf huggingface openai anthropic cohere mistral groq gemini "
    "google azure aws gcp openrouter together replicate perplexity deepseek dashscope moonshot zhipu qwen "
    "minimax swanlab comet neptune clearml mlflow langsmith langchain serpapi serper tavily pinecone weaviate "
    "elastic datadog sendgrid stripe twilio mailgun github gitlab slack telegram discord runpod lambda vast "
    "modal kaggle modelscope sas rest"
)
"""Words before `key` in a secret's name; other keys are columns, fields and metrics."""

TOKEN_QUALIFIERS = split_words(
    "access auth api refresh session security bearer bot user app id csrf xsrf hf github gitlab gh gl slack "
    "wandb npm pypi docker vault service account deploy push job login jwt oauth private personal hub "
    "huggingface telegram discord sky skypilot registration runner bootstrap join cluster identity registry "
    "azure aws gcp databricks replicate kaggle modelscope jupyter notebook admin agent webhook client server "
    "ci pat web ray k8s kubernetes kube"
)
"""Words before `token` in a secret's name."""

MODEL_TOKEN_WORDS = split_words(
    "eos bos pad unk sep cls mask image video audio vision stop special think thinking begin end start last "
    "first next prev previous new max min num total avg mean per each one single prompt response input output "
    "completion generated gen target source draft accepted bonus text tool reasoning reward valid padded sub "
    "word byte char added extra placeholder newline space question answer system assistant role turn chat "
    "sample sampled log prob loss top ignore dummy empty blank action observation state"
)
"""Words before `token` where it is a token of a language model."""

PASSWORD_WORDS = ("password", "passwd", "passphrase", "passcode")
STRONG_WORDS = split_words("pwd secret secrets")
SLIGHT_WORDS = split_words("auth authorization credential credentials creds cookie jwt authtoken")


@lru_cache(maxsize=4096)
def judge_name(name: str) -> Suspicion:
    """Return how strongly a name suggests that its value is a secret.

    >>> [judge_name(name).name for name in ("DB_PASSWORD", "clientSecret", "trainer.hf_token", "X-Api-Key", "PGPASS")]
    ['STRONG', 'STRONG', 'STRONG', 'STRONG', 'STRONG']
    >>> [judge_name(name).name for name in ("eos_token", "prompt_key", "max_token_len", "secret_name", "tokenizer")]
    ['NONE', 'NONE', 'NONE', 'NONE', 'NONE']
    >>> judge_name("token").name, judge_name("TOKEN").name
    ('SLIGHT', 'STRONG')
    """
    own = name.rpartition(".")[2]
    parts = [part.lower() for part in NAME_PARTS.findall(own)]
    while parts and (parts[-1].isdigit() or parts[-2:] == ["key", "data"]):  # as in a kubeconfig
        parts.pop()
    if not parts or parts[-1] in HARMLESS_ENDINGS:
        return Suspicion.NONE
    last, before, joined = parts[-1], parts[-2] if len(parts) > 1 else "", "".join(parts)
    if any(word in joined for word in PASSWORD_WORDS) or last in STRONG_WORDS or joined.endswith("secret"):
        return Suspicion.STRONG
    if last in ("pass", "pw", "sas") or (joined.endswith("pass") and own.isupper()):
        return Suspicion.STRONG if before or own.isupper() else Suspicion.NONE
    singular = joined.removesuffix("s")
    if singular.endswith("key"):
        return judge_key(singular.removesuffix("key"), before, own.isupper())
    if singular.endswith("token"):
        return judge_token(singular.removesuffix("token"), before, own.isupper(), is_plural=joined != singular)
    return Suspicion.SLIGHT if last in SLIGHT_WORDS else Suspicion.NONE


def judge_key(before: str, word: str, is_upper: bool) -> Suspicion:
    """Return the suspicion of a name that ends with `key`.

    Args:
        before: all text before `key`; word: the last part of it; is_upper: whether the name is in capitals.
    """
    if not before:
        return Suspicion.SLIGHT
    if (
        word in KEY_QUALIFIERS
        or before in KEY_QUALIFIERS
        or before.endswith(("api", "access", "secret", "private", "account"))
    ):
        return Suspicion.STRONG
    return Suspicion.SLIGHT if is_upper else Suspicion.NONE


def judge_token(before: str, word: str, is_upper: bool, is_plural: bool) -> Suspicion:
    """Return the suspicion of a name that ends with `token`; the arguments are those of `judge_key`."""
    if (
        word in TOKEN_QUALIFIERS
        or before in TOKEN_QUALIFIERS
        or before.endswith(("access", "auth", "api", "refresh", "session"))
    ):
        return Suspicion.STRONG
    if is_plural or word in MODEL_TOKEN_WORDS:
        return Suspicion.NONE
    return Suspicion.STRONG if is_upper and not before else Suspicion.SLIGHT
