"""Secrets that never were: valid in shape, random in content, made from a seed each time; and where people print them.

A kind is how a secret looks, a wrapping what is printed around it. Those of `SHAPED` are known wherever they are
printed; those of `NAMED` by what comes before them.
"""

import json
import random
import string
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from urllib.parse import quote

ALNUM = string.ascii_letters + string.digits
HEX = "0123456789abcdef"
UPPER = string.ascii_uppercase + string.digits
BASE64 = ALNUM + "+/"
URLSAFE = ALNUM + "_-"

LEAST_WINDOW = 8
"""Characters of a secret that may be printed by chance."""

Make = Callable[["Dice"], str]


class Dice(random.Random):
    """A random generator that makes words."""

    def word(self, length: int, alphabet: str = ALNUM) -> str:
        return "".join(self.choices(alphabet, k=length))

    def blob(self, length: int) -> str:
        return b64encode(self.randbytes(length)).decode()

    def urlsafe(self, length: int) -> str:
        return urlsafe_b64encode(self.randbytes(length)).decode().rstrip("=")


@dataclass(frozen=True, slots=True)
class Planted:
    """A line that a program prints, and what no person may read of it.

    Attributes:
        secret: without the prefix that tells its kind.
    """

    kind: str
    text: str
    secret: str

    def leak(self, shown: str) -> str:
        """Eight characters of the secret, or all of a shorter one, that are to be read; empty where none are."""
        width = min(LEAST_WINDOW, len(self.secret))
        windows = (self.secret[at : at + width] for at in range(len(self.secret) - width + 1))
        return next((window for window in windows if window.strip("=-_.") and window in shown), "")


def token(prefix: str, length: int, alphabet: str = ALNUM, suffix: str = "") -> Make:
    return lambda dice: prefix + "\0" + dice.word(length, alphabet) + suffix


def json_web_token(dice: Dice) -> str:
    head = urlsafe_b64encode(json.dumps({"alg": dice.choice(["HS256", "RS256"]), "typ": "JWT"}).encode()).decode()
    body = urlsafe_b64encode(json.dumps({"sub": dice.word(10), "exp": dice.randrange(10**9)}).encode()).decode()
    return f"eyJ\0{head.rstrip('=')[3:]}.{body.rstrip('=')}.{dice.urlsafe(32)}"


