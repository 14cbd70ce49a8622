"""What a host answers, when it is not the file -> one short line, and whether to ask again."""

import email.utils
import http.client
from datetime import UTC, datetime

import requests
import urllib3

TRANSIENT = {408, 425, 429, 500, 502, 503, 504}
REASONS = {
    202: "no file: the host takes this computer for a robot",
    401: "it wants a login",
    403: "refused to this computer",
    404: "not found there",
    429: "too many requests",
}
NO_ADDRESS = (requests.exceptions.InvalidURL, requests.exceptions.InvalidSchema)
FINAL = (requests.TooManyRedirects, *NO_ADDRESS)
MEANINGS = (  # the special before the general
    (requests.TooManyRedirects, "it redirects in a circle"),
    (NO_ADDRESS, "it redirects to something that is no web address"),
    (requests.exceptions.SSLError, "no safe connection (TLS): a proxy or a wrong clock may be the cause"),
    (requests.ConnectTimeout, "no connection in time"),
    ((requests.Timeout, urllib3.exceptions.TimeoutError), "it stopped sending"),
)


class RouteError(Exception):
    """A URL did not give the file; the text is the reason, in one short line."""


class PassingError(RouteError):
    """The same URL may well give the file later.

    Args:
        reason: in one short line.
        pause_seconds: how long the host asks us to wait.
    """

    def __init__(self, reason: str, pause_seconds: float = 0.0):
        super().__init__(reason)
        self.pause_seconds = pause_seconds


def refusal(answer: requests.Response) -> RouteError:
    """Explains a status that brings no file.

    Args:
        answer: neither HTTP 200 nor 206.

    Returns:
        PassingError where asking again makes sense, else RouteError; to be raised.
    """
    status = answer.status_code
    reason = f"HTTP {status}: {REASONS.get(status) or answer.reason or 'not what was asked for'}"
    if status not in TRANSIENT:
        return RouteError(reason)
    pause_seconds = _retry_after_seconds(answer.headers.get("Retry-After", ""))
    if pause_seconds:
        reason += f"; it asks to come back in {pause_seconds:.0f} s"
    return PassingError(reason, pause_seconds)


def disguised(page: bool) -> RouteError:
    """Names a text that comes with a success code in place of the file.

    Args:
        page: True for HTML, False for JSON.

    Returns:
        RouteError, to be raised.
    """
    return RouteError(f"{'a web page (HTML)' if page else 'a JSON text'} in place of the file")


def explained(error: Exception) -> RouteError:
    """Says what an exception of requests or urllib3 means.

    Args:
        error: the exception.

    Returns:
        PassingError where asking again makes sense, else RouteError; to be raised.
    """
    if isinstance(error, FINAL):
        return RouteError(_meaning(error))
    return PassingError(_meaning(error))


def _meaning(error: Exception) -> str:
    for kinds, meaning in MEANINGS:
        if isinstance(error, kinds):
            return meaning
    if isinstance(error, urllib3.exceptions.ProtocolError):
        short = any(isinstance(cause, http.client.IncompleteRead) for cause in (error, *error.args))
        return f"{'cut short' if short else 'the connection broke'} in the middle of the file"
    if any(isinstance(cause, urllib3.exceptions.ProtocolError) for cause in error.args):
        return "the host hung up without an answer"
    return "no connection: is this computer online?"


def _retry_after_seconds(text: str) -> float:
    """Reads Retry-After, a number of seconds or a date (RFC 9110, 10.2.3); 0 for what is neither."""
    if text.strip().isdecimal():
        return float(text)
    try:
        moment = email.utils.parsedate_to_datetime(text)
        return max(0.0, (moment - datetime.now(UTC)).total_seconds())
    except (TypeError, ValueError):  # no date, or one without its zone
        return 0.0
