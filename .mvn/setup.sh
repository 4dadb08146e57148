# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# Sourced by ./check, ./demo, ./cilium and .ci/run: finds a JDK, brings in what is missing, builds.
# Everything it says goes to stderr, one line at a time; stdout belongs to the program that is run.

MIN_JDK=25

say() { printf '%s: %s\n' "${0##*/}" "$*" >&2; }

die() {
  say "$*"
  exit 1
}

# The major version of the JDK in folder $1; nothing where there is none. A runtime without javac
# does not count, since Maven has to compile with it.
jdk_version() {
  local line
  [ -x "$1/bin/javac" ] || return 0
  line=$(grep -s '^JAVA_VERSION=' "$1/release") || line=$("$1/bin/javac" -version 2>&1)
  line=${line#*[\" ]}
  line=${line%%[!0-9]*}
  printf '%s' "$line"
}

# Exports JAVA_HOME: a JDK of MIN_JDK or newer, the user's own choice first. Without one the search's
# result is kept, since asking a JDK without a release file for its version takes as long as a command.
use_jdk() {
  local home on_path version found=target/.jdk
  if [ -z "${JAVA_HOME:-}" ] && [ -e $found ] && home=$(<$found) && [ -x "$home/bin/javac" ] &&
    [ ! "$home/bin/javac" -nt $found ]; then
    export JAVA_HOME=$home
    export MAVEN_OPTS="--sun-misc-unsafe-memory-access=allow ${MAVEN_OPTS:-}"
    return
  fi
  on_path=$(command -v java) && on_path=$(readlink -f "$on_path") && on_path=${on_path%/bin/java}
  for home in "${JAVA_HOME:-}" /usr/lib/jvm/* /opt/* "${HOME:-}"/.sdkman/candidates/java/* "$on_path"; do
    version=$(jdk_version "$home")
    if [ "${version:-0}" -ge "$MIN_JDK" ]; then
      if [ -z "${JAVA_HOME:-}" ] && mkdir -p target 2>/dev/null && [ -w target ]; then
        printf '%s\n' "$home" >$found
      fi
      export JAVA_HOME=$home
      # Maven 3 brings an old Guava of its own, which the JDK would warn of at each start. Not in
      # jvm.config: an older JVM does not know the flag and would not get as far as the enforcer.
      export MAVEN_OPTS="--sun-misc-unsafe-memory-access=allow ${MAVEN_OPTS:-}"
      return
    fi
  done
  die "no JDK $MIN_JDK or newer in JAVA_HOME, /usr/lib/jvm, /opt, ~/.sdkman or PATH: install temurin-$MIN_JDK-jdk (https://adoptium.net/installation/linux) or openjdk-$MIN_JDK-jdk-headless, or set JAVA_HOME to one"
}

# Whether one of these paths exists; for patterns.
any_exists() {
  local path
  for path in "$@"; do
    [ -e "$path" ] && return
  done
  return 1
}

# Whether what the Debian package $1 is wanted for is there, however it was installed.
has_package() {
  case $1 in
    libbpf1) any_exists /usr/lib/*/libbpf.so.1 /usr/lib64/libbpf.so.1 /usr/lib/libbpf.so.1 /usr/local/lib/libbpf.so.1 ;;
    libbpf-dev) any_exists /usr/include/bpf/bpf_helpers.h /usr/local/include/bpf/bpf_helpers.h ;;
    maven) command -v mvn >/dev/null ;;
    etcd-server) command -v etcd >/dev/null ;;
    llvm) command -v llvm-strip >/dev/null ;;
    iproute2) command -v ip >/dev/null ;;
    iputils-ping) command -v ping >/dev/null ;;
    nghttp2-client) command -v h2load >/dev/null ;;
    python3-websocket) any_exists /usr/lib/python3/dist-packages/websocket ;;
    busybox-static) command -v busybox >/dev/null ;;
    *) command -v "$1" >/dev/null ;;
  esac
}

