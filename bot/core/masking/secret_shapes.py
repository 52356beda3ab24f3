"""Shapes that identify a secret wherever it is printed: prefixes of tokens, whole forms, addresses, blocks.

Every pattern that is part of an anchor is written for two engines, Python's `re` and RE2, which find the same with it:
no look-around, no back-reference. They match bytes of UTF-8. A match of an anchor is a candidate, which `secret_forms`
judges.
"""

import re
from dataclasses import dataclass

MASKED = "…(masked)"
"""The text in place of the secret part; the part that shows its kind stays before it."""

ANSI = rb"(?:\x1b|\\{1,2}(?:x1b|u001b|033|e))\[[0-9;]{0,16}m"
"""A colour, also as it is escaped in a string of a program."""

CUT_MARK = rb"(?:\xe2\x80\xa6|\.\.\.)"
"""The end of a text that was shortened: an ellipsis, or three dots."""


@dataclass(frozen=True, slots=True)
class Prefix:
    """A vendor's beginning of a token.

    Attributes:
        text: the beginning of the token; it stays readable.
        min_length: minimum characters after it; vendors use more, which leaves room for tokens that were cut.
        strict: whether words of English or of code begin in the same way, so that a part of the rest must look random.
    """

    text: str
    min_length: int
    strict: bool = False

    @property
    def start(self) -> bytes:
        return self.text.encode()


def parse_prefixes(texts: str, least: int, strict: bool = False) -> tuple[Prefix, ...]:
    return tuple(Prefix(text, least, strict) for text in texts.split())


PREFIXES = (
    # models and data
    *parse_prefixes(
        "hf_ hf_oauth_ hf_jwt_ api_org_ wandb_v1_ gsk_ r8_ nvapi- pplx- xai- csk- tgp_v1_ esecret_ lsv2_pt_", 16
    ),
    *parse_prefixes(
        "lsv2_sk_ pcsk_ tvly- jina_ e2b_ rpa_ KGAT_ dtn_ sk-ant- sk-proj- sk-svcacct- sk-admin- sk-or-v1-", 16
    ),
    *parse_prefixes("llx- cosmo_ bedrock-api-key-", 16),
    *parse_prefixes("sk- pa- ak- as- fw_ ls__ sk-lf- phx_ phs_ pha_ phr_ phc_ sk_ ck_ uak_ oak_ ABSK", 20, strict=True),
    # code and packages
    *parse_prefixes(
        "ghp_ gho_ ghu_ ghs_ ghr_ github_pat_ glpat- gldt- glrt- glrtr- glptt- glft- glimt- glagent- gloas-", 16
    ),
    *parse_prefixes(
        "glwt- glcbt- glsoat- glffct- GR1348941 _gitlab_session= npm_ pypi- rubygems_ dckr_pat_ dckr_oat_", 16
    ),
    *parse_prefixes("sntrys_ sntryu_ CCIPAT_ CLOJARS_ SWMTKN-1- SWMKEY-1- BBDC- PMAK- PMAT- waka_ nyk_v0_", 16),
    *parse_prefixes(
        "figd_ lin_api_ lin_oauth_ ntn_ sbp_ sb_secret_ sgp_ CFPAT- secret_ rdme_ sqa_ sqp_ squ_", 20, strict=True
    ),
    *parse_prefixes("ATATT3 ATCTT3 ATBB AKCp cmVmdGtuO oy2 cio", 24, strict=True),
    # clouds and machines
    *parse_prefixes(
        "GOCSPX- AIza ya29. dop_v1_ doo_v1_ dor_v1_ dos_v1_ tskey- hvs. hvb. hvr. dnkey- da2- amzn.mws.", 16
    ),
    *parse_prefixes(
        "dp.pt. dp.st. dp.ct. dp.sa. dp.scim. dp.audit. pscale_tkn_ pscale_pw_ pscale_oauth_ HRKU- akab-", 16
    ),
    *parse_prefixes("dapi pul- nfp_ vcp_ vck_ vci_ fo1_ fm2_ cfat_ cfut_ cfk_ v1.0- scw-", 20, strict=True),
    *parse_prefixes("npg_ LTAI AKLT AKID GOOG1E sky_ 1//0 atlasv1. bce-v3/ALTAK-", 12, strict=True),
    # people, money and messages
    *parse_prefixes(" ".join(f"xox{letter}-" for letter in "abcdefghijklmnopqrstuvwxyz"), 8),
    *parse_prefixes("xoxe. xapp- xwfp- shpat_ shpca_ shppa_ shpss_ shptka_ xkeysib- xsmtpsib- RGAPI-", 8),
    *parse_prefixes("sk_live_ sk_test_ rk_live_ rk_test_ pk_live_ pk_test_ sk_prod_ rk_prod_", 10),
    *parse_prefixes("whsec_ glsa_ glc_ NRAK- NRIQ- NRII- NRBR- NRJS- pat-na1- pat-eu1- dbtc_ dbtu_ IGQVJ", 16),
    *parse_prefixes(
        "SG. pnu_ pnb_ EAA sl. sl.u. tfp_ AGE-SECRET-KEY-1 AAAAAAAAAAAAAAAAAAAAA TlRMTVNTUAA", 24, strict=True
    ),
    *parse_prefixes("v1.local. v2.local. v3.local. v4.local. v1.public. v2.public. v3.public. v4.public.", 16),
    *parse_prefixes("k1.secret. k2.secret. k3.secret. k4.secret. k1.local. k2.local. k3.local. k4.local.", 16),
    # keys in base64, by what their formats begin with
    *parse_prefixes(
        "IQoJb3JpZ2lu FwoGZXIvYXdz FQoGZXIvYXdz LS0tLS1CRUdJTi b3BlbnNzaC1rZXkt MHcCAQEE MC4CAQAwBQYDK2Vw", 12
    ),
    *parse_prefixes("ewogICJ ewoiY ew0KICJ", 40, strict=True),
)
"""Prefixes of tokens. Sources: the vendors' documentation of their tokens, as of 2026."""

