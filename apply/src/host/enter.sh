root=$1 repository=$2
shift 2
fail() {
  echo "sealift-enter: $1" >&2
  exit 97
}
[ "$(id -u)" = 0 ] || fail "entering a root directory by chroot needs root; run as root, or set \`enter = \"chrootless\"\` (for trials)"
[ -d "$root" ] || fail "there is no directory $root; check \`root\` of the host in inventory.toml"
[ -f "$root/var/lib/dpkg/status" ] || fail "$root is not the root of a Debian system: it has no var/lib/dpkg/status"
# Links in a host's root would lead the mounts out of it.
for name in proc dev mnt; do
  [ -d "$root/$name" ] && [ ! -L "$root/$name" ] || fail "$root/$name is not a directory"
done
[ -x "$root/usr/bin/env" ] && [ -x "$root/bin/sh" ] || fail "$root is not the root of a Debian system: it has no usr/bin/env or bin/sh"
mount -t proc proc "$root/proc" || fail "cannot mount /proc"
mount -t tmpfs -o mode=755,size=256k tmpfs "$root/dev" || fail "cannot mount /dev"
for node in null zero full random urandom; do
  : > "$root/dev/$node"
  mount --bind "/dev/$node" "$root/dev/$node" || fail "cannot mount /dev/$node"
done
ln -s /proc/self/fd "$root/dev/fd"
ln -s /proc/self/fd/0 "$root/dev/stdin"
ln -s /proc/self/fd/1 "$root/dev/stdout"
ln -s /proc/self/fd/2 "$root/dev/stderr"
if [ -n "$repository" ]; then
  [ -d "$repository" ] || fail "there is no repository directory $repository; check \`repository\` of the group in inventory.toml, or publish it: sealift-import publish"
  mount --bind -o ro "$repository" "$root/mnt" || fail "cannot mount $repository"
fi
exec chroot "$root" "$@"
