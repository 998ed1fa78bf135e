# Thin: every recipe calls a script or the binary. Variables given to make reach them through the environment.
# make answers 2 for whatever failed and prints the command's own code; call scripts/traffic.sh where the code matters.

# Some shells export HOST as the name of the machine. Only one given to make opens the server to the network.
ifeq ($(origin HOST),environment)
unexport HOST
endif

.PHONY: help desktop stop cluster cluster-stop up down seed sim sim-all crosscheck assert-queue bench build web screenshots test browser lighthouse soak fuzz interface fmt lint deny

help:          ## this list
	@grep -hE '^[a-z-]+: .*##' $(MAKEFILE_LIST) | sed 's/:[^#]*##/\t/' | expand -t 16

desktop:       ## build if needed, start on http://localhost:8080, print the demo sale (PORT= HOST=)
	@scripts/setup.sh
	@scripts/run-traffic.sh

stop:          ## end the server that `make desktop` started
	@scripts/stop-traffic.sh

cluster:       ## PostgreSQL, Redis, three nodes, two workers and nginx on this machine (API_NODES= WORKERS= PORT=)
	@scripts/setup.sh --cluster
	@scripts/cluster.sh

cluster-stop:  ## end what `make cluster` started (KEEP=1 leaves its folder)
	@scripts/stop-cluster.sh

up:            ## the same in containers, built and kept by Docker (API_NODES= WORKERS= PORT= BIND=)
	@scripts/compose.sh up

down:          ## end the containers; their data stays
	@scripts/compose.sh down

seed:          ## make a new demo sale and print SALE_ID=<id>
	@scripts/traffic.sh seed

sim:           ## run a load scenario and judge it (SCENARIO= K6_VUS_MAX= K6_STEADY= SEED= REPEAT= BASE_URL= ..)
	@scripts/traffic.sh sim $(SCENARIO)

sim-all:       ## every scenario in turn, one table (SHORT=1 SCENARIOS= BASE_URL= REPEAT= OUT= and all of sim)
	@scripts/sim-all.sh

crosscheck:    ## the same journey driven by k6 and by the lab, counts and times compared; not part of test
	@scripts/crosscheck.sh

# The address of a database holds its password: it goes through the environment, not the words of a command.
assert-queue:  ## check the order and the seats of one sale from its records (SALE_ID= DATABASE_URL=)
	@scripts/traffic.sh assert-queue $(if $(SALE_ID),--sale "$(SALE_ID)") \
	    $(if $(findstring command,$(origin DATABASE_URL)),--database-url)

bench:         ## what a request costs beside a bare handler, judged; a few minutes (SHORT=1 ONLY= ROUNDS= SEED= OUT=)
	@scripts/bench.sh $(if $(SHORT),--short) $(if $(ONLY),--only "$(ONLY)") $(if $(ROUNDS),--rounds "$(ROUNDS)") \
	    $(if $(SEED),--seed "$(SEED)") $(if $(OUT),--out "$(OUT)")

build:         ## the release binary, with its pages
	@env -u TRAFFIC_BIN bash -c '. scripts/lib.sh; build'

web:           ## build the pages of web/, which the next build of the binary carries
	@scripts/web.sh

screenshots:   ## the pictures of the README, taken from the running product into docs/pictures/
	@scripts/screenshots.sh

test:          ## everything that must hold, from a clean clone
	@scripts/test.sh

browser:       ## the pages in a real browser, as in test (TRAFFIC_BIN=)
	@scripts/browser.sh

lighthouse:    ## how fast and how accessible the fan pages are, judged; needs a quiet machine (TRAFFIC_BIN=)
	@scripts/lighthouse.sh

soak:          ## the seeded tests at length: crash loop, model, forged admissions, faults of a cluster; and make lighthouse (N= SEED= MODEL_CASES= FORGED= FAULT_RUNS=)
	@scripts/soak.sh

fuzz:          ## tokens, ids, bodies, headers and addresses by the million, from a kept corpus (SECONDS_EACH= TARGETS= KEEP=1)
	@scripts/fuzz.sh

interface:     ## everything that openapi.json describes asked of a server, and each answer compared with it (EXAMPLES= SEED=)
	@cargo build --package traffic
	@scripts/schemathesis.sh

fmt:           ## format the code
	@cargo fmt --all

lint:          ## formatting and clippy, warnings refused
	@cargo fmt --all --check
	@cargo clippy --workspace --all-targets --quiet -- -D warnings

deny:          ## licences, sources and banned crates of every dependency
	@scripts/deny.sh
