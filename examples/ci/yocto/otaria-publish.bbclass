# Publishes what an image recipe built. In the recipe `inherit otaria-publish`, in local.conf
#
#   HOSTTOOLS += "otaria"
#   OTARIA_URL = "https://ota.example.com"
#   OTARIA_PARTNER = "…"
#   OTARIA_CLIENT_ID = "…"
#   OTARIA_CLIENT_SECRET_FILE = "${HOME}/.otaria-client-secret"
#
# then `bitbake -c otaria_publish my-image`. The secret itself is in no variable: those end up in logs.

OTARIA_FILE ?= "${DEPLOY_DIR_IMAGE}/${IMAGE_LINK_NAME}.wic.gz"
OTARIA_TYPE ?= "5"
OTARIA_NAME ?= "${PN}"
OTARIA_VERSION ?= "${DISTRO_VERSION}"
# Separated by spaces; device types by id.
OTARIA_TAGS ?= ""
OTARIA_DEVICE_TYPES ?= ""

do_otaria_publish[network] = "1"
do_otaria_publish[nostamp] = "1"
do_otaria_publish() {
    export OTARIA_URL="${OTARIA_URL}" OTARIA_PARTNER="${OTARIA_PARTNER}"
    export OTARIA_CLIENT_ID="${OTARIA_CLIENT_ID}" OTARIA_CLIENT_SECRET_FILE="${OTARIA_CLIENT_SECRET_FILE}"
    set -- "--type=${OTARIA_TYPE}" "--name=${OTARIA_NAME}" "--version=${OTARIA_VERSION}"
    for tag in ${OTARIA_TAGS}; do set -- "$@" "--tag=$tag"; done
    for device_type in ${OTARIA_DEVICE_TYPES}; do set -- "$@" "--device-type=$device_type"; done
    otaria publish "$@" -- "${OTARIA_FILE}"
}
addtask otaria_publish after do_image_complete
