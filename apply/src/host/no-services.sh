policy=/usr/sbin/policy-rc.d
mark='# made by sealift-apply for the time of a run: services are not started in a root directory'
ours() {
  [ -f "$policy" ] && grep -qxF "$mark" "$policy"
}
if [ ! -e "$policy" ]; then
  printf '#!/bin/sh\n%s\nexit 101\n' "$mark" > "$policy" && chmod 0755 "$policy"
fi
"$@"
code=$?
if ours; then rm -f "$policy"; fi
exit "$code"
