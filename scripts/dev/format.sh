#!/usr/bin/env bash
# ./dev format
# Formats all C++ files in place.
source scripts/lib.sh
cpp_files | xargs -r clang-format -i
