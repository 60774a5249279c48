#!/usr/bin/env bash
# Publishes a firmware image with curl and jq, where the `otaria` command is not wanted. Safe to run again: what is there
# already is neither sent nor made twice.
#
#   publish.sh FILE
#
# OTARIA_URL, OTARIA_PARTNER, OTARIA_CLIENT_ID, OTARIA_CLIENT_SECRET   the server, and the partner's client; its secret may
#                                                                      be in a file that OTARIA_CLIENT_SECRET_FILE names
# OTARIA_TYPE, OTARIA_NAME, OTARIA_VERSION                             what the file is
# OTARIA_TAGS, OTARIA_DEVICE_TYPES, OTARIA_PUSH                        optional, each a list with commas: tags, ids of
#                                                                      device types, ids of devices to push to
# OTARIA_TIMEOUT                                                       how long to wait for the devices, in seconds
#
# Needs bash 4.4, curl, jq and coreutils.
set -euo pipefail

fail() { echo "publish: $1" >&2; exit "${2:-1}"; }
quoted() { jq -rn --arg text "$1" '$text | @uri'; }
list() { jq -cn --arg text "$1" '$text | split(",") | map(select(. != ""))'; }

if [ -z "${OTARIA_CLIENT_SECRET:-}" ] && [ -n "${OTARIA_CLIENT_SECRET_FILE:-}" ]; then
    # Whoever put the secret itself there should not find it in a log.
    OTARIA_CLIENT_SECRET=$(cat -- "$OTARIA_CLIENT_SECRET_FILE" 2>/dev/null) ||
        fail "OTARIA_CLIENT_SECRET_FILE names no file that can be read" 2
fi
for name in URL PARTNER CLIENT_ID CLIENT_SECRET TYPE NAME VERSION; do
    name=OTARIA_$name
    [ -n "${!name:-}" ] || fail "$name is not set" 2
    [[ "${!name}" != . && "${!name}" != .. ]] || fail "$name is ${!name}, which names nothing in a path" 2