LONGEST_FIRST = sorted(PREFIXES, key=lambda entry: -len(entry.text))
BY_START = {
    start: [entry for entry in LONGEST_FIRST if entry.start[:2] == start]
    for start in {entry.start[:2] for entry in PREFIXES}
}
"""Prefixes by their first two bytes, the longest first."""

ANY_PREFIX = b"(?:" + b"|".join(re.escape(entry.start) for entry in LONGEST_FIRST) + b")"

PUBLIC_BLOCKS = (b"LS0tLS1CRUdJTiBDRVJU", b"LS0tLS1CRUdJTiBQVUJM")
"""Base64 of `-----BEGIN CERT` and `-----BEGIN PUBL`."""

TOKEN_REST = re.compile(rb"(?:[A-Za-z0-9_\-+/=~]|%2[BbFf]|%3[Dd]|\\u003[dD]|\.(?=[A-Za-z0-9_\-]{2}))*+")
"""All characters of a token after its prefix, dots and signs of base64 included."""


@dataclass(frozen=True, slots=True)
class Shape:
    """A secret that is identified by its whole form.

    Attributes:
        label: the name of the kind in a refusal.
        anchor: finds a candidate. It counts to ten at most: RE2 remembers all counts that are under way at once.
        form: the candidate from its beginning; its one group is the part to mask.
        before: characters that belong to it before the anchor.
        mixed: whether that group must contain lower and upper case and a digit.
        lone: whether no letter or digit may come right before.
    """

    label: str
    anchor: re.Pattern[bytes]
    form: re.Pattern[bytes]
    before: frozenset[int] = frozenset()
    mixed: bool = False
    lone: bool = True


LETTERS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
ALPHANUMERIC, BASE64, URLSAFE = frozenset(LETTERS), frozenset(LETTERS + b"+/"), frozenset(LETTERS + b"_-")
AZURE = frozenset(LETTERS + b"_~.-")
TOKEN_END = rb"(?:[^0-9A-Za-z_\-]|$)"
FLAG_ARGUMENT = rb"[\"']?([^\s\"'\-][^\s\"']{0,200})"
"""The argument of a command's flag."""

COMMAND_OPTIONS = rb"[ \t](?:[^\n|;&]{0,120}?[ \t])?"
"""Flags of a command before the flag that is searched for."""

FOREIGN_PASSWORD = (
    b"(?:%s|(?i:passwort|kennwort|mot de passe)|(?i:contrase)\xc3\xb1(?i:a))" % "密码|口令|密钥|秘钥|访问令牌".encode()
)
"""Password, passphrase and key in Chinese, and password in German, French and Spanish. `令牌` alone is also a language
model's token."""

