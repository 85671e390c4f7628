# The gateway as a container image: docs/guides/containers.md says how to run it, docs/adr/0025 why it is made so.
# Any Debian with Node >= 20 and a user of id 1000 will do as the base; by digest, the build is always the same one.
ARG BASE_IMAGE=node:24-bookworm-slim

# The program as it is served, whatever the modes of the checkout it was copied from.
FROM ${BASE_IMAGE} AS program
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
# No package runs code at install. Bun is one of them, in the build of this platform; an image without it is none.
RUN npm ci --omit=dev --ignore-scripts && node_modules/@oven/bun-linux-*/bin/bun --version
COPY LICENSE ./
COPY bin ./bin
COPY scripts/live.mjs ./scripts/
COPY src ./src
# The second command makes the bundle that every start of the image uses: there it could not be kept.
RUN chmod -R u=rwX,go=rX /app && bin/mcp-gateway --version

# Whoever is process 1 has to wait for processes that lost their parent, as those of stdio servers do. The gateway waits
# for its own children alone.
FROM ${BASE_IMAGE} AS init
RUN apt-get update && apt-get install --yes --no-install-recommends tini

FROM ${BASE_IMAGE}
COPY --from=init /usr/bin/tini-static /usr/local/bin/tini
RUN install -d -o 1000 -g 1000 -m 0700 /data \
 && install -d /etc/mcp-gateway \
 && ln -s /app/bin/mcp-gateway /usr/local/bin/mcp-gateway
# What changes seldom comes first: a new version of the program is 2 MB to fetch.
COPY --from=program /app/node_modules /app/node_modules
COPY --from=program /app/package.json /app/LICENSE /app/
COPY --from=program /app/bin /app/bin
COPY --from=program /app/scripts /app/scripts
COPY --from=program /app/src /app/src
COPY --from=program /app/dist /app/dist

# These win over the configuration file, so that one written for a machine also works here.
ENV MCP_GATEWAY_HOST=0.0.0.0 \
    MCP_GATEWAY_PORT=8080 \
    MCP_GATEWAY_DATA_DIR=/data
# By number, for orchestrators that refuse root by looking at it.
USER 1000:1000
# `mcp-gateway.yaml` is read here, if there is one.
WORKDIR /etc/mcp-gateway
VOLUME /data
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s CMD ["node", "/app/scripts/live.mjs"]
ENTRYPOINT ["tini", "-s", "--", "mcp-gateway"]
CMD ["serve"]

ARG VERSION=
ARG REVISION=
LABEL org.opencontainers.image.title="MCP Gateway" \
      org.opencontainers.image.description="One endpoint in front of many Model Context Protocol servers" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
