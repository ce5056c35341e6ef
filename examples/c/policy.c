/* A host that converts videos: a conversion is given up, the youngest first, since least of it is lost.
 *
 * A policy in C, from wit/ alone. ../../docs/guide/other-languages.md says how it is built. */

#include <stdlib.h>
#include <string.h>

#include "guest.h"

#define NAME "convert"
#define URGENCY_MAX 900
#define SIGTERM 15

typedef exports_jettison_policy_policy_entry_t entry_t;

/* What a conversion is called. A process chooses its own name (proc_pid_stat(5)): what is said of it here costs only
 * itself. */
static const char *const conversions[] = {"ffmpeg", "x264", "x265"};

static bool is_conversion(const uint8_t *comm, size_t length) {
    for (size_t at = 0; at < sizeof conversions / sizeof *conversions; at++) {
        if (strlen(conversions[at]) == length && memcmp(conversions[at], comm, length) == 0) {
            return true;
        }
    }
    return false;
}

/* A conversion of an hour is given up last. */
static uint16_t urgency(uint64_t age_ms) {
    uint64_t minutes = age_ms / 60000;
    return (uint16_t)(URGENCY_MAX - (minutes < 60 ? minutes : 60));
}

void exports_jettison_policy_policy_describe(exports_jettison_policy_policy_description_t *ret) {
    guest_string_dup(&ret->name, NAME);
    guest_string_dup(&ret->version, "1.0.0");
    guest_string_dup(&ret->summary, "gives up conversions of videos, the youngest first");
}

/* It has no keys. */
void exports_jettison_policy_policy_validate(exports_jettison_policy_policy_list_problem_t *ret) {
    guest_string_t config;
    jettison_policy_request_config(&config);
    memset(ret, 0, sizeof *ret);
    if (config.len != 2 || memcmp(config.ptr, "{}", 2) != 0) {
        ret->len = 1;
        ret->ptr = malloc(sizeof *ret->ptr);
        guest_string_dup(&ret->ptr->key, "");
        guest_string_dup(&ret->ptr->message, "takes no configuration: remove [policy.config]");
    }
    guest_string_free(&config);
}

static entry_t conversion(uint32_t row, uint64_t age_ms) {
    entry_t entry = {0};
    /* The encoder and what it has started. */
    entry.target.tag = EXPORTS_JETTISON_POLICY_POLICY_TARGET_TREE;
    entry.target.val.tree = row;
    entry.stance.tag = EXPORTS_JETTISON_POLICY_POLICY_STANCE_SACRIFICE;
    entry.stance.val.sacrifice = urgency(age_ms);
    entry.shutdown.len = 1;
    entry.shutdown.ptr = calloc(1, sizeof *entry.shutdown.ptr);
    entry.shutdown.ptr->tag = EXPORTS_JETTISON_POLICY_POLICY_STEP_SIGNAL;
    entry.shutdown.ptr->val.signal.number = SIGTERM;
    entry.shutdown.ptr->val.signal.wait_ms = 2000;
    guest_string_dup(&entry.reason, "a conversion, which can be begun again");
    return entry;
}

/* A malloc that fails traps below, which the host takes as a fault of the policy. */
bool exports_jettison_policy_policy_rank(exports_jettison_policy_policy_ballot_t *ret, guest_string_t *err) {
    (void)err;
    jettison_policy_processes_text_column_t comms;
    guest_list_u64_t ages;
    jettison_policy_processes_comms(&comms);
    jettison_policy_processes_ages_ms(&ages);

    ret->entries.len = 0;
    ret->entries.ptr = malloc((comms.ends.len + 1) * sizeof(entry_t));
    uint32_t start = 0;
    for (size_t row = 0; row < comms.ends.len; row++) {
        uint32_t end = comms.ends.ptr[row];
        if (is_conversion(comms.bytes.ptr + start, end - start)) {
            ret->entries.ptr[ret->entries.len++] = conversion((uint32_t)row, ages.ptr[row]);
        }
        start = end;
    }
    return true;
}