FOREIGN_SEPARATOR = rb"(?:[ \t\"'`]{0,3}(?:[:=]|%s))" % "：|是|为".encode()


def build_shape(
    label: str,
    anchor: bytes,
    form: bytes,
    before: frozenset[int] = frozenset(),
    *,
    mixed: bool = False,
    lone: bool = True,
) -> Shape:
    """Return a shape with its patterns compiled."""
    return Shape(label, re.compile(anchor), re.compile(form), before, mixed, lone)


SHAPES = (
    build_shape(
        "AKIA…",
        rb"A(?:KIA|SIA|BIA|CCA|GPA|IDA|ROA|IPA|NPA|NVA|PKA|SCA)[A-Z0-9]{8}",
        rb"A[A-Z]{3}([A-Z0-9]{16,28})" + TOKEN_END,
    ),
    build_shape("SK…", rb"SK[0-9a-f]{8}", rb"SK([0-9a-f]{32})" + TOKEN_END),
    build_shape("S…", rb"S[ACNOPUX][A-Z2-7]{10}", rb"(S[ACNOPUX][A-Z2-7]{54,58})" + TOKEN_END),
    build_shape("dt0…", rb"dt0[a-z][0-9]{2}\.", rb"dt0[a-z][0-9]{2}\.([A-Z0-9]{16,}\.[A-Z0-9]{32,})"),
    build_shape("sq0…", rb"sq0[a-z]{3}-[A-Za-z0-9_\-]{8}", rb"sq0[a-z]{3}-([A-Za-z0-9_\-]{22,64})"),
    build_shape("access_token$…", rb"access_token\$[a-z]", rb"access_token\$[a-z]{1,16}\$([0-9a-z]{16}\$[0-9a-z]{32})"),
    build_shape("00D…", rb"00D[A-Za-z0-9]{8}", rb"00D[A-Za-z0-9]{12,15}!([A-Za-z0-9._]{40,160})"),
    build_shape(
        "a token",
        rb"[MNO][ADQTgjwz][AEIMQUYcgk][0-5w-z][A-Za-z0-9_\-]{10}",
        rb"([MNO][A-Za-z0-9_\-]{43})" + TOKEN_END,
        mixed=True,
    ),
    build_shape("SEC…", rb"SEC[0-9a-f]{8}", rb"SEC([0-9a-f]{64})" + TOKEN_END),
    build_shape("pat…", rb"pat[A-Za-z0-9]{10}", rb"pat([A-Za-z0-9]{14}\.[0-9a-f]{64})"),
    build_shape(
        "a bot's token",
        rb"[0-9]{8}:[A-Za-z0-9_\-]{8}",
        rb"[0-9]{8,10}:([A-Za-z0-9_\-]{35})" + TOKEN_END,
        ALPHANUMERIC,
        mixed=True,
    ),
    build_shape(
        "a bot's token",
        rb"\.[A-Za-z0-9_\-]{6}\.[A-Za-z0-9_\-]{20}",
        rb"([MNO][A-Za-z0-9_\-]{22,27}\.[A-Za-z0-9_\-]{6}\.[A-Za-z0-9_\-]{27,40})",
        URLSAFE,
        mixed=True,
    ),
    build_shape(
        "webhook", rb"hooks\.slack(?:-gov)?\.com/", rb"[^/]{1,20}/[a-z]{1,16}/([A-Za-z0-9/_\-]{4,200})", lone=False
    ),
    build_shape(
        "webhook",
        rb"discord(?:app)?\.com/api/(?:v[0-9]{1,2}/)?webhooks/",
        rb"[a-z]{1,10}\.com/api/(?:v[0-9]{1,2}/)?webhooks/([0-9A-Za-z/_\-]{8,200})",
        lone=False,
    ),
    build_shape("webhook", rb"webhook\.office\.com/", rb"webhook\.office\.com/([0-9A-Za-z/@_\-]{8,400})", lone=False),
    build_shape(
        "webhook",
        rb"/open-apis/bot/v2/hook/|/hooks/catch/",
        rb"/[a-z\-]{5,9}/(?:catch|bot/v2/hook)/([0-9A-Za-z/_\-]{6,100})",
        lone=False,
    ),
    build_shape(
        "a client secret",
        rb"[0-9]Q~[A-Za-z0-9_~.\-]{8}",
        rb"([A-Za-z0-9_~.\-]{3}[0-9]Q~[A-Za-z0-9_~.\-]{31,40})",
        AZURE,
    ),
    build_shape(
        "an account key",
        rb"[A-Za-z0-9+/](?:==|%3[Dd]%3[Dd])",
        rb"([A-Za-z0-9+/]{86}(?:==|%3[Dd]%3[Dd]))",
        BASE64,
        mixed=True,
    ),
    build_shape(
        "an API key",
        rb"JQQJ9[9DH][A-Za-z0-9]",
        rb"([A-Za-z0-9]{40,60}JQQJ9[9DH][A-Za-z0-9]{8,30})",
        ALPHANUMERIC,
        mixed=True,
    ),
    build_shape("an API key", rb"[0-9a-f]{4}NRAL", rb"([0-9a-z]{5}[0-9a-f]{31}NRAL)", ALPHANUMERIC),
    build_shape(
        "an API key",
        rb"[0-9a-f]{8}-[0-9a-f]{8}-[0-9a-f]{8}",
        rb"([0-9a-f]{32}-[0-9a-f]{8}-[0-9a-f]{8})" + TOKEN_END,
        ALPHANUMERIC,
    ),
    build_shape(
        "an API key", rb"AZDO[A-Za-z0-9]{4}", rb"([A-Za-z0-9]{52,80}AZDO[A-Za-z0-9]{4})", ALPHANUMERIC, mixed=True
    ),
    build_shape("an API key", rb"[0-9a-f]{8}-us[0-9]", rb"([0-9a-f]{32}-us[0-9]{1,2})" + TOKEN_END, ALPHANUMERIC),
    build_shape("an API key", rb"key-[0-9a-f]{8}", rb"key-([0-9a-f]{32})" + TOKEN_END),
    build_shape(
        "an API key",
        rb"[0-9a-f]{8}\.[A-Za-z0-9]{10}",
        rb"([0-9a-f]{32}\.[A-Za-z0-9]{16})" + TOKEN_END,
        ALPHANUMERIC,
        mixed=True,
    ),
    build_shape(
        "a private key", rb"MI[IGH][A-Za-z0-9+/]{1,3}IBAAK", rb"(MI[IGH][A-Za-z0-9+/]{1,3}IBAAK[A-Za-z0-9+/]{8})"
    ),
    build_shape("a private key", rb"ADANBgkqhkiG9w0BAQ|AgEAMB[MA]GByqGSM49", rb"(MI[IGH][A-Za-z0-9+/]{14,40})", BASE64),
    build_shape(
        "-u user:…",
        rb"(?:-u|--user|--proxy-user)[ =]",
        rb"[\-a-z]{2,12}[ =][\"']?[^\s:\"']{1,64}:\\{0,3}[\"']?([^\s\"'\\]{1,200})",
    ),
    build_shape("sshpass -p …", rb"sshpass[ \t]", rb"sshpass[ \t]{1,4}-p[ \t]{0,4}" + FLAG_ARGUMENT),
    build_shape(
        "-p…",
        rb"(?:mysql|mariadb)[a-z\-]{0,8}[ \t]",
        rb"(?:mysql|mariadb)[a-z\-]{0,8}" + COMMAND_OPTIONS + rb"-p" + FLAG_ARGUMENT,
    ),
    build_shape(
        "-a …", rb"redis-cli[ \t]", rb"redis-cli" + COMMAND_OPTIONS + rb"(?:-a|--pass)[ \t]{1,4}" + FLAG_ARGUMENT
    ),
    build_shape(
        "login -p …",
        rb"(?:docker|podman|nerdctl|oras|registry|auth|skopeo|buildah|az)[ \t]login[ \t]",
        rb"[a-z]{2,8}[ \t]login" + COMMAND_OPTIONS + rb"-p[ \t=]{1,4}" + FLAG_ARGUMENT,
    ),
    build_shape(
        "TOKEN …",
        rb"(?:setenv|ENV|set)[ \t](?:-[A-Za-z]{1,3}[ \t])?[A-Z]",
        rb"[A-Za-z]{3,6}[ \t](?:-[A-Za-z]{1,3}[ \t])?[A-Z0-9_]{0,40}(?:PASSWORD|PASSWD|SECRET|TOKEN|KEY)"
        rb"[ \t]{1,4}[\"']?(?=\S{0,200}[0-9])(?=\S{0,200}[A-Za-z])([^\s\"'=][^\s\"']{5,200})",
    ),
    build_shape(
        "a password",
        FOREIGN_PASSWORD + FOREIGN_SEPARATOR,
        FOREIGN_PASSWORD
        + FOREIGN_SEPARATOR
        + rb"{1,2}[ \t\"'`]{0,4}([^\s\"'<>,;:=\x80-\xff][^\s\"'<>,;\x80-\xff]{3,200})",
    ),
    build_shape("ms-…", rb"ms-[0-9a-f]{8}-[0-9a-f]{4}-", rb"ms-([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})"),
    build_shape("requirepass", rb"(?:requirepass|masterauth)[ \t]", rb"[a-z]{10,11}[ \t]{1,8}[\"']?([^\s\"']{1,200})"),
)

