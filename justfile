# What developers type; the logic is in xtask, and CI calls the same tasks.

# List the recipes
default:
    @just --list

# Formatting, lints, dependency graph, changelog fragments
check:
    cargo xtask check

# Unit tests and journeys: no root, no network
unit:
    cargo test --workspace

# All that CI runs
test:
    cargo xtask test

# Only the journey with real Debian packages, apt and hosts
real:
    cargo xtask test --real

# The whole line once, on real Debian packages where possible
demo *ARGS:
    cargo xtask demo {{ARGS}}

# Ratios against bare hashing, cp, aptly and debmirror
bench *ARGS:
    cargo xtask bench {{ARGS}}

# One fuzz target for an hour (`just fuzz manifest --seconds 60`); without a name, list them
fuzz *ARGS:
    cargo xtask fuzz {{ARGS}}

# Which crate depends on which
graph:
    cargo xtask graph

# Licences, bans and sources of foreign crates (needs cargo-deny)
deny:
    cargo deny check licenses bans sources

# Write the unreleased part of CHANGELOG.md
changelog:
    cargo xtask changelog

# Read the library documentation
doc:
    cargo doc --workspace --no-deps
