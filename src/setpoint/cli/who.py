"""Who runs the command."""

from __future__ import annotations

import os
import pwd
from argparse import Namespace


def who(words: Namespace) -> str:
    """Who says so: the name given, or the account that runs the command."""
    if words.by:
        return str(words.by)
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return f"user {os.getuid()}"
