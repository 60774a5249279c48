# The commands of this project. `make run` shows it working; `make test` runs every check.

.PHONY: run test format lint unit corpus conformance suite schemathesis deny deb soak fuzz bench install-postgres install-packaging install-page-tools install-swupdate install-zchunk install-shellcheck

CARGO_DENY_VERSION := 0.20.2
CARGO_DEB_VERSION := 3.8.0
CARGO_FUZZ_VERSION := 0.13.2
TOOLS := $(CURDIR)/target/tools
CARGO := cargo
SHELL_SCRIPTS := $(shell grep -lE '^\#!.*\b(ba)?sh$$' scripts/* benches/* deploy/* examples/ci/* 2>/dev/null)
# A workspace of its own, and a folder for what is built there.
FUZZ_AT := --manifest-path fuzz/Cargo.toml --target-dir target/fuzz

# Builds the server and shows a whole publication on simulated devices. Needs a Rust toolchain, nothing else.
run:
	$(CARGO) run --release --locked --bin otaria -- demo

# Every check, on both databases.
test: install-postgres format lint corpus suite schemathesis deny
	@echo "all checks passed"

format:
	$(CARGO) fmt --all --check
	$(CARGO) fmt --manifest-path fuzz/Cargo.toml --check

lint: install-shellcheck
	$(CARGO) clippy --workspace --all-targets --locked -- -D warnings
	$(CARGO) clippy -p otaria-cli --no-default-features --all-targets --locked -- -D warnings
	$(CARGO) clippy --all-targets --locked $(FUZZ_AT) -- -D warnings
	PATH="$(CURDIR)/target/shellcheck/usr/bin:$$PATH" shellcheck $(SHELL_SCRIPTS)

# Units, properties, contracts of the store, HTTP against the router: both databases.
unit:
	scripts/with-postgres $(CARGO) test --workspace --exclude otaria-conformance --locked

# What the fuzz targets know: what devices and clients send, and what once went wrong.
corpus:
	$(CARGO) test --lib --locked $(FUZZ_AT)

# From outside, against the running binary: the reference, tenancy, real clients, kill -9, races, large files, and what
# operators install.
CONFORMANCE_TOOLS := $(TOOLS)/bin/cargo-deb target/python/installed install-packaging install-page-tools install-swupdate install-zchunk
conformance: $(CONFORMANCE_TOOLS)
	$(CARGO) build --locked --bin otaria
	scripts/with-postgres $(CARGO) test -p otaria-conformance --locked
	target/python/bin/python conformance/check-compose

# Both, so that what they have in common is built once.
suite: $(CONFORMANCE_TOOLS)
	$(CARGO) build --locked --bin otaria
	scripts/with-postgres $(CARGO) test --workspace --locked
	target/python/bin/python conformance/check-compose

# The server against its own OpenAPI document.
schemathesis: target/python/installed
	$(CARGO) build --locked --bin otaria
	conformance/schemathesis/run --engine sqlite --examples 25

target/python/installed: conformance/schemathesis/requirements.txt
	scripts/make-python target/python $<
	touch $@

# Throws random input at everything that reads what strangers send, for FUZZ_SECONDS seconds a target. The compiler is the
# stable one, told to let the fuzzer see which code runs; what fails is in fuzz/artifacts.
FUZZ_SECONDS ?= 60
fuzz: $(TOOLS)/bin/cargo-fuzz
	PATH="$(TOOLS)/bin:$$PATH" scripts/fuzz $(FUZZ_SECONDS)

$(TOOLS)/bin/cargo-fuzz:
	$(CARGO) install cargo-fuzz --locked --version $(CARGO_FUZZ_VERSION) --root $(TOOLS)

deny: $(TOOLS)/bin/cargo-deny
	$(TOOLS)/bin/cargo-deny --locked check bans licenses sources

$(TOOLS)/bin/cargo-deny:
	$(CARGO) install cargo-deny --debug --locked --version $(CARGO_DENY_VERSION) --root $(TOOLS)

# A Debian package of the release, in target/debian.
deb: $(TOOLS)/bin/cargo-deb
	$(TOOLS)/bin/cargo-deb --package otaria-cli --locked

$(TOOLS)/bin/cargo-deb:
	$(CARGO) install cargo-deb --locked --version $(CARGO_DEB_VERSION) --root $(TOOLS)

install-packaging:
	scripts/install-packaging

install-page-tools:
	scripts/install-page-tools

install-swupdate:
	scripts/install-swupdate

install-zchunk:
	scripts/install-zchunk

install-shellcheck:
	scripts/install-shellcheck

install-postgres:
	scripts/install-postgres

# A large siege, and the long version of everything random, within about MINUTES minutes.
MINUTES ?= 30
soak:
	scripts/soak $(MINUTES)

# Figures: from exec to the first answer, idle memory; what publishing costs beside a bare upload.
bench:
	$(CARGO) build --release --locked --bin otaria
	benches/start
	benches/publish
