#!/usr/bin/env bash
# ./dev clean
# Deletes all that was built; node_modules and data stay.
source scripts/lib.sh
rm -rf build
