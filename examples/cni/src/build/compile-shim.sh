#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# usage: compile-shim.sh OUT   (from the module's folder)
# Compiles the CNI plugin's executable to OUT/cilium-cni-ARCH, for this machine's architecture as the
# JDK calls it, when its source is newer. Static, since it runs on whatever the node is; without a
# build id, so that it is the same wherever it is built.
set -eu
out=$1
cc=${CLANG:-clang}
case $(uname -m) in
  x86_64) arch=amd64 ;;
  *) arch=$(uname -m) ;;
esac
shim=$out/cilium-cni-$arch
source=src/main/c/cilium-cni.c

if [ -e "$shim" ] && [ -z "$(find "$0" "$source" -newer "$shim")" ]; then
  exit 0
fi
command -v "$cc" >/dev/null || {
  echo "compile-shim: $cc is missing: apt install clang" >&2
  exit 1
}
mkdir -p "$out"
"$cc" -std=gnu11 -Os -static -s -Wall -Wextra -Werror -Wl,--build-id=none -o "$shim.tmp" "$source"
mv "$shim.tmp" "$shim"