SHAPED: dict[str, Make] = {
    "hugging face": token("hf_", 34, string.ascii_letters),
    "hugging face organisation": token("api_org_", 34, string.ascii_letters),
    "wandb v1": token("wandb_v1_", 77),
    "openai": token("sk-", 48),
    "openai project": lambda dice: f"sk-proj-\0{dice.word(74, URLSAFE)}T3BlbkFJ{dice.word(74, URLSAFE)}",
    "openai service": lambda dice: f"sk-svcacct-\0{dice.word(58, URLSAFE)}T3BlbkFJ{dice.word(58, URLSAFE)}",
    "anthropic": token("sk-ant-api03-", 93, URLSAFE, "AA"),
    "openrouter": token("sk-or-v1-", 64, HEX),
    "deepseek": token("sk-", 32, HEX),
    "groq": token("gsk_", 52),
    "replicate": token("r8_", 37),
    "nvidia": token("nvapi-", 64, URLSAFE),
    "perplexity": token("pplx-", 48),
    "xai": token("xai-", 80),
    "cerebras": token("csk-", 48, string.ascii_lowercase + string.digits),
    "together": token("tgp_v1_", 43, URLSAFE),
    "langsmith": lambda dice: f"lsv2_pt_\0{dice.word(32, HEX)}_{dice.word(10, HEX)}",
    "tavily": token("tvly-dev-", 32),
    "runpod": token("rpa_", 40, UPPER),
    "google api": token("AIza", 35, URLSAFE),
    "google oauth": token("ya29.", 120, URLSAFE),
    "google client": token("GOCSPX-", 28, URLSAFE),
    "google refresh": token("1//0", 60, URLSAFE),
    "aws id": token("AKIA", 16, UPPER),
    "aws temporary id": token("ASIA", 16, UPPER),
    "aws session": lambda dice: f"IQoJb3JpZ2lu\0{dice.blob(300)}",
    "github classic": token("ghp_", 36),
    "github oauth": token("gho_", 36),
    "github user": token("ghu_", 36),
    "github server": token("ghs_", 36),
    "github refresh": token("ghr_", 76),
    "github fine": lambda dice: f"github_pat_\0{dice.word(22)}_{dice.word(59)}",
    "gitlab": token("glpat-", 20, URLSAFE),
    "gitlab routable": lambda dice: f"glpat-\0{dice.word(27, URLSAFE)}.01.{dice.word(9, HEX)}",
    "gitlab runner": token("glrt-", 20, URLSAFE),
    "gitlab deploy": token("gldt-", 20, URLSAFE),
    "slack bot": lambda dice: f"xoxb-\0{dice.word(12, string.digits)}-{dice.word(13, string.digits)}-{dice.word(24)}",
    "slack user": lambda dice: (
        f"xoxp-\0{dice.word(12, string.digits)}-{dice.word(12, string.digits)}-{dice.word(32, HEX)}"
    ),
    "slack app": lambda dice: f"xapp-1-\0A{dice.word(10, UPPER)}-{dice.word(13, string.digits)}-{dice.word(64, HEX)}",
    "slack refresh": token("xoxe-1-", 147),
    "slack webhook": lambda dice: (
        f"https://hooks.slack.com/services/\0T{dice.word(10, UPPER)}/B{dice.word(10, UPPER)}/{dice.word(24)}"
    ),
    "discord bot": lambda dice: f"\0M{dice.word(25)}.{dice.word(6, URLSAFE)}.{dice.word(38, URLSAFE)}",
    "discord webhook": lambda dice: (
        f"https://discord.com/api/webhooks/\0{dice.word(18, string.digits)}/{dice.word(68, URLSAFE)}"
    ),
    "telegram": lambda dice: f"{dice.word(10, '123456789')}:\0AA{dice.word(33, URLSAFE)}",
    "azure storage": lambda dice: f"\0{dice.blob(64)}",
    "azure client": lambda dice: f"\0{dice.word(3)}8Q~{dice.word(34, ALNUM + '_~.-')}",
    "azure openai": lambda dice: f"\0{dice.word(52)}JQQJ99{dice.word(26, UPPER)}",
    "pypi": token("pypi-AgEIcHlwaS5vcmc", 140, URLSAFE),
    "npm": token("npm_", 36),
    "docker hub": token("dckr_pat_", 27, URLSAFE),
    "rubygems": token("rubygems_", 48, HEX),
    "json web token": json_web_token,
    "skypilot": lambda dice: f"sky_\0{json_web_token(dice)}".replace("eyJ\0", "eyJ"),
    "stripe": token("sk_live_", 24),
    "stripe restricted": token("rk_live_", 99),
    "stripe webhook": token("whsec_", 32),
    "sendgrid": lambda dice: f"SG.\0{dice.word(22, URLSAFE)}.{dice.word(43, URLSAFE)}",
    "twilio": token("SK", 32, HEX),
    "databricks": token("dapi", 32, HEX),
    "digitalocean": token("dop_v1_", 64, HEX),
    "vault": token("hvs.", 95, URLSAFE),
    "grafana": lambda dice: f"glsa_\0{dice.word(32)}_{dice.word(8, HEX)}",
    "new relic": token("NRAK-", 27, UPPER),
    "linear": token("lin_api_", 40),
    "notion": token("ntn_", 46),
    "figma": token("figd_", 40, URLSAFE),
    "shopify": token("shpat_", 32, HEX),
    "sentry": lambda dice: f"sntrys_\0{dice.urlsafe(80)}_{dice.word(43)}",
    "tailscale": lambda dice: f"tskey-auth-\0{dice.word(16)}-{dice.word(32)}",
    "atlassian": token("ATATT3xFfGF0", 172, URLSAFE),
    "doppler": token("dp.pt.", 43),
    "alibaba": token("LTAI", 20),
    "mailgun": token("key-", 32, HEX),
    "mailchimp": lambda dice: f"\0{dice.word(32, HEX)}-us14",
    "zhipu": lambda dice: f"\0{dice.word(32, HEX)}.{dice.word(16)}",
    "age": token("AGE-SECRET-KEY-1", 58, "QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L"),
}
"""What a secret looks like; what is before the zero character tells its kind, and may be read."""

