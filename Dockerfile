# SPDX-License-Identifier: Apache-2.0
# Images of the program, see docs/python.md. Stages: `cpu` has LibTorch in it; `cuda` has the Python
# package and with it CUDA 13 from PyPI's torch, and takes the driver from the host.
FROM debian:12-slim AS build
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates git python3-dev python3-venv \
    && rm -rf /var/lib/apt/lists/*
COPY . /src
WORKDIR /src
RUN scripts/package && scripts/wheel

FROM debian:12-slim AS cuda
RUN apt-get update \
    && apt-get install -y --no-install-recommends python3 python3-venv libavformat59 libswscale6 \
    && rm -rf /var/lib/apt/lists/*
COPY --from=build /src/dist/permafrost-*.whl /tmp/
RUN python3 -m venv /opt/permafrost \
    && /opt/permafrost/bin/pip install --no-cache-dir /tmp/permafrost-*.whl \
    && rm /tmp/permafrost-*.whl
ENV PATH=/opt/permafrost/bin:$PATH NVIDIA_VISIBLE_DEVICES=all NVIDIA_DRIVER_CAPABILITIES=compute,utility
WORKDIR /work
ENTRYPOINT ["permafrost"]

FROM debian:12-slim AS cpu
COPY --from=build /src/dist/permafrost_*.deb /tmp/
RUN apt-get update \
    && apt-get install -y --no-install-recommends /tmp/permafrost_*.deb libavformat59 libswscale6 \
    && rm -rf /var/lib/apt/lists/* /tmp/permafrost_*.deb
# LibTorch is fetched when the program is first started.
ENV XDG_CACHE_HOME=/var/cache
RUN permafrost doctor
WORKDIR /work
ENTRYPOINT ["permafrost"]
