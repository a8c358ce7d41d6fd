# Sourced by the other scripts: what a machine lacks is named, with the reason, and installed with apt.

# say TEXT: one line to the reader, on stderr, so that a script's output stays its own.
say() { printf '%s\n' "$*" >&2; }

# as_root COMMAND...: runs a command as root, through sudo where we are not.
as_root() {
  if [ "$(id -u)" -eq 0 ]; then
    "$@"
  elif command -v sudo >/dev/null; then
    sudo "$@"
  else
    say "This needs root, and there is no sudo here. Run as root: $*"
    return 1
  fi
}

# is_installed PACKAGE
is_installed() { [ "$(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null)" = installed ]; }

# install_missing WHY PACKAGE...: installs those packages that are not there. Services that a package brings are not started.
install_missing() {
  local why=$1 package missing=()
  shift
  if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
    say "No apt here; these packages, or what they are called on this system, have to be there: $* ($why)"
    return 0
  fi
  for package in "$@"; do
    is_installed "$package" || missing+=("$package")
  done
  [ ${#missing[@]} -eq 0 ] && return 0
  say "Installing ${missing[*]}: $why"
  if [ -z "${package_lists_fresh:-}" ]; then
    as_root apt-get update -qq
    package_lists_fresh=yes
  fi
  as_root env RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -qq --no-install-recommends "${missing[@]}" >&2
}

# require_cargo: stops with an explanation where there is no cargo.
require_cargo() {
  if ! command -v cargo >/dev/null && [ -f "${HOME:-/root}/.cargo/env" ]; then
    # shellcheck disable=SC1091
    . "${HOME:-/root}/.cargo/env"
  fi
  command -v cargo >/dev/null && return 0
  say "Cargo, Rust's build tool, is not on the PATH. Debian 12's own is too old; install the current one with rustup,"
  say "as the page \"Install Rust\" of the Rust project describes, then open a new shell and run this again."
  return 1
}

# What building needs: a C compiler and linker for the few C parts among the dependencies, and libvips to link with.
install_build_packages() {
  install_missing "a C compiler and linker for the C parts of some dependencies (SQLite, cryptography)" build-essential
  install_missing "libvips, which decodes, resizes and encodes the pictures" libvips-dev
}

# What running needs beside the program itself: ffprobe, without which everything works but uploads of video and audio.
install_media_packages() {
  install_missing "ffprobe, which looks into video and audio (the tests make clips with ffmpeg, too)" ffmpeg
}
