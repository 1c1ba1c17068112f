# shellcheck shell=bash
# Builds the content of an image in a folder: programs, the shared libraries that they load, and the few
# files without which neither TLS nor name resolution works. Needs common.sh.

IMAGE_USER=65532

# Every shared object that the loader maps for these programs, the loader included.
libraries_of() {
  local program listing
  for program in "$@"; do
    listing=$(ldd "$program" 2>/dev/null) || continue # A static program has none.
    ! grep 'not found' <<<"$listing" >&2 || die "$program needs a shared library that is not installed (above)."
    awk '$2 == "=>" && $3 ~ /^\// { print $3 } $1 ~ /^\// { print $1 }' <<<"$listing"
  done | LC_ALL=C sort -u
}

# copy_libraries ROOTFS PROGRAM...: each at its own path, where the loader looks without a cache.
copy_libraries() {
  local rootfs=$1 library folder
  shift
  for library in $(libraries_of "$@"); do
    folder=$rootfs$(realpath "$(dirname "$library")")
    mkdir -p "$folder"
    cp -L "$library" "$folder/$(basename "$library")"
    chmod 755 "$folder/$(basename "$library")"
  done
  mkdir -p "$rootfs/usr/lib64" "$rootfs/usr/lib"
  ln -sfn usr/lib "$rootfs/lib"
  ln -sfn usr/lib64 "$rootfs/lib64"
  # The loader's fixed name, /lib64/ld-linux-x86-64.so.2, is a link on Debian too.
  for library in "$rootfs"/usr/lib/*/ld-linux-*.so.*; do
    [ ! -e "$library" ] || ln -sfn "../${library#"$rootfs"/usr/}" "$rootfs/usr/lib64/$(basename "$library")"
  done
}

# write_system_files ROOTFS: users, name resolution, CA certificates, a place for temporary files.
write_system_files() {
  local rootfs=$1
  mkdir -p "$rootfs/etc/ssl/certs" "$rootfs/tmp" "$rootfs/usr/local/bin"
  printf '%s\n' "root:x:0:0:root:/:/sbin/nologin" \
    "sluice:x:$IMAGE_USER:$IMAGE_USER:sluice:/:/sbin/nologin" >"$rootfs/etc/passwd"
  printf '%s\n' "root:x:0:" "sluice:x:$IMAGE_USER:" >"$rootfs/etc/group"
  echo "hosts: files dns" >"$rootfs/etc/nsswitch.conf"
  cp -L /etc/ssl/certs/ca-certificates.crt "$rootfs/etc/ssl/certs/ca-certificates.crt"
  find "$rootfs" -type d -exec chmod 755 {} +
  find "$rootfs/etc" -type f -exec chmod 644 {} +
  chmod 1777 "$rootfs/tmp"
}

# make_rootfs ROOTFS PROGRAM...: the programs in /usr/local/bin, stripped, and all that they need.
make_rootfs() {
  local rootfs=$1 program
  shift
  rm -rf "$rootfs"
  mkdir -p "$rootfs/usr/local/bin"
  for program in "$@"; do
    strip -o "$rootfs/usr/local/bin/$(basename "$program")" "$program"
    chmod 755 "$rootfs/usr/local/bin/$(basename "$program")"
  done
  copy_libraries "$rootfs" "$@"
  write_system_files "$rootfs"
}

# add_busybox ROOTFS: busybox and one link for each of its applets.
add_busybox() {
  local rootfs=$1 busybox applet
  busybox=$(command -v busybox) || die "busybox is not installed." "hack/deps installs it."
  mkdir -p "$rootfs/bin"
  cp -L "$busybox" "$rootfs/bin/busybox"
  chmod 755 "$rootfs/bin/busybox"
  copy_libraries "$rootfs" "$busybox"
  for applet in $("$busybox" --list); do
    [ "$applet" = busybox ] || ln -sfn busybox "$rootfs/bin/$applet"
  done
}
