#!/bin/bash
# start.sh TARGET_DIR RUN_DIR PROFILE_DIR [SIP_PORT AMI_PORT RTP_START]
# Renders configs (common/ + PROFILE_DIR) into RUN_DIR/etc, starts Asterisk in the
# foreground-less background bound to 127.0.0.1 only, waits until AMI answers.
# Env: AST_TZ (default Europe/Moscow), AST_SYSTEMNAME (default empty), AST_CARRIER_PORT (5080, where the
# carrier listens on 127.0.0.2), AST_CLEAN=1 wipes RUN_DIR first.
# Asterisk takes its zone from /etc/localtime and ignores $TZ, so the zone is bind-mounted over that file
# in a private mount namespace (root, or a user namespace); where that is refused it runs in the host's zone
# and says so.
set -eu
HERE=$(cd "$(dirname "$0")" && pwd)
T=$(cd "$1" && pwd); RUN=$2; PROFILE=$(cd "$3" && pwd)
SIP=${4:-5060}; AMI=${5:-5038}; RTP=${6:-20000}
[ "${AST_CLEAN:-0}" = 1 ] && rm -rf "$RUN"
mkdir -p "$RUN"/{etc,run,log/cdr-csv,log/cdr-custom,log/cel-custom,spool/monitor,spool/voicemail,spool/outgoing,spool/tmp,lib,lib/keys,cache}
RUN=$(cd "$RUN" && pwd)
if [ -s "$RUN/run/asterisk.pid" ] && kill -0 "$(cat "$RUN/run/asterisk.pid")" 2>/dev/null; then echo "already running"; exit 1; fi
SYS=""; [ -n "${AST_SYSTEMNAME:-}" ] && SYS="systemname=${AST_SYSTEMNAME}"
for f in "$HERE"/common/*.conf "$PROFILE"/*.conf; do
  sed -e "s#@RUN@#$RUN#g" -e "s#@MODULES@#$(cat "$T/modules.path")#g" -e "s#@DATA@#$T/root/usr/share/asterisk#g" \
      -e "s#@SIP_PORT@#$SIP#g" -e "s#@AMI_PORT@#$AMI#g" -e "s#@CARRIER_PORT@#${AST_CARRIER_PORT:-5080}#g" -e "s#@RTP_START@#$RTP#g" -e "s#@RTP_END@#$((RTP+1999))#g" \
      -e "s#@SYSTEMNAME@#$SYS#g" "$f" > "$RUN/etc/$(basename "$f")"
done
ZONE=${AST_TZ:-Europe/Moscow}
ZF="$T/root/usr/share/zoneinfo/$ZONE"; [ -f "$ZF" ] || ZF="/usr/share/zoneinfo/$ZONE"
NS=""
if unshare -m sh -c "mount --bind '$ZF' /etc/localtime" 2>/dev/null; then NS="unshare -m"
elif unshare -rm sh -c "mount --bind '$ZF' /etc/localtime" 2>/dev/null; then NS="unshare -rm"; fi
if [ -n "$NS" ]; then
  $NS sh -c "mount --bind '$ZF' /etc/localtime; exec '$T/asterisk' -f -C '$RUN/etc/asterisk.conf'" > "$RUN/log/console.txt" 2>&1 < /dev/null &
else
  ZONE="host zone (bind mount refused)"
  "$T/asterisk" -f -C "$RUN/etc/asterisk.conf" > "$RUN/log/console.txt" 2>&1 < /dev/null &
fi
echo $! > "$RUN/run/launcher.pid"; echo "$ZONE" > "$RUN/run/zone"
for i in $(seq 1 100); do
  if "$T/asterisk" -C "$RUN/etc/asterisk.conf" -rx 'core waitfullybooted' >/dev/null 2>&1; then
    echo "up after ~$((i*2))00 ms: AMI 127.0.0.1:$AMI SIP 127.0.0.1:$SIP zone=$ZONE run=$RUN pid=$(cat "$RUN/run/asterisk.pid" 2>/dev/null || cat "$RUN/run/launcher.pid")"; exit 0; fi
  kill -0 "$(cat "$RUN/run/launcher.pid")" 2>/dev/null || { echo "asterisk died:"; tail -20 "$RUN/log/console.txt"; exit 1; }
  sleep 0.2
done
echo "timeout"; exit 1
