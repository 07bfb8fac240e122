# syntax=docker/dockerfile:1
# The image of the agent: docs/run-in-a-cluster.md says how it is built for several architectures.

# A tag may be moved. With a digest nobody can: --build-arg BUILD_IMAGE=docker.io/library/node:24.21.0-trixie-slim@sha256:…
ARG BUILD_IMAGE=docker.io/library/node:24.21.0-trixie-slim
ARG RUN_IMAGE=gcr.io/distroless/nodejs24-debian13:nonroot

# JavaScript is the same everywhere, so it is built once, where the build runs.
FROM --platform=$BUILDPLATFORM ${BUILD_IMAGE} AS build
WORKDIR /src
COPY . .
# No package's own program runs during the build.
RUN --mount=type=cache,target=/root/.npm npm ci --ignore-scripts
WORKDIR /src/apps/agent
RUN ["node", "build.ts"]

FROM ${RUN_IMAGE}
ARG VERSION=0.1.0
ARG REVISION
LABEL org.opencontainers.image.title="hikyaku" \
      org.opencontainers.image.description="Keeps Kubernetes Secrets equal to what you keep elsewhere" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
COPY --from=build /src/apps/agent/dist/package.json /src/apps/agent/dist/hikyaku.js /src/apps/agent/dist/opener.js /app/
COPY --from=build /src/apps/agent/dist/parts/*.js /app/parts/
COPY --from=build /src/apps/agent/dist/LICENSE /src/apps/agent/dist/THIRD-PARTY-LICENSES.txt /src/apps/agent/dist/sbom.cdx.json /app/
# `node` without its path, as the install files call it.
ENV PATH=/nodejs/bin:/usr/bin:/bin \
    MALLOC_ARENA_MAX=2
USER 65532:65532
ENTRYPOINT ["node", "--max-semi-space-size=1", "--max-old-space-size=48", "--disable-sigusr1", "--report-exclude-env", "/app/hikyaku.js"]
