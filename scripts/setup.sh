#!/usr/bin/env bash
# setup.sh build|test: installs whatever building, or building and testing, needs and this machine
# lacks, and says what. Looks before it installs: where all is there, it is done in a second.
source "$(dirname "$0")/lib.sh"
source scripts/setup/system.sh
source scripts/setup/rust.sh
source scripts/setup/tools.sh

purpose=${1:-test}
setup_system "$purpose"
setup_rust
setup_tools "$purpose"
say "set-up: everything is there"