AROUND = (
    "{}",
    "loaded credentials {} from the environment",
    "\x1b[36m(head, rank=0, pid=3165)\x1b[0m (TaskRunner pid=77) ERROR: 401 for {}",
    '{{"level": "info", "value": "{}", "step": 3}}',
    "{{'key': '{}', 'nodes': 2}}",
    "+ login --quiet {} --verbose",
    "export X={}",
    "GET https://api.example.org/v1/models?q={}&page=2",
    "ValueError: cannot use {!s}: forbidden",
    "\x1b[32m{}\x1b[0m",
    "line one\\n{}\\nline two",
    "({})",
)
"""What is printed around a secret that is known by itself."""

NAMED: dict[str, tuple[str, Make]] = {
    "wandb login": ("wandb login {}", token("", 40, HEX)),
    "wandb key": ("WANDB_API_KEY={}", token("", 40, HEX)),
    "wandb prompt": ("wandb: Paste an API key from your profile and hit enter: {}", token("", 40, HEX)),
    "wandb python": ('wandb.login(key="{}")', token("", 40, HEX)),
    "wandb dict": ("{{'wandb_key': '{}', 'project': 'x'}}", token("", 40, HEX)),
    "aws key": ("AWS_SECRET_ACCESS_KEY={}", token("", 40, BASE64)),
    "aws key in yaml": ("  aws_secret_access_key: {}", token("", 40, BASE64)),
    "aws key in json": ('{{"SecretAccessKey": "{}", "Expiration": "2026-01-01"}}', token("", 40, BASE64)),
    "aws pair": ("AKIAIOSFODNN7EXAMPLE {}", token("", 40, BASE64)),
    "aws session": ('"SessionToken": "{}"', lambda dice: dice.blob(200)),
    "cohere": ("COHERE_API_KEY={}", token("", 40)),
    "mistral": ("export MISTRAL_API_KEY='{}'", token("", 32)),
    "datadog": ("dd.api_key: {}", token("", 32, HEX)),
    "twilio": ("TWILIO_AUTH_TOKEN={}", token("", 32, HEX)),
    "kaggle": ('{{"username":"ana","key":"{}"}}', token("", 32, HEX)),
    "shell password": ("export DB_PASSWORD={}", token("", 12)),
    "shell quoted": ("PGPASSWORD='{}' psql -h db", token("", 14, ALNUM + "!@#%^&*,;")),
    "short password": ("MYSQL_PWD={}", token("", 9)),
    "two words": ('password = "{}"', lambda dice: f"{dice.word(6)} {dice.word(5)}"),
    "json password": ('{{"user": "ana", "password": "{}", "db": 3}}', token("", 12)),
    "json in json": ('{{\\"token\\": \\"{}\\"}}', token("", 20)),
    "yaml password": ("    password: {}", lambda dice: f"{dice.word(7)} {dice.word(8)}"),
    "yaml secret": ("  client_secret: {}", token("", 30)),
    "python dict": ("{{'api_key': '{}', 'timeout': 3}}", token("", 24)),
    "python call": ("Client(api_key='{}', retries=2)", token("", 24)),
    "python annotation": ("api_key: str = '{}'", token("", 24)),
    "python environment": ("os.environ['SERVICE_TOKEN'] = '{}'", token("", 24)),
    "dataclass": ("Config(token='{}', region='eu')", token("", 24)),
    "camel case": ('{{"accessToken":"{}","expiresIn":3600}}', token("", 30)),
    "hydra": ("launch trainer.logger.api_key={}", token("", 24)),
    "hydra nested": ("+ray_kwargs.ray_init.runtime_env.env_vars.MY_SECRET={}", token("", 16)),
    "flag": ("run --token {} --verbose", token("", 12)),
    "flag with equals": ("run --api-key={} --verbose", token("", 20)),
    "flag quoted": ("run --password '{}' x", token("", 12)),
    "flag in a list": ("['serve', '--api-key', '{}', '--port', '8000']", token("", 20)),
    "bearer": ("Authorization: Bearer {}", token("", 30)),
    "bearer alone": ("with header Bearer {}", token("", 40)),
    "basic": ("authorization: Basic {}", lambda dice: b64encode(f"ana:{dice.word(12)}".encode()).decode()),
    "token header": ("curl -H 'Authorization: token {}' https://api.example.org", token("", 30)),
    "header": ("curl -H 'X-Api-Key: {}' https://api.example.org", token("", 30)),
    "headers as bytes": ("[(b'authorization', b'Bearer {}'), (b'accept', b'*/*')]", token("", 30)),
    "private token": ("PRIVATE-TOKEN: {}", token("", 20)),
    "curl": ("curl -u ana:{} https://api.example.org", token("", 12)),
    "cookie": ("Cookie: session={}; theme=dark", token("", 32)),
    "address": ("postgresql://ana:{}@db.example.org:5432/runs", token("", 12)),
    "redis": ("redis://:{}@store:6379/0", token("", 16)),
    "address with a slash": ("redis://default:{}@store:6379", lambda dice: f"{dice.word(6)}/{dice.word(6)}"),
    "address with an at": ("https://ana:{}@git.example.org/x.git", lambda dice: f"{dice.word(5)}@{dice.word(6)}"),
    "encoded address": (
        "amqp://ana:{}@mq.example.org",
        lambda dice: quote(dice.word(4) + "!/?" + dice.word(6), safe=""),
    ),
    "token as user": ("https://{}@git.example.org/x.git", token("", 40)),
    "dsn": ("host=db user=ana password={} dbname=runs", token("", 12)),
    "odbc": ("Server=db;Uid=ana;Pwd={};Encrypt=yes", token("", 12)),
    "netrc": ("machine api.wandb.ai login user password {}", token("", 40, HEX)),
    "netrc line": ("  password {}", token("", 16)),
    "azure connection": ("AccountName=x;AccountKey={};EndpointSuffix=core.windows.net", lambda dice: dice.blob(64)),
    "azure signature": (
        "https://x.blob.core.windows.net/c/a?sv=2024-11-04&sr=b&sig={}&se=2026-01-01",
        lambda dice: quote(dice.blob(32), safe=""),
    ),
    "presigned": (
        "https://b.s3.amazonaws.com/k?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Expires=900&X-Amz-Signature={}",
        token("", 64, HEX),
    ),
    "presigned old": (
        "https://b.s3.amazonaws.com/k?Expires=1700000000&Signature={}",
        lambda dice: quote(dice.blob(20), safe=""),
    ),
    "google signed": ("https://storage.googleapis.com/b/o?X-Goog-Signature={}", token("", 256, HEX)),
    "query": ("GET /v1/x?api_key={}&page=2 200", token("", 24)),
    "websocket": ("wss://x.example.org/live?token={}", token("", 24)),
    "docker auth": (
        '{{"auths": {{"registry.example.org": {{"auth": "{}"}}}}}}',
        lambda dice: b64encode(f"ana:{dice.word(20)}".encode()).decode(),
    ),
    "xml": ("<password>{}</password>", token("", 12)),
    "coloured": ("\x1b[36mpassword\x1b[0m=\x1b[35m{}\x1b[0m", token("", 12)),
    "prose": ("the API key is {}", token("", 24)),
    "list": ("api_keys: ['{}']", token("", 24)),
    "storage": ("SharedAccessKey={}", lambda dice: dice.blob(32)),
    "wireguard": ("PrivateKey = {}", lambda dice: dice.blob(32)),
    "sshpass": ("sshpass -p {} ssh ana@10.0.0.1", token("", 12)),
    "mysql": ("mysql -h db -u root -p{} runs", token("", 12)),
    "redis-cli": ("redis-cli -h store -a {} -p 6379 ping", token("", 12)),
    "docker login": ("docker login registry.example.org -u ana -p {}", token("", 12)),
    "dockerfile": ("ENV SERVICE_API_KEY {}", lambda dice: f"{dice.word(18)}a1"),
    "set": ("set -x SERVICE_TOKEN {}", lambda dice: f"{dice.word(18)}a1"),
    "chinese": ("数据库密码：{}", token("", 12)),
    "chinese in prose": ("密钥是 {}，请勿外传", token("", 24)),
    "german": ("Passwort: {}", token("", 12)),
    "spanish": ("contraseña = '{}'", token("", 12)),
    "modelscope": (
        "logged in with ms-{}",
        lambda dice: "-".join(dice.word(length, HEX) for length in (8, 4, 4, 4, 12)),
    ),
    "kubeconfig": ("    client-key-data: {}", lambda dice: dice.blob(300)),
    "redis.conf": ("requirepass {}", token("", 20)),
    "dingtalk": ("https://oapi.dingtalk.com/robot/send?access_token={}", token("", 64, HEX)),
    "feishu": (
        "https://open.feishu.cn/open-apis/bot/v2/hook/{}",
        lambda dice: f"{dice.word(8, HEX)}-{dice.word(12, HEX)}",
    ),
}
"""What a secret looks like that is known by what stands around it."""


