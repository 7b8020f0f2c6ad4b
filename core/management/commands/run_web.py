"""`manage.py run_web`: the web process."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from core.start_checks import CannotStart, run_start_checks
from core.web_server import CannotListen, WebOptions, listen, raise_file_limit, serve


class Command(BaseCommand):
    help = "Serve HTTP on HOST and PORT with WEB_WORKERS processes until SIGTERM."

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ARG002
        try:
            listener = listen(settings.HOST, settings.PORT)
            run_start_checks()
        except (CannotListen, CannotStart) as error:
            raise CommandError(str(error)) from error
        Path(settings.STATIC_ROOT).mkdir(parents=True, exist_ok=True)  # ServeStatic complains of a folder that is not there
        mail_folder: str | None = getattr(settings, "EMAIL_FILE_PATH", None)
        if mail_folder:  # mails hold links that reset passwords
            Path(mail_folder).mkdir(mode=0o700, parents=True, exist_ok=True)
        raise_file_limit()
        self.stdout.write(f"Listening on {settings.HOST} port {settings.PORT}, {settings.WEB_WORKERS} process(es).")
        web = WebOptions(
            application=":".join(settings.ASGI_APPLICATION.rsplit(".", 1)),
            workers=settings.WEB_WORKERS,
            backlog=settings.WEB_BACKLOG,
            keep_alive=settings.WEB_KEEP_ALIVE_SECONDS,
            shutdown=settings.WEB_SHUTDOWN_SECONDS,
            access_log=settings.ACCESS_LOG,
        )
        if not serve(listener, web):
            raise CommandError("The server could not start; the lines above say why.")
