#!/usr/bin/env bash
# ./dev help [command]
# Lists the commands, or explains one.
source scripts/lib.sh

# The comment at the head of a command's file, without its first line, the interpreter.
head_of() { sed -n '2,/^[^#]/ s/^# \{0,1\}//p' "scripts/dev/$1.sh"; }

if [[ $# -gt 0 ]]; then
  [[ $1 =~ ^[a-z]+$ && -f scripts/dev/$1.sh ]] || fail "there is no command '$1'"
  head_of "$1"
  exit
fi
echo "The door to data-sync:"
echo
for command in run test build bench chaos sim fuzz lint format setup clean help; do
  [[ -f scripts/dev/$command.sh ]] || continue
  head_of "$command" | { read -r usage; read -r summary; printf '  %-33s %s\n' "$usage" "$summary"; cat >/dev/null; }
done
echo
echo "./dev help COMMAND tells more."
