# The service as a container. `./deploy-data-sync.sh --build-only` builds it; docs are in deploy/README.md.

FROM debian:12-slim AS build
WORKDIR /src

# Compiler and libraries change seldom, so they are a layer of their own: what installs them is copied alone.
COPY dev ./
COPY scripts/lib.sh scripts/
COPY scripts/dev/setup.sh scripts/dev/apt-packages.txt scripts/dev/
RUN ./dev setup build

COPY scripts/dev/build.sh scripts/dev/
COPY CMakeLists.txt CMakePresets.json ./
COPY cmake cmake
COPY ui ui
COPY config config
COPY src src
# The compiler's cache outlives the layer: after a change only what it touches is compiled.
RUN --mount=type=cache,target=/root/.cache/ccache ./dev build image data-sync

FROM debian:12-slim
# The libraries that the binary names, and the authorities that platforms' certificates are checked with.
RUN apt-get update -qq \
 && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
      ca-certificates \
      libboost-url1.81.0 \
      libfmt9 \
      libhiredis0.14 \
      libjemalloc2 \
      liblua5.4-0 \
      libpq5 \
      librdkafka1 \
      libsimdjson14 \
      libspdlog1.10 \
      libsqlite3-0 \
      libssl3 \
      libstdc++6 \
      libxxhash0 \
      libyaml-cpp0.7 \
      libzstd1 \
 && rm -rf /var/lib/apt/lists/*
# A number, so that Kubernetes sees that it is not root.
RUN groupadd --gid 10001 data-sync \
 && useradd --uid 10001 --gid data-sync --no-create-home --home-dir /var/lib/data-sync --shell /usr/sbin/nologin data-sync \
 && install -d -m 755 /var/lib/data-sync \
 && install -d -o data-sync -g data-sync -m 700 /var/lib/data-sync/data

# The shipped configuration is within the binary; here it is for reading and for copying from.
COPY config /usr/share/data-sync/config
COPY --from=build /src/build/image/data-sync /usr/local/bin/

USER 10001:10001
WORKDIR /var/lib/data-sync
VOLUME /var/lib/data-sync/data
# Never open by accident: without JWT_SECRET it refuses to start.
ENV ENVIRONMENT=production
EXPOSE 8025
STOPSIGNAL SIGTERM
# A start may migrate the database and reads what is unfinished.
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
  CMD data-sync health --url "http://127.0.0.1:${PORT:-8025}"
ENTRYPOINT ["data-sync"]
CMD ["serve"]
