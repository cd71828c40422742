# The worker's image: locked packages only (deploy/docker/requirements.lock: no broker, no test tools), no root.
FROM python:3.11-slim AS build
WORKDIR /src
RUN python -m venv /venv
COPY deploy/docker/requirements.lock ./requirements.lock
RUN /venv/bin/pip install --no-cache-dir --disable-pip-version-check --no-deps --require-hashes -r requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY stream_app ./stream_app
RUN /venv/bin/pip install --no-cache-dir --disable-pip-version-check --no-deps --no-build-isolation .

FROM python:3.11-slim
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
RUN useradd --system --uid 10001 --user-group --no-create-home stream-app \
    && install -d -o stream-app -g stream-app /var/lib/stream-app
COPY --from=build /venv /venv
USER 10001
WORKDIR /var/lib/stream-app
VOLUME /var/lib/stream-app
ENTRYPOINT ["stream-app"]
CMD ["--help"]