ENCODED_OBJECT = re.compile(rb"eyJ([A-Za-z0-9_\-+/=]++(?:\.[A-Za-z0-9_\-+/=]++)*+)")
"""Base64 of a JSON object: the parts of a JSON Web Token, or a token by itself."""

TOKEN_HEADS = re.compile(rb"(?:hbGci|0eXAi|raWQi|lbmMi|jdHki|qa3Ui|hcGlf|6aXAi|4NWMi|pc3Mi)")
"""Continuations of the head of a JSON Web Token after `eyJ`: alg, typ, kid, enc, cty, jku; and Neptune's
`api_address`."""

USER = rb"://(?P<user>[^\s/?#:@\"'<>|]{0,256}+)"
ADDRESS = re.compile(
    USER + rb"(?::(?P<password>(?![0-9]{1,5}/)[^\s\"'<>]{1,256}?))?"
    rb"@(?=[A-Za-z0-9.\-]{0,255}(?:[.:][A-Za-z0-9]{1,32}|localhost|\])(?:[/?,\s\"'<>`)]|$))"
)
FALLBACK_ADDRESS = re.compile(USER + rb"(?::(?P<password>(?![0-9]{1,5}/)[^\s\"'<>]{1,256}))?@")
"""`://user:password@host`. A password may contain `/` and `@`: it extends to the first `@` before a full host name, or
to the last one."""

