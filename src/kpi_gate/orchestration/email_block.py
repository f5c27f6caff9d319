"""A Prefect notification block that sends e-mail over SMTP; Prefect's own is not in the stack."""

import asyncio
import smtplib
from email.message import EmailMessage

from prefect.blocks.abstract import NotificationBlock, NotificationError
from pydantic import Field, SecretStr

TIMEOUT_SECONDS = 20


class EmailNotification(NotificationBlock):
    """Send a notification as a plain-text e-mail.

    Make one with `EmailNotification(host=..., sender=..., recipients=[...]).save("team")` and name
    it `email/team`.

    Attributes:
        host: SMTP server.
        port: Its port.
        starttls: Whether the connection is encrypted before anything is said; needed for a login.
        sender: Address that it comes from.
        recipients: Addresses that it goes to.
        username: Account on the server; empty for none.
        password: Its password.
    """

    _block_type_name = "E-mail over SMTP"
    _block_type_slug = "email"

    host: str
    port: int = Field(default=587, ge=1, le=65535)
    starttls: bool = True
    sender: str
    recipients: list[str] = Field(min_length=1)
    username: str = ""
    password: SecretStr = SecretStr("")

    async def notify(self, body: str, subject: str | None = None) -> None:
        """Send one message to all recipients.

        Args:
            body: The text.
            subject: The subject line.

        Raises:
            NotificationError: If the server cannot be reached, or refuses the message or any of
                its recipients.
        """
        message = EmailMessage()
        message["Subject"] = " ".join((subject or "Notification").split())
        message["From"] = self.sender
        message["To"] = ", ".join(self.recipients)
        message.set_content(body)
        try:
            await asyncio.to_thread(self._send, message)
        except (OSError, smtplib.SMTPException) as error:
            raise NotificationError(
                f"{self.host}:{self.port}: {type(error).__name__}: {error}"
            ) from error

    def _send(self, message: EmailMessage) -> None:
        if self.username and not self.starttls:
            raise smtplib.SMTPException("a password is not sent unencrypted: set starttls")
        with smtplib.SMTP(self.host, self.port, timeout=TIMEOUT_SECONDS) as server:
            if self.starttls:
                server.starttls()
            if self.username:
                server.login(self.username, self.password.get_secret_value())
            refused = server.send_message(message)
        if refused:
            raise smtplib.SMTPRecipientsRefused(refused)
