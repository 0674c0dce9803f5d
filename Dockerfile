# The server as an image of one file: docker build -t fermata . && docker run -p 7233:7233 -v fermata:/data fermata
#
# For arm64 on another machine: docker build --platform linux/arm64 (BuildKit's; the older builder builds for the machine
# that it runs on). That is a cross build, so it takes no longer and no emulator.
#
# tests/image runs the last stage's commands in an empty root directory, without Docker.
FROM --platform=${BUILDPLATFORM:-linux} debian:12 AS build
ARG BUILDARCH
ARG TARGETARCH
WORKDIR /source
COPY . .
RUN if [ "$TARGETARCH" = "$BUILDARCH" ]; then preset=release cross=; else preset=$TARGETARCH cross=--$TARGETARCH; fi && \
    ./setup.sh $cross && cmake --preset $preset && cmake --build --preset $preset -- fermata && \
    mkdir -p /image/data && cp build/$preset/fermata /image

FROM scratch
COPY --from=build /image/fermata /fermata
COPY --from=build --chown=65532:65532 /image/data /data
USER 65532:65532
VOLUME /data
# gRPC, /metrics. With other arguments: JSON (--http-port), the web UI (--ui-port)
EXPOSE 7233 9090
HEALTHCHECK --interval=5s --timeout=5s --start-period=2s --retries=3 CMD ["/fermata", "healthcheck", "--address", "127.0.0.1:7233"]
ENTRYPOINT ["/fermata"]
CMD ["server", "start-dev", "--ip", "0.0.0.0", "--db-filename", "/data/fermata.db", "--metrics-port", "9090"]
