"""Pages for the library's errors."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from datashare import DatashareError
from datashare.web import http_status

LATER = "The database cannot be reached at the moment. Nothing was lost; please try again in a minute."


class ErrorPages:
    """Answers with the status and the words of an error; one that users can do nothing about stays Django's."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        """Wrap the next middleware or the view."""
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Pass the request on."""
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """Answer with a page, if the error is the library's and says what to do."""
        if not isinstance(exception, DatashareError) or (status := http_status(exception)) == 500:
            return None
        words = LATER if status == 503 else str(exception)
        return render(request, "mis/error.html", {"words": words}, status=status)
