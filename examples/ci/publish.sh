#!/usr/bin/env bash
# Publishes a firmware image with curl and jq, where the `otaria` command is not wanted. Safe to run again: what is there
# already is neither sent nor made twice.
#
#   publish.sh FILE
#
# OTARIA_URL, OTARIA_PARTNER, OTARIA_CLIENT_ID, OTARIA_CLIENT_SECRET   the server, and the partner's client
# OTARIA_TYPE, OTARIA_NAME, OTARIA_VERSION                             what the file is
# OTARIA_TAGS, OTARIA_DEVICE_TYPES, OTARIA_PUSH                        optional, each a list with commas: tags, ids of
#                                                                      device types, ids of devices to push to
# OTARIA_TIMEOUT                                                       how long to wait for the devices, in seconds
set -euo pipefail

file=${1:?which file?}
: "${OTARIA_URL:?}" "${OTARIA_PARTNER:?}" "${OTARIA_CLIENT_ID:?}" "${OTARIA_CLIENT_SECRET:?}"
: "${OTARIA_TYPE:?}" "${OTARIA_NAME:?}" "${OTARIA_VERSION:?}"
api="${OTARIA_URL%/}/v1/ota/partners/$OTARIA_PARTNER"
answer=$(mktemp)
trap 'rm -f "$answer"' EXIT

fail() { echo "publish: $1" >&2; exit "${2:-1}"; }
quoted() { jq -rn --arg text "$1" '$text | @uri'; }
list() { jq -cn --arg text "$1" '$text | split(",") | map(select(. != ""))'; }

# call EXPECTED CURL-ARGUMENT...: sends a request; its status is in $status, its body in the file $answer. The token goes
# by a file descriptor: what is on a command line, others on the machine can read.
call() {
    local expected=$1
    shift
    status=$(curl -sS --retry 3 -o "$answer" -w '%{http_code}' -H @<(printf 'Authorization: Bearer %s' "$token") "$@")
    [[ " $expected " == *" $status "* ]] || fail "$status: $(jq -r '.error_description // .' "$answer" 2>/dev/null || cat "$answer")"
}
json() { call "$1" -X "$2" -H 'Content-Type: application/json' -d "$4" "$3"; }

token=$(curl -sS --fail-with-body --retry 3 -K <(printf 'user = "%s:%s"' "$OTARIA_CLIENT_ID" "$OTARIA_CLIENT_SECRET") \
    -d grant_type=client_credentials "${OTARIA_URL%/}/oauth/token" | jq -er .access_token) || fail "no token: is the client's secret right?" 4

images="$api/pool/types/$OTARIA_TYPE"
call 200 "$images/names/$(quoted "$OTARIA_NAME")/versions/$(quoted "$OTARIA_VERSION")/exists"
exists=$(jq -r .value "$answer")

# A binary that the partner uploaded before only needs to be found again.
sha256=$(sha256sum "$file" | cut -d ' ' -f 1)
json "200 404" POST "$api/binaries/moveToRepository" "{\"value\": \"$sha256\"}"
if [ "$status" = 404 ]; then
    call 200 -X POST -H 'Content-Type: application/octet-stream' \
        -H "Content-Disposition: attachment; filename*=UTF-8''$(quoted "$(basename "$file")")" -T "$file" "$api/binaries"
    [ "$(jq -r .value "$answer")" = "$sha256" ] || fail "$file changed while it was sent"
    json 200 POST "$api/binaries/moveToRepository" "{\"value\": \"$sha256\"}"
fi
url=$(jq -r .value "$answer")

# The image, newest first in its type; only one can have this name and version.
find_image() {
    local page=0
    while :; do
        call 200 "$images?size=1000&page=$page"
        image=$(jq -c --arg name "$OTARIA_NAME" --arg version "$OTARIA_VERSION" \
            'first(.content[] | select(.name == $name and .version == $version)) // empty' "$answer")
        page=$((page + 1))
        if [ -n "$image" ] || [ "$page" -ge "$(jq .totalPages "$answer")" ]; then return; fi
    done
}

if [ "$exists" = true ]; then
    find_image
    [ "$(jq -r '.url | sub(".*/"; "")' <<<"$image")" = "$sha256" ] ||
        fail "$OTARIA_NAME $OTARIA_VERSION is there with another file: give this one a new version" 5
    echo "already published: $OTARIA_NAME $OTARIA_VERSION" >&2
else
    json 201 POST "$api/pool" "$(jq -cn --argjson type "$OTARIA_TYPE" --arg name "$OTARIA_NAME" --arg version "$OTARIA_VERSION" \
        --arg url "$url" --argjson tags "$(list "${OTARIA_TAGS:-}")" \
        --arg partner "$OTARIA_PARTNER" --argjson types "$(list "${OTARIA_DEVICE_TYPES:-}")" \
        '{type: $type, name: $name, version: $version, url: $url, tags: $tags, associations: {($partner): $types}}')"
    image=$(cat "$answer")
    echo "published: $OTARIA_NAME $OTARIA_VERSION" >&2
fi

mapfile -t device_types < <(list "${OTARIA_DEVICE_TYPES:-}" | jq -r '.[]')
for device_type in "${device_types[@]}"; do
    # 409: it is associated already, as every new image is.
    json "201 409" POST "$api/deviceTypes/$(quoted "$device_type")/firmwareImages" "$image"
done

# push DEVICE: pushes the image to it, and waits until that has come to an end.
push() {
    local device=$1 type version_number association state=
    call 200 "${OTARIA_URL%/}/v1/partners/$OTARIA_PARTNER/devices/$(quoted "$device")"
    type=$(jq -r .deviceTypeId "$answer")
    version_number=$(jq -r .versionNumber <<<"$image")
    call 200 "$api/deviceTypes/$type/firmwareImages/types/$OTARIA_TYPE/versionNumbers/$version_number"
    association=$(jq -r .id "$answer")
    json "202 409" PUT "$api/deviceTypes/$type/firmwareImages/$association/push" "$(jq -cn --arg device "$device" '{value: $device}')"
    if [ "$status" = 409 ]; then
        [ "$(jq -r .error "$answer")" = already_installed ] || fail "$device: $(jq -r .error_description "$answer")" 6
        echo "$device runs it already" >&2
        return
    fi
    call 200 "$api/pushes?deviceId=$(quoted "$device")&type=$OTARIA_TYPE"
    local push
    push=$(jq -r --arg number "$version_number" 'first(.content[] | select(.versionNumber == $number)).id' "$answer")
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

mapfile -t devices < <(list "${OTARIA_PUSH:-}" | jq -r '.[]')
for device in "${devices[@]}"; do push "$device"; done
echo "$image"
