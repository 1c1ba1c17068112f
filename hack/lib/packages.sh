# shellcheck shell=bash
# Reads hack/lib/packages. Needs common.sh.

# packages_of GROUP...: the packages of these groups, sorted, each once. No group means every one.
packages_of() {
  awk -v wanted=" $* " '
    /^#/ || !NF { next }
    /^\[/ { group = substr($0, 2, length($0) - 2); next }
    wanted == "  " || index(wanted, " " group " ") { print $1 }
  ' "$HACK_DIR/lib/packages" | LC_ALL=C sort -u
}
