# syntax=docker/dockerfile:1
# One image for every part of the product: the program is one binary, and what it is told to run
# (`api`, `worker booking`, `migrate`, …) makes the difference.

FROM rust:1.95.0-slim-bookworm AS build
WORKDIR /src
COPY . .
# TLS is rustls with ring, which needs the C compiler that this image has, and no OpenSSL.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    cargo build --locked --release --workspace --bin mediconnect \
    && cp target/release/mediconnect /mediconnect

FROM debian:12.11-slim
LABEL org.opencontainers.image.title="MediConnect" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /mediconnect /usr/local/bin/mediconnect
# Nobody's account: it owns no file in here, and writes none.
USER 65532:65532
STOPSIGNAL SIGTERM
ENTRYPOINT ["/usr/local/bin/mediconnect"]
CMD ["--help"]
