# syntax=docker/dockerfile:1
# One image for web, worker, beat and migrations; compose.yaml says which is which.

FROM python:3.11-slim-bookworm AS packages
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN python -m venv /venv
COPY requirements.txt /tmp/
RUN /venv/bin/pip install --require-hashes -r /tmp/requirements.txt

FROM python:3.11-slim-bookworm
# harfbuzz-subset makes PDF pages several times faster (docs/operations.md).
RUN apt-get update -qq \
 && apt-get install -y -qq --no-install-recommends libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0 fonts-liberation \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --system --uid 10001 --home-dir /app --shell /usr/sbin/nologin mirabelle \
 && install -d -o mirabelle /data
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 \
    DATA_DIR=/data STATIC_ROOT=/app/collected
COPY --from=packages /venv /venv
WORKDIR /app
COPY . .
# Demo mode for these two only: they read no secret and open no connection.
RUN MIRABELLE_MODE=demo DATA_DIR=/tmp/build python manage.py compile_catalogues \
 && MIRABELLE_MODE=demo DATA_DIR=/tmp/build python manage.py collectstatic --noinput -v 0 \
 && python -m compileall -q . \
 && rm -rf /tmp/build
ENV MIRABELLE_MODE=production
USER mirabelle
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s \
  CMD ["python", "-c", "import os, urllib.request as r; r.urlopen(r.Request('http://127.0.0.1:8000/healthz', \
headers={'Host': os.environ['ALLOWED_HOSTS'].split(',')[0]}), timeout=2)"]
CMD ["granian", "--interface", "wsgi", "config.wsgi:application", "--host", "0.0.0.0", "--port", "8000", \
     "--workers", "2", "--blocking-threads", "4", "--no-ws", "--log-level", "warning", \
     "--workers-kill-timeout", "20", "--respawn-failed-workers"]
