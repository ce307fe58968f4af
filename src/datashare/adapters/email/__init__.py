"""Notices as email: text and HTML from templates, sent over SMTP, or kept in a folder for development.

It needs the extra ``datashare[email]``.
"""

from __future__ import annotations

from ._maildir import MaildirNotifier
from ._notifier import EmailNotifier
from ._renderer import EmailRenderer
from ._smtp import MailServer, Security

__all__ = ["EmailNotifier", "EmailRenderer", "MailServer", "MaildirNotifier", "Security"]