# Sees to it that the Debian packages $@ are there: as root by installing them, else by naming them.
use_packages() {
  local package output missing=() apt='apt-get -qq -o Acquire::Retries=3'
  for package in "$@"; do
    has_package "$package" || missing+=("$package")
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    die "missing (Debian's names): ${missing[*]}. Install with: sudo apt-get install ${missing[*]}"
  fi
  say "installing ${missing[*]}"
  export DEBIAN_FRONTEND=noninteractive
  output=$({ $apt update && $apt install -y --no-install-recommends "${missing[@]}"; } 2>&1) ||
    die "apt-get could not install ${missing[*]}: ${output##*$'\n'}"
}

# What the build needs: clang, llvm and the headers for the eBPF programs, Maven for the rest.
use_build_tools() { use_packages clang llvm libbpf-dev maven; }

# Whether eBPF can be used here. Asks the kernel for a map of a kind that only a privileged caller
# gets (an LPM trie), since being root in a container says little. perl is part of every Debian.
bpf_usable() {
  local bpf_call
  [ "$(id -u)" = 0 ] || return 1
  case $(uname -m) in
    x86_64) bpf_call=321 ;;
    aarch64 | riscv64) bpf_call=280 ;;
    *) return 1 ;;
  esac
  # bpf(BPF_MAP_CREATE, {type LPM_TRIE, key 8 bytes, value 4 bytes, 1 entry, NO_PREALLOC}, 20)
  perl -e 'my $map = pack("L5", 11, 8, 4, 1, 1); exit(syscall($ARGV[0] + 0, 0, $map, 20) < 0)' "$bpf_call"
}

# Runs Maven with $@, without the colours that Debian's one ends both its outputs with even in a batch: they
# would stand before a last line that others read.
maven() { mvn -B -ntp "$@" 2>&1 | sed -u $'s/\033\\[[0-9;]*m//g'; }

# Runs Maven with $@ and shows of its output only what a waiting person wants to see; the whole of
# it is in target/build.log.
maven_quietly() {
  local line downloads=0 errors=0
  mkdir -p target
  mvn -B "$@" 2>&1 | tee target/build.log | while IFS= read -r line; do
    case $line in
      *"] Building "*"["*) say "${line#*] }" ;;
      *"] Downloaded from "*)
        downloads=$((downloads + 1))
        [ $((downloads % 50)) != 0 ] || say "$downloads files downloaded"
        ;;
      *"[ERROR] "?*)
        # What comes after the first few is how to call Maven differently.
        errors=$((errors + 1))
        [ $errors -gt 10 ] || say "${line##*"[ERROR] "}"
        ;;
    esac
  done
}

# The file in a module that marks it as built. It stands in the folder that Maven makes anew at each
# build, so that it never outlives what it marks.
STAMP=target/lib/.built

# Whether the built module $1 is newer than every source. Folders count, so that a deleted file is
# seen as well; tests and documents do not.
is_built() {
  local stamp=$1/$STAMP
  [ -e "$stamp" ] && [ -z "$(find pom.xml .mvn cilium-* examples \
    \( -name target -o -path '*/src/test' \) -prune -o \
    \( -name pom.xml -o -path '.mvn/*' -o -path '*/src/*' \) -newer "$stamp" -print -quit)" ]
}

