/* Errors: a code for the program, a sentence for the human, and the parts that a program would
 * otherwise read out of the sentence.
 *
 * A function that fails says why at the place where it knows most, with whi_fail or, where it
 * knows what is wrong, whi_fail_field, and returns the code; its callers pass the code on, or put
 * in front where it was (whi_fail_within…). All of it is in fixed buffers of the thread, so the
 * path of an error allocates nothing. Never put a secret into it. Nobody reads a sentence: what a
 * program needs to know is a part. */
#ifndef WHI_ERROR_H
#define WHI_ERROR_H

#include <stddef.h>
#include <stdint.h>

#include "webhook_backend.h"

#define WHI_ERROR_SIZE 512
#define WHI_FIELD_SIZE 160
#define WHI_PLACE_SIZE (WHI_FIELD_SIZE + 40)

/* What a thread has to say about its last failure. */
typedef struct whi_error {
    char sentence[WHI_ERROR_SIZE];
    char field[WHI_FIELD_SIZE]; /* "" for none */
    int64_t index;              /* of the item of the field, or of the event; -1 for none */
    int is_of_event;            /* the index is an event's of a batch */
    int64_t line;               /* of a rule; 0 for none */
    int is_of_size;             /* what was sent has too many bytes */
    size_t reason;              /* where in the sentence it goes on behind field, index and line */
} whi_error;

/* Remembers the sentence for wh_last_error and returns code. */
int whi_fail(int code, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* "field: " and the rest; the field is a part. With NULL as whi_fail. */
int whi_fail_field(int code, const char *field, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* "list[3]: " and the rest; list and index are parts. */
int whi_fail_item(int code, const char *list, size_t index, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* Puts words in front of the sentence, which says nothing about a field any more. Returns code. */
int whi_fail_within(int code, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Puts a field, or an item of a list, in front of the sentence: that is the part then. */
int whi_fail_within_field(int code, const char *field);
int whi_fail_within_item(int code, const char *list, size_t index);

/* Puts "event 3: " in front of the sentence; the field stays. */
int whi_fail_within_event(int code, size_t index);

/* Another field, or an item of a list, in the place of the field that is there; NULL: none. */
int whi_fail_renamed(int code, const char *field);
int whi_fail_renamed_item(int code, const char *list, size_t index);

/* "field: 12 bytes are more than the limit of 10". Returns WH_ELIMIT. */
int whi_fail_size(const char *field, size_t size, long long limit);

/* "rule: line 3: " and the text; without a line where that is 0, and with the code's words where
 * there is no text. */
int whi_fail_rule(int code, const wh_rule_error *error);
int whi_fail_rule_of(const char *field, int code, const wh_rule_error *error); /* another field than "rule" */

/* whi_fail(WH_ENOMEM, …) with the usual words. */
int whi_fail_memory(void);

/* The error of this thread, valid until its next one. */
const whi_error *whi_error_last(void);

/* Makes a kept copy this thread's error again. Returns code. */
int whi_error_again(int code, const whi_error *kept);

/* Field and index as one path: "url", "secrets[1]", "events[3].type"; "" for none. */
void whi_error_place(const whi_error *error, char out[WHI_PLACE_SIZE]);

/* Forgets the error of this thread. */
void whi_error_clear(void);

#endif
