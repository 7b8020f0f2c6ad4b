"""Single requests to the stack's web process."""

from __future__ import annotations

import http.client
import json
from typing import Any


def ask(port: int, method: str, path: str, body: object = None, *, bearer: str = "", seconds: float = 5.0) -> tuple[int, Any]:
    """The status and the decoded JSON of an answer, None for anything else. Raises OSError when there is none."""
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {bearer}"} if bearer else {})
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=seconds)
    try:
        connection.request(method, path, body=None if body is None else json.dumps(body), headers=headers)
        answer = connection.getresponse()
        text = answer.read()
    except http.client.HTTPException as error:
        raise OSError(repr(error)) from error
    finally:
        connection.close()
    try:
        return answer.status, json.loads(text)
    except ValueError:
        return answer.status, None
