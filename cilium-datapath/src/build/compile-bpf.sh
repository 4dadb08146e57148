#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# usage: compile-bpf.sh SOURCES OUT   (from the module's folder)
# Compiles each SOURCES/*.bpf.c to OUT/*.bpf.o when it or a header is newer. Without sources: nothing.
set -eu
sources=$1 out=$2
clang=${CLANG:-clang} strip=${LLVM_STRIP:-llvm-strip}

[ -n "$(ls "$sources"/*.bpf.c 2>/dev/null)" ] || exit 0
for tool in "$clang" "$strip"; do
  command -v "$tool" >/dev/null || {
    echo "compile-bpf: $tool is missing: apt install clang llvm libbpf-dev" >&2
    exit 1
  }
done
mkdir -p "$out"
for source in "$sources"/*.bpf.c; do
  object=$out/$(basename "$source" .c).o
  if [ -e "$object" ] && [ -z "$(find "$0" src/main/bpf "$sources" -newer "$object" -type f 2>/dev/null)" ]; then
    continue
  fi
  # The multi-arch folder holds asm/types.h, which -target bpf does not look for. Names in BTF begin at
  # the module's folder, so that the object is the same wherever it is built.
  "$clang" -O2 -g -target bpf -Wall -Wextra -Werror -Wno-unused-parameter \
    -ffile-compilation-dir=. \
    -I src/main/bpf -I src/main/bpf/lib -I "/usr/include/$(uname -m)-linux-gnu" \
    -c "$source" -o "$object.tmp"
  # BTF stays; DWARF is ten times its size and nobody reads it.
  "$strip" -g "$object.tmp"
  mv "$object.tmp" "$object"
done
