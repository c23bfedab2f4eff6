# The webhook, and the linter beside it. Any base will do that has Python 3.11 or newer as python3, with venv:
#
#   docker build --tag jobwarden .
#   docker build --build-arg BASE=example.com/debian-with-python3-venv:13 .
#
# Behind a mirror or a proxy, pip's own configuration file says where packages are, and with `cert = /run/secrets/ca`
# whom to trust; neither gets into the image:
#
#   docker build --secret id=pip,src=/etc/pip.conf --secret id=ca,src=/etc/ssl/certs/ca-certificates.crt .

ARG BASE=docker.io/library/python:3.13-slim

FROM ${BASE} AS build
WORKDIR /src
COPY pyproject.toml README.md LICENSE ./
COPY lint lint
COPY webhook webhook
# The environment is made without pip, at the place where it will stay. Its byte code is trusted without a look at the
# time of its source: nobody changes either, and a copy may well change the time. What the webhook never imports of
# the Kubernetes client has none, which saves an eighth of the image.
RUN --mount=type=secret,id=pip,target=/etc/pip.conf \
    --mount=type=secret,id=ca \
    python3 -m venv /build \
    && /build/bin/pip wheel --quiet --no-cache-dir --no-deps --wheel-dir /dist . \
    && python3 -m venv --without-pip /opt/jobwarden \
    && /build/bin/pip --python /opt/jobwarden/bin/python install --quiet --no-cache-dir --no-compile \
        "$(echo /dist/jobwarden-*.whl)[webhook]" \
    && /opt/jobwarden/bin/python -m compileall -q -j 0 --invalidation-mode unchecked-hash \
        -x '/kubernetes/(aio|client/(api|models))/' /opt/jobwarden/lib

FROM ${BASE}
# Version and revision are for whoever builds to say: --label org.opencontainers.image.version=...
LABEL org.opencontainers.image.title="Jobwarden" \
      org.opencontainers.image.description="Admission webhook for Kubernetes Jobs and CronJobs" \
      org.opencontainers.image.source="https://github.com/jobwarden/jobwarden" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /opt/jobwarden /opt/jobwarden
ENV PATH=/opt/jobwarden/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1
# Empty, so that nothing is imported from it.
WORKDIR /var/empty
# A number, since Kubernetes cannot see from a name that it is not root.
USER 65532:65532
EXPOSE 8443 8080
ENTRYPOINT ["jobwarden-webhook"]