done
[[ "$OTARIA_TYPE" =~ ^[0-9]+$ ]] || fail "OTARIA_TYPE is a number, and not $OTARIA_TYPE" 2
[ $# = 1 ] || fail "name one file to publish" 2
file=$1
# `-` and what begins with one are names as well.
[[ "$file" == /* ]] || file=./$file
[ -f "$file" ] || fail "there is no file $file" 3
[ -s "$file" ] || fail "$file is empty: did the build fail?" 2
api="${OTARIA_URL%/}/v1/ota/partners/$OTARIA_PARTNER"
partner="${OTARIA_URL%/}/v1/partners/$OTARIA_PARTNER"
answer=$(mktemp)
headers=$(mktemp)
trap 'rm -f "$answer" "$headers"' EXIT

# request EXPECTED CURL-ARGUMENT...: sends a request; its status is in $status, its JSON in the file $answer. Nothing in a
# name means anything to curl.
request() {
    local expected=$1
    shift
    status=$(curl -sS --retry 3 --globoff --path-as-is -o "$answer" -D "$headers" -w '%{http_code}' "$@") ||
        fail "$OTARIA_URL cannot be reached"
    case $status in
    202 | 204) ;;
    *) jq -es 'length == 1 and (.[0] | type == "object" or type == "array")' "$answer" >/dev/null 2>&1 ||
        fail "$OTARIA_URL answers with $status and no JSON: is it the URL of an Otaria server?" ;;
    esac
    [[ " $expected " == *" $status "* ]] || refused
}
# call EXPECTED CURL-ARGUMENT...: the same with the token, by a file descriptor: what is on a command line, others on the
# machine can read.
call() { request "$1" -H @<(printf 'Authorization: Bearer %s' "$token") "${@:2}"; }
# json EXPECTED METHOD URL BODY CURL-ARGUMENT...
json() { call "$1" -X "$2" -H 'Content-Type: application/json' -d "$4" "${@:5}" "$3"; }
refused() {
    local code=1
    case $status in 400 | 422) code=2 ;; 401 | 403) code=4 ;; 404) code=3 ;; 409) code=5 ;; esac
    fail "$status: $(jq -r '.error_description? // .' "$answer")" "$code"
}

request 200 -K <(printf 'user = "%s:%s"' "$OTARIA_CLIENT_ID" "$OTARIA_CLIENT_SECRET") \
    -d grant_type=client_credentials "${OTARIA_URL%/}/oauth/token"
token=$(jq -er .access_token "$answer") || fail "$OTARIA_URL gives no token"

# Whatever is named is looked up before anything is sent.
call 200 "$api/types/$OTARIA_TYPE"
mapfile -t device_types < <(list "${OTARIA_DEVICE_TYPES:-}" | jq -r '.[]')
mapfile -t devices < <(list "${OTARIA_PUSH:-}" | jq -r '.[]')
for device_type in "${device_types[@]}"; do call 200 "$partner/deviceTypes/$(quoted "$device_type")"; done

sha256=$(sha256sum <"$file" | cut -d ' ' -f 1)
images="$api/pool/types/$OTARIA_TYPE"

# The image, newest first in its type, or nothing; only one can have this name and version.
find_image() {
    local page=0
    image=
    call 200 "$images/names/$(quoted "$OTARIA_NAME")/versions/$(quoted "$OTARIA_VERSION")/exists"
    [ "$(jq -r .value "$answer")" = true ] || return 0
    while [ -z "$image" ]; do
        call 200 "$images?size=1000&page=$page"
        image=$(jq -c --arg name "$OTARIA_NAME" --arg version "$OTARIA_VERSION" \
            'first(.content[] | select(.name == $name and .version == $version)) // empty' "$answer")
        page=$((page + 1))
        [ "$page" -lt "$(jq .totalPages "$answer")" ] || break
    done
}
# Whether the image has the file: one that was recorded first has none yet, and one with another file keeps that.
has_file() {
    case $(jq -r '.url // ""' <<<"$image") in
    '') return 1 ;;
    *"/v1/ota/partners/$OTARIA_PARTNER/binaries/$sha256") return 0 ;;
    *) fail "$OTARIA_NAME $OTARIA_VERSION is there with another file: give this one a new version" 5 ;;
    esac
}

# require_association DEVICE: that the image is, or will be, for devices of its type; $type is that, $association by what.
require_association() {
    call 200 "$partner/devices/$(quoted "$1")"
    type=$(jq -r .deviceTypeId "$answer")
    association=
    if [ -n "$image" ]; then
        call "200 404" "$api/deviceTypes/$type/firmwareImages/types/$OTARIA_TYPE/versionNumbers/$(jq -r .versionNumber <<<"$image")"
        [ "$status" = 404 ] || association=$(jq -r .id "$answer")
    fi
    [[ -n "$association" || ",${OTARIA_DEVICE_TYPES:-}," == *",$type,"* ]] ||
        fail "$1: the image is not for devices of its type: add $type to OTARIA_DEVICE_TYPES" 6
}

find_image
for device in "${devices[@]}"; do require_association "$device"; done
verb=published
if [ -n "$image" ] && has_file; then verb='already published'; fi

# A binary that the partner uploaded before only needs to be found again.
json "200 404" POST "$api/binaries/moveToRepository" "{\"value\": \"$sha256\"}"
if [ "$status" = 404 ]; then
    call 200 -X POST -H 'Content-Type: application/octet-stream' \
        -H "Content-Disposition: attachment; filename*=UTF-8''$(quoted "$(basename -- "$file")")" -T "$file" "$api/binaries"
    [ "$(jq -r .value "$answer")" = "$sha256" ] || fail "$file changed while it was sent"
    json 200 POST "$api/binaries/moveToRepository" "{\"value\": \"$sha256\"}"
fi
url=$(jq -r .value "$answer")

if [ -z "$image" ]; then
    # Sent twice, the second finds what the first has made. Whoever made it, what is there then counts.
    json "201 409" POST "$api/pool" "$(jq -cn --argjson type "$OTARIA_TYPE" --arg name "$OTARIA_NAME" --arg version "$OTARIA_VERSION" \
        --arg url "$url" --argjson tags "$(list "${OTARIA_TAGS:-}")" \
        --arg partner "$OTARIA_PARTNER" --argjson types "$(list "${OTARIA_DEVICE_TYPES:-}")" \
        '{type: $type, name: $name, version: $version, url: $url, tags: $tags, associations: {($partner): $types}}')"
    if [ "$status" = 201 ]; then image=$(cat "$answer"); else find_image; fi
fi
if ! has_file; then
    image=$(jq -c --arg url "$url" '.url = $url' <<<"$image")
    json 204 PUT "$images/versionNumbers/$(jq -r .versionNumber <<<"$image")" "$image"
    find_image
    has_file || fail "somebody else took the file from $OTARIA_NAME $OTARIA_VERSION" 5
fi
echo "$verb: $OTARIA_NAME $OTARIA_VERSION" >&2

for device_type in "${device_types[@]}"; do
    json "201 409" POST "$api/deviceTypes/$(quoted "$device_type")/firmwareImages" "$image"
    # As every image is that was made just now.
    [ "$status" = 201 ] || [ "$(jq -r .error "$answer")" = already_associated ] || refused
done

# push DEVICE: pushes the image to it, and waits until that has come to an end.
push() {
    local device=$1 type association push state=
    require_association "$device"
    json "202 409" PUT "$api/deviceTypes/$type/firmwareImages/$association/push" "$(jq -cn --arg device "$device" '{value: $device}')"
    if [ "$status" = 409 ]; then
        [ "$(jq -r .error "$answer")" = already_installed ] || fail "$device: $(jq -r .error_description "$answer")" 6
        echo "$device runs it already" >&2
        return
    fi
    push=$(tr -d '\r' <"$headers" | sed -n 's|^[Ll]ocation:.*/||p' | tail -n 1)
    local end=$((SECONDS + ${OTARIA_TIMEOUT:-1800}))
    while [ "$SECONDS" -lt "$end" ]; do
        call 200 "$api/pushes/$push"
        if [ "$(jq -r .state "$answer")" != "$state" ]; then
            state=$(jq -r .state "$answer")
            echo "$device: $state" >&2
        fi
        case $state in
        succeeded) return ;;
        failed | timed_out | lost | cancelled | superseded) fail "$device: $state: $(jq -r '.message // ""' "$answer")" 7 ;;
        esac
        sleep 2
    done
    fail "$device did not come to an end within ${OTARIA_TIMEOUT:-1800} s" 8
}
for device in "${devices[@]}"; do push "$device"; done
echo "$image"
