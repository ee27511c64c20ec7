# Says what a host is, in sections: a line `@name`, then each line of content after a `|`. $1: the root directory, or nothing.
exec 2>/dev/null </dev/null
root=$1
db=$root/var/lib/dpkg
section() {
  printf '\n@%s\n' "$1"
  sed 's/^/|/'
}
query() {
  dpkg-query --admindir="$db" -W -f "$1"
  echo "rc=$?"
}
own_conffiles() {
  dpkg-query --admindir="$db" -W -f '${Conffiles}\n' |
    sed -n 's/^ \(\/.*\) \([0-9a-f]\{32\}\|newconffile\)\( obsolete\| remove-on-upgrade\)*$/\1/p' |
    while IFS= read -r path; do
      if [ -f "$root$path" ] && [ -r "$root$path" ]; then printf '%s\0' "$root$path"; fi
    done
}
services() {
  systemctl list-units --type=service --all --plain --no-legend --no-pager --full --state="$1" | sed 's/ .*//'
}

echo '@facts 1'
if [ -f "$root/etc/os-release" ]; then cat "$root/etc/os-release"; else cat "$root/usr/lib/os-release"; fi | section os-release
cat "$root/etc/machine-id" | section machine-id
cat /proc/sys/kernel/random/boot_id | section boot-id
uname -r | section kernel-running
ls "$root/boot" | sed -n 's/^vmlinuz-//p' | section kernels
dpkg --print-architecture | section architecture
query '${Package}\t${Architecture}\t${Version}\t${db:Status-Want} ${db:Status-Eflag} ${db:Status-Status}\n' | section packages
query '${Conffiles}\n' | section conffiles
own_conffiles | xargs -0 -r sha256sum -b -- | section conffiles-sha256
own_conffiles | xargs -0 -r md5sum -b -- | section conffiles-md5
for table in tcp tcp6 udp udp6; do
  cat "/proc/net/$table" | section "$table"
done
if [ -z "$root" ] && [ -d /run/systemd/system ]; then
  services running | section services-running
  services failed | section services-failed
fi
if [ -e "$root/run/reboot-required" ]; then
  echo required | section reboot
  cat "$root/run/reboot-required.pkgs" | section reboot-packages
fi
printf '\n@end\n'
