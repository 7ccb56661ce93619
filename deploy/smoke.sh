#!/usr/bin/env bash
# Walks the main paths of a running Parley with curl and says what failed.
#
# Usage: deploy/smoke.sh URL          (http://127.0.0.1:8080)
#
#   SMOKE_USERNAME, SMOKE_PASSWORD   an account to log in with; on a server that has none yet this
#   SMOKE_SETUP_CODE                 becomes the first one, with this code where one is needed
#   SMOKE_TOKEN                      an access token, in place of the two
#   SMOKE_MODEL                      name of the model to chat with; else the first one that chats
#   SMOKE_SKIP                       names of steps to leave out, one a line
#
# Without an account only what is open to anyone is tried. What it makes (a folder, a session, an
# API key) it removes again. It needs curl, and jq or python3. Exit: 0 all passed, 1 something
# failed, 2 wrong usage.
# shellcheck disable=SC2317 # conditions are called by name
set -uo pipefail

url=${1:-}
if [[ ! $url =~ ^https?://[^/]+/?$ || $# -ne 1 ]]; then
  echo "usage: deploy/smoke.sh http://HOST:PORT" >&2
  exit 2
fi
url=${url%/}
folder=$(mktemp -d) || exit 2
trap 'rm -rf "$folder"' EXIT

passed=0
failed=0
token=""
status=""
body=$folder/body
head=$folder/head

# --- one request ------------------------------------------------------------------------------

# request METHOD PATH [BODY|-] [curl options]: sets status, fills $body and $head.
request() {
  local method=$1 path=$2 data=${3:--}
  shift $(($# < 3 ? $# : 3))
  local options=(-sS --max-time "${SMOKE_TIMEOUT_S:-60}" -X "$method" -o "$body" -D "$head"
    -w '%{http_code}')
  # Not in the arguments, which others on this machine may read.
  [[ -n $token ]] && printf 'header = "Authorization: Bearer %s"\n' "$token" >"$folder/curl"
  [[ -n $token ]] || : >"$folder/curl"
  [[ $data != - ]] && options+=(-H "Content-Type: application/json" --data-binary @-)
  : >"$body"
  : >"$head"
  status=$(printf '%s' "$data" | curl -K "$folder/curl" "${options[@]}" "$@" "$url$path" \
    2>"$folder/trouble") || true
}

header() { sed -n "s/^$1: *//Ip" "$head" | tr -d '\r' | tail -n 1; }

# pick items.0.id: that member of the last answer; nothing where it is not there.
if command -v jq >/dev/null; then
  pick() {
    jq -r --arg path "$1" 'try getpath($path / "." | map(tonumber? // .)) catch null
      | if . == null then "" elif type == "string" then . else tojson end' "$body" 2>/dev/null
  }
  quote() { jq -Rn --arg text "$1" '$text'; }
else
  pick() {
    python3 - "$body" "$1" 2>/dev/null <<'PYTHON'
import json, sys
value = json.load(open(sys.argv[1]))
for name in sys.argv[2].split("."):
    value = value[int(name)] if isinstance(value, list) else value[name]
print("" if value is None else value if isinstance(value, str) else json.dumps(value))
PYTHON
  }
  quote() { python3 -c 'import json, sys; print(json.dumps(sys.argv[1]))' "$1"; }
fi

# --- telling ----------------------------------------------------------------------------------

is_skipped() { grep -qxF -- "$1" <<<"${SMOKE_SKIP:-}"; }

pass() {
  passed=$((passed + 1))
  printf 'ok    %s\n' "$1"
}

fail() {
  failed=$((failed + 1))
  printf 'FAIL  %s: %s\n' "$1" "$2"
}

# check NAME STATUS METHOD PATH [BODY|-] [curl options]: false when it failed or is left out.
check() {
  local name=$1 wanted=$2
  shift 2
  is_skipped "$name" && return 1
  request "$@"
  if [[ $status == "$wanted" ]]; then
    pass "$name"
    return 0
  fi
  fail "$name" "$1 $2 should answer $wanted, not $status $(head -c 300 "$body")$(
    cat "$folder/trouble")"
  return 1
}

# holds NAME CONDITION…: a condition of the shell on what came last.
holds() {
  local name=$1
  shift
  is_skipped "$name" && return
  if "$@"; then pass "$name"; else fail "$name" "it is not so: $(head -c 300 "$body")"; fi
}

same() { [[ $1 == "$2" ]]; }
has() { grep -q -- "$1" "$body"; }

# --- what anyone may ask ----------------------------------------------------------------------

check "the server answers" 200 GET /healthz || {
  echo "Nothing answers at $url; is it running, and is this the right port?"
  exit 1
}
check "it is ready" 200 GET /readyz
check "health" 200 GET /api/health
check "about the server" 200 GET /api/info && holds "it tells its version" test -n "$(pick version)"
check "the first page" 200 GET /
check "the contract" 200 GET /openapi.json && holds "it is OpenAPI 3.1" has '"openapi":"3.1'
check "the reading page" 200 GET /docs
check "how to log in" 200 GET /api/auth/methods
needs_setup=$(pick setupRequired)
is_single=$(pick mode)
check "a request id is kept" 200 GET /healthz - -H "X-Request-Id: smoke-1"
holds "and comes back" same "$(header X-Request-Id)" smoke-1
holds "types are not guessed" same "$(header X-Content-Type-Options)" nosniff
check "no route" 404 GET /api/nothing
holds "errors say what" same "$(pick error.code)" not_found
check "no login, no sessions" 401 GET /api/sessions
check "no login, no models of /v1" 401 GET /v1/models

# --- an account -------------------------------------------------------------------------------

logged_in=""
account="{\"username\":$(quote "${SMOKE_USERNAME:-}"),\"password\":$(quote "${SMOKE_PASSWORD:-}")"
if [[ -n ${SMOKE_TOKEN:-} ]]; then
  token=$SMOKE_TOKEN
elif [[ -n ${SMOKE_USERNAME:-} && $needs_setup == true ]]; then
  code=""
  [[ -n ${SMOKE_SETUP_CODE:-} ]] && code=",\"setupCode\":$(quote "$SMOKE_SETUP_CODE")"
  check "the first account" 201 POST /api/auth/register "$account$code}" && logged_in=yes
elif [[ -n ${SMOKE_USERNAME:-} ]]; then
  check "log in" 200 POST /api/auth/login "$account}" && logged_in=yes
elif [[ $is_single == single ]]; then
  check "log in, single-user mode" 200 POST /api/auth/login && logged_in=yes
fi
[[ -n $logged_in ]] && token=$(pick accessToken)
refresh_token=$(pick refreshToken)

finish() {
  printf '\n%d passed, %d failed\n' "$passed" "$failed"
  exit $((failed > 0))
}

if [[ -z $token ]]; then
  echo "      no account: set SMOKE_USERNAME and SMOKE_PASSWORD to try the rest"
  finish
fi
check "who am I" 200 GET /api/auth/me || finish
role=$(pick role)
check "my profile" 200 GET /api/users/me
check "my logins" 200 GET /api/auth/logins
check "my settings" 200 GET /api/settings
check "my keys" 200 GET /api/keys
check "my usage" 200 GET /api/usage
check "my limits" 200 GET /api/usage/limits
check "my folders" 200 GET /api/folders
check "a wrong body" 422 POST /api/folders '{"name":"","odd":1}'
holds "names all its faults" has '"path":"/odd"'
check "no JSON" 400 POST /api/folders '{'

# --- sessions ---------------------------------------------------------------------------------

folder_id="" session="" key_id=""
word="smoke$RANDOM$RANDOM"
check "a folder" 201 POST /api/folders "{\"name\":\"$word\"}" && folder_id=$(pick id)
once=(-H "Idempotency-Key: $word")
check "a session" 201 POST /api/sessions "{\"title\":\"$word\",\"folderId\":\"$folder_id\"}" \
  "${once[@]}" && session=$(pick id)
check "the same request again" 201 POST /api/sessions \
  "{\"title\":\"$word\",\"folderId\":\"$folder_id\"}" "${once[@]}"
holds "makes no second session" same "$(pick id)" "$session"
check "the session" 200 GET "/api/sessions/$session"
tag=$(header ETag)
check "unchanged since" 304 GET "/api/sessions/$session" - -H "If-None-Match: $tag"
check "a change" 200 PATCH "/api/sessions/$session" '{"pinned":true}' -H "If-Match: $tag"
check "a change that comes late" 412 PATCH "/api/sessions/$session" '{"pinned":false}' \
  -H "If-Match: $tag"
check "sessions, filtered" 200 GET "/api/sessions?pinned=true&folderId=$folder_id&limit=5"
holds "it is among them" same "$(pick items.0.id)" "$session"
check "sessions at once" 200 POST /api/sessions/bulk \
  "{\"ids\":[\"$session\"],\"action\":\"tag\",\"tags\":[\"smoke\"]}"
check "search" 200 GET "/api/search?q=$word"
holds "finds its title" has "$session"

# --- a turn -----------------------------------------------------------------------------------

model="" model_name=""
check "models" 200 GET /api/models
for ((i = 0; ; ++i)); do
  [[ -n $(pick "items.$i.id") ]] || break
  [[ $(pick "items.$i.enabled") != false ]] || continue
  [[ -z ${SMOKE_MODEL:-} || $(pick "items.$i.name") == "$SMOKE_MODEL" ]] || continue
  model=$(pick "items.$i.id")
  model_name=$(pick "items.$i.name")
  break
done

# The ids of a stream rise, and its last event is done.
is_whole_stream() {
  awk '/^id: / { if ($2 + 0 <= last) bad = 1; last = $2 + 0 }
       /^event: / { name = $2 }
       END { exit bad || name != "done" }' "$body"
}

try_chat() {
  local turn="{\"sessionId\":\"$session\",\"modelId\":\"$model\",\"content\":\"Say hello.\"}"
  local message=""
  check "tokens of a text" 200 POST /api/tokens/count "{\"text\":\"Hi\",\"modelId\":\"$model\"}"
  check "what would be sent" 200 POST /api/chat/preview "$turn"
  check "a turn, streamed" 200 POST /api/chat/stream "$turn" || return
  message=$(sed -n 's/^data: .*"messageId":"\([^"]*\)".*/\1/p' "$body" | head -n 1)
  holds "its events are in order" is_whole_stream
  holds "it has text" has '^event: delta'
  check "the same stream, resumed" 200 GET "/api/chat/stream/$message" - -H "Last-Event-ID: 1"
  holds "goes on where it was cut" is_whole_stream
  check "another reply" 200 POST /api/chat/regenerate "{\"messageId\":\"$message\"}" \
    -H "Accept: application/json"
  holds "stands beside the first" same "$(pick siblings.count)" 2
  check "the messages" 200 GET "/api/sessions/$session/messages?limit=10"
  holds "all three are there" test -n "$(pick items.2.id)"
  check "one message" 200 GET "/api/sessions/$session/messages/$message"
  check "a stop of what has ended" 204 POST /api/chat/stop "{\"messageId\":\"$message\"}"
  check "the session as a file" 200 GET "/api/sessions/$session/export?format=md"
  check "a copy" 201 POST "/api/sessions/$session/fork" '{}' &&
    check "the copy removed" 204 DELETE "/api/sessions/$(pick id)"
}

try_v1() {
  local name
  name=$(quote "$model_name")
  local talk="\"messages\":[{\"role\":\"user\",\"content\":\"Say hello.\"}]"
  check "models of /v1" 200 GET /v1/models
  check "a completion" 200 POST /v1/chat/completions "{\"model\":$name,$talk}"
  holds "it has text" test -n "$(pick choices.0.message.content)"
  check "a completion, streamed" 200 POST /v1/chat/completions \
    "{\"model\":$name,\"stream\":true,$talk}"
  holds "it has its end" has '^data: \[DONE\]'
  check "a message in Anthropic's form" 200 POST /v1/messages \
    "{\"model\":$name,\"max_tokens\":64,$talk}" -H "anthropic-version: 2023-06-01"
  check "tokens in Anthropic's form" 200 POST /v1/messages/count_tokens "{\"model\":$name,$talk}"
}

if [[ -n $model ]]; then
  try_chat
  try_v1
else
  fail "a model to chat with" "there is none${SMOKE_MODEL:+ named $SMOKE_MODEL}; add one first"
fi

# --- keys, administration ---------------------------------------------------------------------

login_token=$token
if check "an API key" 201 POST /api/keys '{"name":"smoke","scopes":["read"]}'; then
  key_id=$(pick id)
  token=$(pick key)
  check "the key reads" 200 GET /api/sessions
  check "and no more than that" 403 POST /api/folders '{"name":"no"}'
  key=$token
  token=$login_token
  check "the key revoked" 204 DELETE "/api/keys/$key_id"
  token=$key
  check "it opens nothing" 401 GET /api/sessions
  token=$login_token
fi

# A stream without end: that it begins is what is asked.
if ! is_skipped "live changes"; then
  SMOKE_TIMEOUT_S=2 request GET /api/events
  holds "live changes" same "$status" 200
fi

if [[ $role == ADMIN ]]; then
  for path in users users/invitations settings/system admin/audit admin/streams admin/channels \
    admin/logs admin/usage admin/quotas; do
    check "of ADMINs: $path" 200 GET "/api/$path"
  done
else
  check "of ADMINs alone" 403 GET /api/users
fi

# --- leaving ----------------------------------------------------------------------------------

check "the session removed" 204 DELETE "/api/sessions/$session"
check "it is gone" 404 GET "/api/sessions/$session"
check "the folder removed" 204 DELETE "/api/folders/$folder_id"
if [[ -n $logged_in ]]; then
  if [[ -n $refresh_token ]]; then
    saved=$token token=""
    check "a new token" 200 POST /api/auth/refresh "{\"refreshToken\":\"$refresh_token\"}"
    fresh=$(pick accessToken)
    token=${fresh:-$saved}
  fi
  check "log out" 204 POST /api/auth/logout '{}'
  check "the token has ended" 401 GET /api/auth/me
fi
finish
