/* What a server of NATS says. Read in whole or in parts it is the same, and what is read stays within the bytes. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "pure/nats.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int good) {
    if (!good) {
        abort();
    }
}

static void within(const char *text, size_t size, const char *bytes, size_t all) {
    must(size == 0 || (text >= bytes && size <= all && text + size <= bytes + all));
}

static void check(const whi_nats_said *said, const char *bytes, size_t size) {
    whi_nats_answer answer;
    whi_json scratch = { 0 };
    whi_nats_info info;

    must(said->taken > 0 && said->taken <= size);
    within(said->text, said->size, bytes, said->taken);
    within(said->subject, said->subject_size, bytes, said->taken);
    must(said->status >= 0 && said->status < 1000);
    (void)whi_nats_info_read(&info, &scratch, said->text, said->size);
    (void)whi_nats_answer_read(&answer, &scratch, said->text, said->size);
    must(strlen(answer.description) < sizeof answer.description);
    whi_json_free(&scratch);
}

static enum whi_nats_kind read_part(const uint8_t *data, size_t size, whi_nats_said *said) {
    char *bytes = malloc(size + 1);

    must(bytes != NULL);
    memcpy(bytes, data, size);
    bytes[size] = '\0'; /* not told of */
    whi_nats_read(bytes, size, said);
    if (said->kind != WHI_NATS_MORE && said->kind != WHI_NATS_WRONG) {
        check(said, bytes, size);
    } else {
        must(said->taken == 0);
    }
    free(bytes);
    return said->kind;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    whi_nats_said whole, part;
    enum whi_nats_kind kind = read_part(data, size, &whole), before = read_part(data, size / 2, &part);
    char *subject = malloc(size + 1);

    must(before == WHI_NATS_MORE || (before == kind && part.taken == whole.taken)); /* what follows changes nothing */
    must(subject != NULL);
    memcpy(subject, data, size);
    subject[size] = '\0';
    must(!whi_nats_subject_is_good(subject) || strpbrk(subject, " \r\n\t*>") == NULL);
    free(subject);
    return 0;
}
