# Thin names for the scripts of package.json, where each is defined.
.DEFAULT_GOAL := help
.PHONY: all build run test test-unit test-integration test-coverage test-cover test-transport test-rpc test-sse \
  test-websocket test-stdio test-mcp test-long itest watch dev clean migrate migrate-down lint format check deps \
  bench conformance docker-build docker-run docker-down docker-infra help

all: deps check test build ## dependencies, checks, tests, executable

build: ## the single executable, dist/mcp-gateway
	@npm run --silent build
run: ## the gateway in development mode, as `npm start`
	@npm start --silent
dev watch: ## the gateway, restarted when a source changes
	@npm run --silent dev
deps: ## npm packages and Bun
	@npm run --silent deps
test: ## every set but the long one
	@npm test --silent
test-unit: ## tests beside the code
	@npm run --silent test:unit
test-integration: ## each port's contract on each implementation, with PostgreSQL and Redis
	@npm run --silent test:integration
itest: ## the same, and the whole gateway over real sockets
	@npm run --silent itest
test-coverage test-cover: ## all sets with a coverage report in coverage/
	@npm run --silent test:coverage
test-transport: ## the clients' transports
	@npm test --silent -- src/transports
test-rpc test-sse test-websocket: test-transport
test-stdio: ## servers that are child processes
	@npm test --silent -- src/upstreams
test-mcp: ## the protocol: codecs, transports, MCP servers, conformance
	@npm run --silent test:mcp
test-long: ## many rounds, soak, mass connections
	@npm run --silent test:long
conformance: ## the official conformance suite
	@npm run --silent conformance
check: ## types, lint, format, unused code, architecture
	@npm run --silent check
lint: ## lint alone
	@npm run --silent lint
format: ## format the sources
	@npm run --silent format
bench: ## the gateway against direct and nginx
	@npm run --silent bench
migrate: ## bring the store's schema up to date
	@npm run --silent migrate
migrate-down: ## undo the store's last migration; its data is lost, so say `make migrate-down YES=1`
	@npm run --silent migrate:down $(if $(YES),-- --yes)
docker-build: ## the container image, mcp-gateway
	@npm run --silent docker:build
docker-run: ## the gateway in a container, with PostgreSQL and Redis in theirs
	@npm run --silent docker:run
docker-down: ## end these containers; their data stays
	@npm run --silent docker:down
docker-infra: ## PostgreSQL and Redis in containers
	@npm run --silent docker:infra
clean: ## what builds and tests left; data/ and node_modules/ stay
	@npm run --silent clean
help: ## this list
	@awk -F ':.*## ' '/^[a-z][a-z -]*:.*## / { printf "  %-28s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
