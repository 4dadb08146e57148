#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# usage: relocate-re2j.sh SOURCES OUT   (from the module's folder)
# Copies RE2/J's sources from SOURCES/com/google/re2j to OUT under a package of ours. RE2/J has no
# module descriptor: an automatic module keeps jlink out, and its own package name would clash
# with a program's own RE2/J.
set -eu
from=$1/com/google/re2j out=$2/io/cilium4j/core/re2j
if [ -e "$out/Pattern.java" ] && [ -z "$(find "$0" "$from" -newer "$out/Pattern.java" -name '*.java')" ]; then
  exit 0
fi
mkdir -p "$out"
for file in "$from"/*.java; do
  # The compiler's warnings about it are not ours to mend.
  sed -E -e 's/com\.google\.re2j/io.cilium4j.core.re2j/g' \
    -e 's/^((public |final |abstract )*(class|interface|enum) )/@SuppressWarnings({"fallthrough", "serial", "static", "this-escape"})\n\1/' \
    "$file" > "$out/$(basename "$file")"
done
cat > "$out/package-info.java" <<'INFO'
/** RE2/J, regular expressions in linear time; relocated, unchanged, no API of ours. */
@org.jspecify.annotations.NullUnmarked
package io.cilium4j.core.re2j;
INFO
