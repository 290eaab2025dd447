# make run starts a virtual clock, make test proves that it works.
GO      ?= go
BIN     := bin/wordclockd
PKGS    := ./...
FLAGS   ?=
FUZZ    ?= 20s
SEED    ?= 1
N       ?= 2000

export CGO_ENABLED ?= 0

.PHONY: build run test bench fuzz soak lint clean help

help: ## what there is to make
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 8

build: ## the program, in bin/
	$(GO) build -trimpath -ldflags '-s -w' -o $(BIN) ./cmd/wordclockd

run: build ## a virtual clock on this terminal
	@exec $(BIN) run

test: ## everything that runs in process; FLAGS=-race for the race detector
	$(GO) test $(FLAGS) $(PKGS)

bench: ## figures, as ratios to what is named beside them
	$(GO) test -run '^$$' -bench . $(PKGS)

fuzz: ## each fuzz target for FUZZ (20s)
	@grep -rl '^func Fuzz' --include=*_test.go . | while read -r f; do \
		sed -n 's/^func \(Fuzz[A-Za-z0-9]*\)(.*/\1/p' "$$f" | while read -r t; do \
			fuzz="$(GO) test -run ^$$ -fuzz ^$$t\$$ -fuzztime $(FUZZ) -fuzzminimizetime 10x $$(dirname "$$f")"; \
			$$fuzz || $$fuzz || $$fuzz || exit 1; done || exit 1; done # go may take the end of its time for a failure; a real one is kept, and fails again

soak: ## the full numbers: N seeds from SEED on; writes docs/proofs.md
	@mkdir -p bin
	WORDCLOCKD_SOAK_SEED=$(SEED) WORDCLOCKD_SOAK_N=$(N) $(GO) test -v -count=1 -timeout 2h $(PKGS) >bin/soak.log || { grep -v '^=== ' bin/soak.log; exit 1; }
	@grep -q '^proof ' bin/soak.log
	{ sed '/^| ---/q' docs/proofs.md; sed -n 's/^proof //p' bin/soak.log | sort; } >bin/proofs.md
	mv bin/proofs.md docs/proofs.md

lint: ## gofmt, vet, staticcheck, go.mod
	@test -z "$$(gofmt -l .)" || { gofmt -l .; echo 'run gofmt -w on these'; exit 1; }
	$(GO) vet $(PKGS)
	$(GO) run honnef.co/go/tools/cmd/staticcheck@v0.8.2 $(PKGS)
	$(GO) mod tidy -diff

clean: ## what was made
	rm -rf bin
