# Two images of one code: `web` (web, ingest, beat: no torch) and `gpu` (render, train).
FROM python:3.11-slim-bookworm AS base
ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN useradd --system --uid 1000 --home-dir /srv/hyperhub hyperhub \
    && mkdir -p /srv/hyperhub /data \
    && chown hyperhub /data
WORKDIR /srv/hyperhub

FROM base AS gpu
COPY requirements/ requirements/
# `cpu` where pip is told of an index with the CPU wheels.
ARG TORCH=cuda
RUN pip install --no-deps --require-hashes -r requirements/embedded.lock -r requirements/torch-$TORCH.lock
COPY . .
USER hyperhub
VOLUME /data

FROM base AS web
COPY requirements/ requirements/
RUN pip install --no-deps --require-hashes -r requirements/web.lock
COPY . .
USER hyperhub
VOLUME /data
EXPOSE 8000
HEALTHCHECK --interval=15s --timeout=5s --start-period=30s \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/healthz', timeout=4)"]
CMD ["gunicorn", "--config", "python:hub.gunicorn", "--bind", "0.0.0.0:8000", "hub.wsgi"]
