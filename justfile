# What people do here. `just check` is what CI runs; every recipe is a plain command that works without just, too.

set positional-arguments

# List the recipes.
default:
    @just --list

# Everything CI checks, in order of speed.
check: fmt house clippy doc deny unused viewer test

# Formatting.
fmt:
    cargo fmt --all --check

# What needs what: crates, and modules in each; fails if modules import each other in a circle.
house:
    python3 tests/python/house.py

# Lints, with warnings as errors.
clippy:
    cargo clippy --workspace --all-targets -- -D warnings

# Documentation builds and its links lead somewhere.
doc:
    RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --document-private-items

# Licences, forbidden dependencies, sources (cargo install --locked cargo-deny).
deny:
    cargo deny check licenses bans sources

# Known vulnerabilities of dependencies; needs GitHub, where their database is.
audit:
    cargo deny check advisories

# Dependencies that nothing uses (cargo install --locked cargo-machete).
unused:
    cargo machete --with-metadata

# The viewer: lint, types, unit tests. `cargo build` bundles it by itself.
viewer:
    #!/usr/bin/env bash
    set -euo pipefail
    cd viewer
    installed=node_modules/.zf-package-lock.json
    cmp -s package-lock.json "$installed" || { npm ci --no-audit --no-fund && cp package-lock.json "$installed"; }
    npm run check
    npm test

# All tests; Python with xarray is set up at the first run.
test *args:
    cargo test --workspace "$@"

# The end-to-end tests alone.
e2e *args:
    cargo test -p zarr-fuse-e2e "$@"

# Write the checked-in JSON Schemas and the OpenAPI document again; look at the difference before you commit it.
bless:
    BLESS=1 cargo test -p zarr-fuse-schemas -p zarr-fuse-journal -p zarr-fuse-server

# Fuzz targets (schema, csv, json_jq, formats, archives, time, segment, selection, whole_path) for some seconds each (cargo install cargo-fuzz): `just fuzz "csv time" 180`.
fuzz targets="schema csv json_jq formats archives time segment selection whole_path" seconds="60":
    #!/usr/bin/env bash
    set -euo pipefail
    cd service/fuzz
    # Unsafe code is forbidden, so that there is nothing for a sanitizer to find.
    for target in {{ targets }}; do
        mkdir -p "corpus-found/$target"
        RUSTC_BOOTSTRAP=1 cargo fuzz run --sanitizer none "$target" "corpus-found/$target" "corpus/$target" -- \
            -max_total_time={{ seconds }} -rss_limit_mb=2048 -timeout=10
    done

# The figures: ingest, uploads, series, or all of them. Release build, of everything at once so that features agree.
bench *args:
    cargo build --release --workspace --bin zf --example bench
    "${CARGO_TARGET_DIR:-target}/release/examples/bench" "$@"

# How fast every format is decoded on one core, beside pandas, pyarrow, openpyxl, xarray and eccodes. `python` is one that has
# what `tests/python/make_formats.py` names; `rows` is the size of the tables.
formats-bench python="python3" rows="1000000" folder="target/formats-bench":
    cargo build --release -p zarr-fuse-decode --example decode
    {{ python }} tests/python/time_formats.py "${CARGO_TARGET_DIR:-target}/release/examples/decode" {{ folder }} {{ rows }}

# Fault campaigns in their long form (an hour or more): kills, a faulty S3, full disks and so on while clients upload, then
# what was kept is compared with what was acknowledged. Writes the table in docs/reliability.md. `just campaign kills` runs some.
campaign name="":
    ZF_CAMPAIGN=long cargo test -p zarr-fuse-e2e "campaign::{{ name }}" -- --nocapture --test-threads=1

# Ask the interface at random, so many times for each kind of request, as its OpenAPI document describes it.
schemathesis examples="500":
    ZF_EXAMPLES={{ examples }} cargo test -p zarr-fuse-e2e interface -- --nocapture

# A real S3 on this machine until Ctrl-C: Ceph's gateway, from Debian's packages. Prints the settings for `zf`.
ceph *args:
    deploy/dev/ceph run "$@"

# Run `zf` from the sources: `just run query schemas/weather.yaml forecast`.
run *args:
    cargo run -q -p zf -- "$@"

# The whole product on this machine, optimized.
up *args:
    cargo run --release -p zf -- demo "$@"
