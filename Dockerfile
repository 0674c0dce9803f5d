# The server as an image of one file: docker build -t fermata . && docker run -p 7233:7233 -v fermata:/data fermata
#
# tests/image runs the last stage's commands in an empty root directory, without Docker.
FROM debian:12 AS build
WORKDIR /source
COPY . .
RUN ./setup.sh && cmake --preset release && cmake --build --preset release -- fermata && mkdir -p /image/data

FROM scratch
COPY --from=build /source/build/release/fermata /fermata
COPY --from=build --chown=65532:65532 /image/data /data
USER 65532:65532
VOLUME /data
# gRPC, /metrics. With other arguments: JSON (--http-port), the web UI (--ui-port)
EXPOSE 7233 9090
HEALTHCHECK --interval=5s --timeout=5s --start-period=2s --retries=3 CMD ["/fermata", "healthcheck", "--address", "127.0.0.1:7233"]
ENTRYPOINT ["/fermata"]
CMD ["server", "start-dev", "--ip", "0.0.0.0", "--db-filename", "/data/fermata.db", "--metrics-port", "9090"]
