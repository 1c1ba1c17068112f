# The same image as hack/image makes without Docker, for those who have it:
#   docker build -t registry.example/sluice:1 . && docker push registry.example/sluice:1
# Packages, programs and files come from the same scripts; hack/image --check compares the rest.
FROM debian:bookworm-slim AS build
COPY hack/deps /src/hack/deps
COPY hack/lib /src/hack/lib
RUN /src/hack/deps --groups base,build
COPY . /src
RUN rm -rf /src/build && /src/hack/build && /src/hack/image --rootfs /rootfs

FROM scratch
COPY --from=build /rootfs /
ENV PATH=/usr/local/bin:/usr/bin:/bin
WORKDIR /
USER 65532:65532
