"""The text of nginx's settings. Pure."""

from __future__ import annotations

from pathlib import Path

FILE = "answer.json"


def config_text(*, folder: Path, host: str, port: int, workers: int, user: str) -> str:
    """One file for `GET /`, from `folder`, by so many workers. `user`: whom the workers run as, where nginx is started by root."""
    owner = f"user {user};" if user else ""
    return f"""\
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/nginx-error.log warn;
worker_processes {workers};
worker_rlimit_nofile 8192;
{owner}
events {{
    worker_connections 4096;
    multi_accept on;
}}
http {{
    access_log off;
    server_tokens off;
    default_type application/json;
    sendfile on;
    tcp_nopush on;
    tcp_nodelay on;
    keepalive_timeout 60s;
    keepalive_requests 100000000;
    open_file_cache max=16 inactive=600s;
    open_file_cache_valid 600s;
    client_body_temp_path {folder}/nginx-body;
    proxy_temp_path {folder}/nginx-proxy;
    fastcgi_temp_path {folder}/nginx-fastcgi;
    uwsgi_temp_path {folder}/nginx-uwsgi;
    scgi_temp_path {folder}/nginx-scgi;
    server {{
        listen {host}:{port} backlog=2048;
        root {folder};
        location = / {{ try_files /{FILE} =404; }}
    }}
}}
"""
