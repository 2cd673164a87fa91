# The three simulated platforms, to try a deployment with: the profile `simulators` of docker-compose.bizosaas-platform.yml.
# Built from the root of the project.

FROM node:20-bookworm-slim
WORKDIR /app
COPY simulators/package.json simulators/package-lock.json ./
RUN npm ci --omit=dev --no-audit --no-fund
COPY simulators ./
USER node
EXPOSE 3008 8001 8024
STOPSIGNAL SIGTERM
ENTRYPOINT ["node", "main.js", "--host", "0.0.0.0"]