# Marks module $1 as built from the sources as they were at the time of file $2, and puts what was
# built in a folder of its own, target/run/NAME-N: the next build begins with wiping the module's, and
# a program that runs reads its jars when it needs them. File target/run/NAME says which folder counts.
mark_built() {
  touch -r "$2" "$1/$STAMP"
  local name=${1//\//-} copy old
  mkdir -p target/run
  copy=$(mktemp -d "target/run/$name-XXXXXX")
  chmod 755 "$copy"
  cp -r "$1"/target/*-SNAPSHOT.jar "$1/target/lib" "$copy"
  printf '%s\n' "${copy##*/}" >"$copy.name"
  old=$(cat "target/run/$name" 2>/dev/null) || old=''
  mv "$copy.name" "target/run/$name"
  # What was there before stays for a start that has just read its name; others go unless they run.
  for copy in target/run/"$name"-??????; do
    case ${copy##*/} in "$old" | "$(<"target/run/$name")") continue ;; esac
    grep -qsF "/$copy/" /proc/[0-9]*/cmdline || rm -rf "$copy"
  done
}

# Whether what was built last in module $1 is what is run.
is_published() {
  local name=target/run/${1//\//-}
  [ -e "$name" ] && [ ! "$1/$STAMP" -nt "$name" ] && [ -d "target/run/$(<"$name")" ]
}

# Builds module $1 and what it needs, without tests and format checks, unless that is done already.
build() {
  is_built "$1" && is_published "$1" && return
  [ -w . ] || die "$PWD has to be built and is not writable for $(id -un)"
  use_build_tools
  mkdir -p target
  (
    flock 9
    if is_built "$1"; then
      is_published "$1" || mark_built "$1" "$1/$STAMP"
      exit
    fi
    say "building $1; the first time on a machine takes a few minutes"
    touch target/.started
    maven_quietly package -pl "$1" -am -Dmaven.test.skip -Dcheckstyle.skip ||
      die "the build failed; all of Maven's output is in $PWD/target/build.log"
    mark_built "$1" target/.started
  ) 9>target/.lock
}

# Sets RUN to the folder of what was built of module $1, JARS to the module path of its jars (a cache of
# classes takes jars only, no folders), and MODULES to the JVM's flags about them. Variables and no
# output, since a process of its own to catch it takes its time at each start.
find_jars() {
  local jar name=$PWD/target/run/${1//\//-}
  RUN=$PWD/target/run/$(<"$name")
  JARS=''
  for jar in "$RUN"/*-SNAPSHOT.jar "$RUN"/lib/*.jar; do
    JARS=$JARS:$jar
  done
  JARS=${JARS#:}
  # Who calls native code: the datapath, and Netty. Netty's own for epoll, on which the proxy runs, is a
  # module that nobody requires.
  MODULES=''
  case $JARS in *cilium-datapath-*) MODULES=--enable-native-access=io.cilium4j.datapath ;; esac
  case $JARS in
    *-native-epoll-*-linux-x86_64.jar*) MODULES+=',io.netty.common --add-modules=io.netty.transport.epoll.linux.x86_64' ;;
    *-native-epoll-*-linux-aarch_64.jar*) MODULES+=',io.netty.common --add-modules=io.netty.transport.epoll.linux.aarch_64' ;;
  esac
}

# Makes the cache of classes of module $1 in folder $3 by a run of main class $2 with the flags $4,
# unless it is there. It holds for these very jars, flags (about modules too) and this JDK; without it a
# program is slower, and no more: one that cannot be made is an empty file, so that nobody tries again
# at each start.
train() {
  local module=$1 main=$2 folder=$3 flags=$4
  find_jars "$folder"
  local cache=$RUN/classes.aot
  [ ! -e "$cache" ] && [ -w "$RUN" ] || return 0
  (
    # One at a time: two would be in each other's way.
    flock 9
    [ ! -e "$cache" ] || exit
    # Beside it and renamed, since a program may start meanwhile.
    # shellcheck disable=SC2086
    timeout --foreground 120 "$JAVA_HOME/bin/java" $flags -XX:AOTCacheOutput="$cache.new" $MODULES \
      -p "$JARS" -m "$module/$main" >/dev/null 2>&1 || : >"$cache.new"
    [ -e "$cache.new" ] || : >"$cache.new"
    mv "$cache.new" "$cache"
  ) 9>target/.lock
}

# Runs main class $2 of Java module $1, built in folder $3, with the JVM's flags $4 and the arguments
# behind them, in place of this shell; with its cache of classes if there is one.
launch() {
  local module=$1 main=$2 folder=$3 flags=$4 cached=''
  shift 4
  find_jars "$folder"
  # The JVM takes a colon for the begin of a second file.
  case $RUN in
    *:*) ;;
    *) [ ! -s "$RUN/classes.aot" ] || cached=-XX:AOTCache=$RUN/classes.aot ;;
  esac
  cd "$CALLED_FROM" || exit
  # shellcheck disable=SC2086
  exec "$JAVA_HOME/bin/java" $flags ${cached:+"$cached"} $MODULES -p "$JARS" -m "$module/$main" "$@"
}

CALLED_FROM=$PWD
cd "${BASH_SOURCE[0]%/*}/.." || exit
set -euo pipefail