def key_block(dice: Dice) -> Planted:
    """A private key as OpenSSL or OpenSSH writes it."""
    name, width = dice.choice([("RSA ", 64), ("", 64), ("OPENSSH ", 70), ("EC ", 64), ("ENCRYPTED ", 64)])
    body = dice.blob(dice.randrange(100, 1200))
    lines = [body[at : at + width] for at in range(0, len(body), width)]
    begin, end = f"-----BEGIN {name}PRIVATE KEY-----", f"-----END {name}PRIVATE KEY-----"
    match dice.randrange(5):
        case 0:
            text = "\n".join([begin, *lines, end])
        case 1:
            source = "\x1b[36m(head, rank=0, pid=7)\x1b[0m "
            text = "\n".join(source + line for line in [begin, *lines, end])
        case 2:
            text = json.dumps({"type": "service_account", "private_key": "\n".join([begin, *lines, end, ""])})
        case 3:  # its beginning is cut off
            text = "\n".join([*lines[1:], end])
            body = "".join(lines[1:])
        case _:  # its end is
            text = "\n".join([begin, *lines[:-1]])
            body = "".join(lines[:-1])
    return Planted(f"private key {name}".strip(), text, body)


def corpus(seed: int, each: int = 3) -> Iterator[Planted]:
    """Secrets of every kind, so many of each; the same ones for a seed."""
    dice = Dice(seed)
    for kind, make in SHAPED.items():
        for _ in range(each):
            hint, _, secret = make(dice).partition("\0")
            yield Planted(kind, dice.choice(AROUND).format(hint + secret), secret)
    for kind, (around, make) in NAMED.items():
        for _ in range(each):
            secret = make(dice).replace("\0", "")
            yield Planted(kind, around.format(secret), secret)
    for _ in range(each * 5):
        yield key_block(dice)