SIGNATURE_NAMES = rb"(?i:x-amz-signature|x-goog-signature|x-oss-signature|signature|sig|hmac)"
WANDB_CONTEXT = re.compile(
    rb"(?i)(?:wandb|w&b|weights (?:&|and) biases).{0,200}(?:key|login|auth)|api[:_\- ]{0,2}key|\bapi:"
)
"""Forty hexadecimal digits are a key of Weights & Biases, or a commit of git: the text before them decides."""

COMMIT_BEFORE = re.compile(rb"(?i)(?:commit|revision|sha1?|head|checkout)[^0-9A-Za-z]{1,4}\Z")

CONTEXT_BYTES = 240
"""Maximum bytes of a line before a candidate that needs a context."""

AWS_SECRET_KEY = re.compile(rb"(?:^|[^A-Za-z0-9+/])([A-Za-z0-9+/]{40})(?:[^A-Za-z0-9+/=]|$)")
"""AWS's secret key, which only the id of its key before it identifies."""

BLOCK_EDGE = re.compile(rb"-----(BEGIN|END) [A-Z0-9 ]{0,24}PRIVATE KEY(?: BLOCK)?-----")
BLOCK_ANCHORS = (
    BLOCK_EDGE.pattern.replace(b"(B", b"(?:B"),
    rb"(?:^|[\s\"'|]|" + ANSI + rb")[A-Za-z0-9+/]{48}",
    rb"\\n[A-Za-z0-9+/]{10}",  # in a JSON string
)

SHAPE_ANCHORS = (
    ANY_PREFIX + rb"[A-Za-z0-9_\-+/]{8}",
    ANY_PREFIX + rb"[A-Za-z0-9_\-]{1,8}" + CUT_MARK,
    rb"eyJ[A-Za-z0-9_\-]{6}",
    *dict.fromkeys(entry.anchor.pattern for entry in SHAPES),
    rb"(?i:bearer|basic)[ \t]{1,4}[\"']?[A-Za-z0-9._~+/=\-]{6}",
    rb"://",
    rb"[?&;, ]" + SIGNATURE_NAMES + b"=",
    rb"\b[0-9a-f]{32}",
    *BLOCK_ANCHORS,
)
